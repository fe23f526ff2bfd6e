"""The whole application with the real Picamera2: it recognises scenes that were taught with a button."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from gpiozero.pins.mock import MockFactory

from edge_cls.app.application import Application
from edge_cls.config import load
from edge_cls.images.preprocess import Frame, resize
from edge_cls.images.reading import read_image
from edge_cls.testing import FakeSink, FakeSupervisor
from tests.lanes.camera.virtual import CAMERA, FEWEST, SIZE, show

pytestmark = [
    pytest.mark.camera,
    pytest.mark.filterwarnings("ignore:setDaemon:DeprecationWarning"),  # Picamera2 still calls it
]

KNOWN = Path("/opt/known")
"""Photos that tests/lanes/test_camera.py puts there."""
LABELS = ("first", "second")
PINS = dict(zip(LABELS, (17, 27), strict=True))
EXAMPLES = 4
PATIENCE = 120.0


def scene(label: str) -> list[Frame]:
    """Return views of a known photo, each with a slightly different position and brightness."""
    photo = resize(read_image(KNOWN / f"{label}.jpg"), SIZE[0] + 32, SIZE[1] + 32)
    views = []
    for number in range(FEWEST + 2):
        left, top = 4 * number, 32 - 4 * number
        view = photo[top : top + SIZE[1], left : left + SIZE[0]] * (0.9 + 0.03 * number)
        views.append(np.clip(view, 0, 255).astype(np.uint8))
    return views


class Stage:
    """The library of Picamera2, whose camera shows the scene `label` from its next opening on."""

    def __init__(self, library: Any) -> None:
        self.label = LABELS[0]
        self.openings = 0
        self.camera: Any = None
        self._library = library

    def library(self) -> Any:
        stage, real = self, self._library.Picamera2

        class Opened(real):  # type: ignore[misc, valid-type] # its class is known in the root alone
            @staticmethod
            def global_camera_info() -> Any:
                # If no camera is open, this starts libcamera, which then reads the photos.
                show(scene(stage.label))
                return real.global_camera_info()

            def __init__(self, number: int) -> None:
                super().__init__(number)
                stage.openings += 1
                stage.camera = self

        return SimpleNamespace(Picamera2=Opened, MappedArray=self._library.MappedArray)


def test_a_class_taught_by_button_is_recognised_and_a_camera_that_is_closed_comes_back(
    library: Any, pins: MockFactory, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    stage = Stage(library)
    monkeypatch.setitem(sys.modules, "picamera2", stage.library())
    config = {
        "source": {"name": f"picamera2:{CAMERA}", "stall_s": 5.0},
        "memory": str(tmp_path / "taught.db"),
        "states": {"smoothing_s": 0.2, "dwell_s": 0.2},
        "panel": {
            "kind": "gpio",
            "hold_s": 0.1,
            "repeat_s": 0.1,
            "button": [{"pin": pin, "label": label} for label, pin in PINS.items()],
        },
    }
    seen, supervisor = FakeSink(), FakeSupervisor()
    application = Application(
        lambda: load(None, environ={}, given=config),
        open_output=lambda _: seen,
        supervisor=supervisor,
        make_memory=True,
    )
    recognised = []

    def play() -> Iterator[None]:
        """Press the buttons and change the scenes, in one step per frame."""
        for label, next_label in ((LABELS[0], LABELS[1]), (LABELS[1], LABELS[0])):
            pins.pin(PINS[label]).drive_low()
            while application.classifier.taught().get(label, 0) < EXAMPLES:
                yield
            pins.pin(PINS[label]).drive_high()
            yield from taken_away(next_label)
        for label, next_label in ((LABELS[0], LABELS[1]), (LABELS[1], "")):
            while application.main_loop.parts.states.state != label:
                yield
            recognised.append(label)
            if next_label:
                yield from taken_away(next_label)
        application.main_loop.stop()
        yield

    def taken_away(label: str) -> Iterator[None]:
        """Close the camera behind the application's back, and continue at the frames of the next scene."""
        before, stage.label = stage.openings, label
        stage.camera.close()
        while stage.openings == before:
            yield
        for _ in range(10):
            yield

    script, deadline = play(), time.monotonic() + PATIENCE

    def step() -> None:
        assert time.monotonic() < deadline, f"{recognised} {seen.results[-1]}, {supervisor.statuses}"
        next(script)

    supervisor.watchdog = step  # type: ignore[method-assign]
    application.run()
    assert recognised == list(LABELS)
    assert stage.openings == 4
    assert any("trying again" in status for status in supervisor.statuses)
    labels = [event.transition.label for event in seen.events]
    assert labels[-1] == "second"
    assert ("ready", "") in supervisor.calls
