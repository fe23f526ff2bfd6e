"""The panel: buttons and lights at pins, or the keys of a keyboard."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from edge_cls.config.fields import LIST, AbsolutePath, Label, NotNegative, Pin, Positive, Section, Text, check_pins
from edge_cls.errors import ConfigError
from edge_cls.panels.debounce import DEBOUNCE_S, HOLD_S, REPEAT_S
from edge_cls.panels.key_names import check_key


class Button(Section):
    """A button at a pin, or a key; it teaches `label`, or has an `action`. `forget` may name a label."""

    pin: Pin | None = Field(default=None, description="BCM number of the pin that the button is connected to.")
    key: Text | None = Field(
        default=None,
        validate_default=True,
        description="Key that takes the place of the pin on a keyboard panel: a character, or a name such as enter.",
        examples=["m"],
    )
    label: Label | None = Field(
        default=None, description="Label that a press teaches; with the action forget, the label that is forgotten."
    )
    action: Literal["undo", "forget", "background"] | None = Field(
        default=None,
        validate_default=True,
        description="What a press does instead of teaching a label: undo reverses the last change of the memory, "
        "forget removes the examples of the label (of the class in view, if no label is set), background teaches "
        "that nothing is there.",
    )

    @field_validator("key")
    @classmethod
    def _check_key(cls, key: str | None, info: ValidationInfo) -> str | None:
        if "pin" in info.data and (key is None) == (info.data["pin"] is None):
            raise ConfigError("a button needs either a pin or a key", hint="set one of the two")
        if key is not None:
            check_key(key)
        return key

    @field_validator("action")
    @classmethod
    def _check_action(cls, action: str | None, info: ValidationInfo) -> str | None:
        if "label" in info.data and (action is None) == (info.data["label"] is None) and action != "forget":
            raise ConfigError("a button needs either a label to teach or an action", hint="set one of the two")
        if info.data.get("label") is not None and action in ("undo", "background"):
            raise ConfigError(f"the action {action} takes no label", hint="remove the label")
        return action


class Led(Section):
    """A light that is on while the state is `label`."""

    pin: Pin = Field(description="BCM number of the pin that the light is connected to.")
    label: Label = Field(description="Label of the state in which the light is on.")


class Panel(Section):
    """Buttons and lights, or the keys of a keyboard."""

    kind: Literal["gpio", "keyboard"] = Field(
        description="Kind of the panel: buttons and lights at pins, or the keys of the terminal, or of the keyboard "
        "that device names."
    )
    pull_up: bool = Field(
        default=True, description="Whether the buttons connect their pins to ground; otherwise to 3.3 V."
    )
    device: AbsolutePath | None = Field(
        default=None,
        description="Device file of a USB keypad. Only for a keyboard panel.",
        examples=["/dev/input/by-id/usb-NAME-event-kbd"],
    )
    debounce_s: NotNegative = Field(
        default=DEBOUNCE_S,
        description="Seconds that a contact must be stable before a press counts. Keyboards do this themselves.",
    )
    hold_s: Positive = Field(
        default=HOLD_S, description="Seconds that a teaching button must be held until it begins to repeat."
    )
    repeat_s: Positive = Field(default=REPEAT_S, description="Seconds between the examples of a button that is held.")
    button: Annotated[tuple[Button, ...], LIST] = Field(
        default=(),
        description="A button teaches a label or has an action. There may be any number of them.",
        examples=[{"pin": 17, "label": "mug"}, {"pin": 18, "action": "undo"}],
    )
    led: Annotated[tuple[Led, ...], LIST] = Field(
        default=(),
        description="A light that is on while the state has its label. There may be any number of them.",
        examples=[{"pin": 22, "label": "mug"}],
    )
    feedback_led: Pin | None = Field(
        default=None,
        description="BCM number of the pin of the light that answers a press: accepted, stored, duplicate, conflict or "
        "refused.",
    )

    @field_validator("device")
    @classmethod
    def _check_device(cls, device: Path | None, info: ValidationInfo) -> Path | None:
        if device is not None and info.data.get("kind") == "gpio":
            raise ConfigError("only a keyboard panel has a device", hint='remove it, or use kind = "keyboard"')
        return device

    @field_validator("button")
    @classmethod
    def _check_buttons(cls, buttons: tuple[Button, ...], info: ValidationInfo) -> tuple[Button, ...]:
        kind = info.data.get("kind")
        for number, button in enumerate(buttons, 1):
            if kind is not None and (button.pin is None) == (kind == "gpio"):
                needed = "pin" if kind == "gpio" else "key"
                raise ConfigError(
                    f"button #{number} has no {needed}, which a {kind} panel needs", hint=f"give it a {needed}"
                )
        keys = [button.key.lower() for button in buttons if button.key is not None]
        if twice := sorted({key for key in keys if keys.count(key) > 1}):
            raise ConfigError(f"the key {twice[0]!r} is used twice", hint="give each button a key of its own")
        check_pins(*buttons)
        return buttons

    @field_validator("led", "feedback_led")
    @classmethod
    def _check_kind(cls, lights: tuple[Led, ...] | int | None, info: ValidationInfo) -> tuple[Led, ...] | int | None:
        if info.data.get("kind") == "keyboard" and lights not in ((), None):
            raise ConfigError("a keyboard panel has no lights", hint='remove them, or use kind = "gpio"')
        return lights

    @field_validator("led")
    @classmethod
    def _check_leds(cls, leds: tuple[Led, ...], info: ValidationInfo) -> tuple[Led, ...]:
        check_pins(*info.data.get("button", ()), *leds)
        return leds

    @field_validator("feedback_led")
    @classmethod
    def _check_feedback_led(cls, pin: int | None, info: ValidationInfo) -> int | None:
        check_pins(*info.data.get("button", ()), *info.data.get("led", ()), pin)
        return pin
