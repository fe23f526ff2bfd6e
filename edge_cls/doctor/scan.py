"""All checks, in the order in which their problems should be fixed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from edge_cls.doctor.cameras import check_picamera2, check_ribbon_cameras, check_usb_cameras
from edge_cls.doctor.contents import check_configuration, check_contents, with_options
from edge_cls.doctor.edge_tpu import check_edge_tpu, check_edge_tpu_library
from edge_cls.doctor.health import check_clock, check_disk, check_power, check_temperature, check_wear
from edge_cls.doctor.machine import Machine
from edge_cls.doctor.pins import check_pin_folder, check_pin_libraries, check_pins
from edge_cls.doctor.report import Check, Level, Needs, warn
from edge_cls.doctor.software import (
    check_interpreter,
    check_invoke,
    check_opencv,
    check_python,
    check_speed,
    check_system,
)
from edge_cls.doctor.unit import check_service


class _CheckFunction(Protocol):
    """A check of one fact. It returns None if the fact does not matter on this machine."""

    __name__: str

    def __call__(self, machine: Machine, needs: Needs, /) -> Check | None: ...


CHECKS: tuple[_CheckFunction, ...] = (
    check_system,
    check_python,
    check_interpreter,
    check_opencv,
    check_invoke,
    check_speed,
    check_picamera2,
    check_ribbon_cameras,
    check_usb_cameras,
    check_pins,
    check_pin_libraries,
    check_pin_folder,
    check_edge_tpu,
    check_edge_tpu_library,
    check_temperature,
    check_power,
    check_disk,
    check_wear,
    check_clock,
    check_service,
)
_LIBRARIES = (check_interpreter, check_opencv, check_invoke)


def run_checks(
    machine: Machine, *, config: Path | None = None, model: Path | None = None, memory: Path | None = None
) -> Iterator[Check]:
    """Yield the result of each check as soon as it is known. Nothing is changed, and no child process gets over 30 s.

    `config` is the configuration file; None means the one in /etc, if it exists. `model` and `memory` replace those
    that the configuration names.
    """
    configuration, needs = check_configuration(machine, config)
    needs = with_options(needs, model, memory)
    runs = True
    for check in CHECKS:
        found = _result(check, machine, needs)
        if found is not None:
            yield found
        if check in _LIBRARIES:
            runs = runs and found is not None and found.level is not Level.FAIL
    yield configuration
    if runs:
        yield from check_contents(machine, needs)
    else:  # broken libraries may crash this process as they crashed the child
        yield warn(
            "model", "not checked, because the libraries do not work", "fix these first, and run the doctor again"
        )


def _result(check: _CheckFunction, machine: Machine, needs: Needs) -> Check | None:
    try:
        return check(machine, needs)
    except PermissionError as error:
        return warn(check.__name__.removeprefix("check_"), f"could not be checked ({error})", machine.as_root)
    except OSError as error:  # devices are unplugged, and disks fail, during the check
        return warn(check.__name__.removeprefix("check_"), f"could not be checked ({error})", "sudo dmesg | tail")
