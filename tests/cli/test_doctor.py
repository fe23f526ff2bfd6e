"""`edge-cls doctor`: one line per check for people, the same as JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from edge_cls.doctor.machine import Machine
from tests.commands import EdgeCls
from tests.doctor.machines import machine, pi_4, write


@pytest.fixture
def on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[Machine], Path]:
    """Lets the command see another machine."""

    def put(other: Machine) -> Path:
        monkeypatch.setattr("edge_cls.doctor.machine.this_machine", lambda: other)
        return tmp_path

    return put


def test_a_device_in_order(edge_cls: EdgeCls, tmp_path: Path, on: Callable[[Machine], Path]) -> None:
    on(machine(pi_4(tmp_path)))
    done = edge_cls("doctor")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert all(line.startswith("OK    ") for line in lines)
    assert "OK    temperature     51 °C" in lines


def test_a_problem_is_printed_with_the_command_that_fixes_it(
    edge_cls: EdgeCls, tmp_path: Path, on: Callable[[Machine], Path]
) -> None:
    on(machine(write(pi_4(tmp_path), {"proc/self/mounts": "/dev/root / ext4 ro 0 0\n"})))
    done = edge_cls("doctor", "--memory", str(tmp_path / "taught.db"))
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    problem = next(number for number, line in enumerate(lines) if line.startswith("FAIL  disk"))
    assert lines[problem + 1] == "      fix:            sudo mount -o remount,rw /"


def test_a_warning_is_not_a_failure(edge_cls: EdgeCls, tmp_path: Path, on: Callable[[Machine], Path]) -> None:
    on(machine(pi_4(tmp_path), free=400 * 2**20))
    done = edge_cls("doctor")
    assert done.returncode == 0
    assert "\nWARN  disk" in done.stdout


def test_json_says_the_same(edge_cls: EdgeCls, tmp_path: Path, on: Callable[[Machine], Path]) -> None:
    on(machine(pi_4(tmp_path), free=2**20))
    done = edge_cls("doctor", "--json", "--model", str(tmp_path / "absent.tflite"))
    assert (done.returncode, done.stderr) == (1, "")
    checks = {check["name"]: check for check in json.loads(done.stdout)["checks"]}
    assert checks["system"]["level"] == "OK"
    assert checks["disk"] == {
        "name": "disk",
        "level": "FAIL",
        "message": "0.0 of 32.0 GB are free at /",
        "hint": "sudo apt clean && sudo journalctl --vacuum-size=50M",
    }
    assert checks["model"]["level"] == "FAIL"


def test_what_a_device_calls_itself_cannot_write_over_the_terminal(
    edge_cls: EdgeCls, tmp_path: Path, on: Callable[[Machine], Path]
) -> None:
    on(machine(write(pi_4(tmp_path), {"sys/block/mmcblk0/device/name": "\x1b[2J\nOK    evil"})))
    done = edge_cls("doctor")
    assert "\x1b" not in done.stdout
    assert "\nOK    evil" not in done.stdout


def test_the_configuration_names_what_is_checked(
    edge_cls: EdgeCls, tmp_path: Path, on: Callable[[Machine], Path]
) -> None:
    on(machine(pi_4(tmp_path)))
    config = write(tmp_path, {"my.toml": 'model = "absent.tflite"\ndelegate = "edgetpu"\n'}) / "my.toml"
    done = edge_cls("doctor", "--config", str(config))
    assert done.returncode == 1
    assert "FAIL  edge tpu" in done.stdout
    assert f"FAIL  model           {tmp_path}/absent.tflite" in done.stdout
