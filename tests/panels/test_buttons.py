"""The frames of presses: kept until the press is debounced, and no longer."""

from __future__ import annotations

import gc
import math
import weakref

import numpy as np
import pytest

from edge_cls.errors import ConfigError
from edge_cls.panels.buttons import Button, Buttons, check_contacts
from edge_cls.runtime.messages import FrameInfo
from edge_cls.runtime.ports import CapturedFrame, Command


class Table:
    """A mug button, and its commands."""

    def __init__(self) -> None:
        self.frames: list[weakref.ref[CapturedFrame]] = []
        self.commands: list[Command] = []
        self.buttons = Buttons(
            [Button("m", "mug")],
            debounce_s=1.0,
            hold_s=10.0,
            repeat_s=5.0,
            snapshot=self._snapshot,
            submit=self.commands.append,
            origin="button",
        )

    def _snapshot(self) -> CapturedFrame:
        frame = CapturedFrame(FrameInfo(len(self.frames), 0.0, 0.0, "fake"), np.zeros((2, 2, 3), np.uint8))
        self.frames.append(weakref.ref(frame))
        return frame


def test_a_frame_waits_for_its_press_to_be_debounced() -> None:
    table = Table()
    table.buttons.edge("m", True, 0.0)
    table.buttons.advance(0.5)
    assert table.commands == []
    table.buttons.advance(1.0)
    assert [command.frame for command in table.commands] == [table.frames[0]()]


def test_the_frames_of_spikes_are_released() -> None:
    table = Table()
    for at in range(0, 20, 2):
        table.buttons.edge("m", True, float(at))
        table.buttons.edge("m", False, at + 0.5)
        table.buttons.advance(at + 1.0)
    gc.collect()
    assert [frame() for frame in table.frames] == [None] * 10
    assert table.commands == []


def test_without_buttons_nothing_is_ever_due() -> None:
    buttons = Buttons(
        [], debounce_s=1.0, hold_s=1.0, repeat_s=1.0, origin="key", snapshot=lambda: None, submit=lambda _: None
    )
    buttons.edge("m", True, 0.0)
    buttons.advance(5.0)
    assert buttons.due() == math.inf


def test_two_buttons_cannot_have_one_contact() -> None:
    with pytest.raises(ConfigError, match="two buttons are given for 17"):
        check_contacts([Button(17, "mug"), Button(4, "cup"), Button(17, action="undo")])
