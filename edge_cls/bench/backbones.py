"""Compares how long the backbones take for an image on this machine."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from statistics import median

from edge_cls.bench.material import moving_frames
from edge_cls.errors import EdgeClsError
from edge_cls.model.backbones import read_backbone
from edge_cls.model.model import Model
from edge_cls.runtime.ports import Clock

ROUNDS = 7
"""Images for each backbone: enough for a median that one disturbance does not change."""


def image_ms(names: Iterable[str], *, clock: Clock = time) -> dict[str, float]:
    """Return the milliseconds from a frame of 640 x 480 pixels to its embedding for each backbone, a median.

    The backbones take turns, so that other load on the machine slows all of them. Those that are not on this machine
    are built and not kept; one that cannot be built is left out.
    """
    models = {}
    for name in names:
        try:
            models[name] = Model(read_backbone(name, keep=False))
        except EdgeClsError:
            continue
    (frame,) = moving_frames(1)
    seconds: dict[str, list[float]] = {name: [] for name in models}
    for _ in range(1 + ROUNDS):
        for name, model in models.items():
            began = clock.monotonic()
            model.infer(frame)
            seconds[name].append(clock.monotonic() - began)
    return {name: 1000 * median(spent[1:]) for name, spent in seconds.items()}  # the first one is the warm-up


def as_text(milliseconds: Mapping[str, float]) -> str:
    """Return the result of `image_ms` as text for a person."""
    return "; ".join(f"{name}: {ms:.1f} ms an image, about {_rate(ms)} images/s" for name, ms in milliseconds.items())


def _rate(milliseconds: float) -> str:
    """Return images per second with two digits: the third differs from run to run."""
    return f"{float(f'{1000 / max(milliseconds, 1e-3):.2g}'):g}"
