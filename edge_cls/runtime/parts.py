"""The parts of a main loop that a reload of the configuration may replace."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from edge_cls.classifier import Classifier
from edge_cls.runtime.frame_rate import FrameRateGovernor
from edge_cls.runtime.ports import CommandSource, FrameSource
from edge_cls.runtime.sink_queue import SinkQueue
from edge_cls.runtime.states import States


@dataclass(frozen=True)
class Parts:
    """The replaceable parts of a main loop, which the caller opens and closes.

    `frame_rate`: None for no limit. `open_camera`: opens the camera each time that it is needed; the camera is reopened
    if this is another function than before. None for a recording.
    """

    classifier: Classifier
    states: States
    sinks: tuple[SinkQueue, ...] = ()
    command_sources: tuple[CommandSource, ...] = ()
    frame_rate: FrameRateGovernor | None = None
    open_camera: Callable[[], FrameSource] | None = None
