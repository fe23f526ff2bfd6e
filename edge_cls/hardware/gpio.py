"""The one door to gpiozero: pins as inputs and outputs.

The pin library is lgpio, unless `GPIOZERO_PIN_FACTORY` in the environment names another; there is no fallback.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edge_cls.errors import ConfigError, MissingDependency, PanelError
from edge_cls.installed import extra_hint


def _install_hint() -> str:
    packages = "sudo apt install python3-gpiozero python3-lgpio"
    hint = f"run: {packages}; then make the venv with python3 -m venv --system-site-packages"
    # From 3.13 on there is no wheel of lgpio.
    return hint if sys.version_info >= (3, 13) else f"{hint}; or, without apt, {extra_hint('gpio')}"


try:
    import gpiozero
except ImportError as error:
    raise MissingDependency("gpiozero is not installed", hint=_install_hint()) from error


def claim_input(pin: int | str, *, pull_up: bool) -> gpiozero.DigitalInputDevice:
    """Return a BCM pin as an input that reports every edge, bounces included.

    It is active while it is low if `pull_up` is true, otherwise while it is high. Raises MissingDependency without
    lgpio, ConfigError if there is no such pin or it is in use, and PanelError if the pins cannot be used.
    """
    with _translated_errors(pin):
        _choose_pins()
        return gpiozero.DigitalInputDevice(pin, pull_up=pull_up, bounce_time=None)


def claim_output(pin: int | str, *, active_high: bool = True) -> gpiozero.DigitalOutputDevice:
    """Return a BCM pin as an output, which is off. Raises as `claim_input` does."""
    with _translated_errors(pin):
        _choose_pins()
        return gpiozero.DigitalOutputDevice(pin, active_high=active_high)


def _choose_pins() -> None:
    try:
        if "GPIOZERO_PIN_FACTORY" in os.environ:
            gpiozero.Device.ensure_pin_factory()
        elif gpiozero.Device.pin_factory is None:
            from gpiozero.pins.lgpio import LGPIOFactory

            gpiozero.Device.pin_factory = LGPIOFactory()
    except gpiozero.BadPinFactory as error:
        raise ConfigError(
            str(error), hint="unset GPIOZERO_PIN_FACTORY, or set it to a name that gpiozero knows"
        ) from error
    except (ImportError, AttributeError) as error:  # pip installs the empty lgpio 0.0.0.2 if there is no wheel
        raise MissingDependency(f"the pins cannot be used: {error}", hint=_install_hint()) from error


@contextmanager
def _translated_errors(pin: int | str) -> Iterator[None]:
    try:
        yield
    except gpiozero.GPIOPinInUse as error:
        raise ConfigError(f"pin {pin} is used twice: {error}", hint="give each button and light its own pin") from error
    except gpiozero.PinFixedPull as error:
        raise ConfigError(
            str(error), hint="wire the button to ground and set pull_up = true, or use another pin"
        ) from error
    except gpiozero.PinInvalidPin as error:
        raise ConfigError(str(error), hint="give the BCM number of a pin, 0 to 27; 'pinout' shows them") from error
    except gpiozero.PinUnknownPi as error:
        raise PanelError(f"this is not a Raspberry Pi: {error}", hint="use a panel of kind 'keyboard' here") from error
    except (gpiozero.GPIOZeroError, OSError) as error:
        raise PanelError(f"pin {pin}: {error}", hint=_hint()) from error
    except Exception as error:
        # The errors of lgpio inherit from Exception alone, and can only be imported if lgpio is installed.
        if type(error).__module__ != "lgpio":
            raise
        raise PanelError(f"pin {pin}: {error}", hint=_hint()) from error


def _hint() -> str:
    chips = sorted(Path("/dev").glob("gpiochip*"))
    if not chips:
        return "this machine has no /dev/gpiochip0; use a panel of kind 'keyboard' here"
    if not all(os.access(chip, os.R_OK | os.W_OK) for chip in chips):
        return "join the group gpio: 'sudo usermod -aG gpio $USER', and log in again"
    if not os.access(os.environ.get("LG_WD", "."), os.W_OK):
        return "lgpio writes into its working directory: set LG_WD to a writable folder"
    return "check that no other program uses the pin: 'gpioinfo' shows the user of each pin"
