"""Compares the whole pipeline with the bare interpreter, in short alternating blocks with the same disturbances."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np

from edge_cls.backends.litert import Interpreter
from edge_cls.bench.material import Replay
from edge_cls.classifier import Classifier
from edge_cls.images.preprocess import Frame
from edge_cls.runtime.main_loop import MainLoop
from edge_cls.runtime.messages import Result
from edge_cls.runtime.parts import Parts
from edge_cls.runtime.ports import Clock
from edge_cls.runtime.sink_queue import SinkQueue
from edge_cls.runtime.states import States
from edge_cls.runtime.timings import STAGES, Stages
from edge_cls.sinks.json_lines import JsonLines

BLOCK = 25
"""Frames in a block: enough for the threads to reach a steady state, and few enough for many blocks."""


@dataclass(frozen=True)
class Durations:
    """Percentiles of a duration, in milliseconds."""

    p50_ms: float
    p95_ms: float
    p99_ms: float


@dataclass(frozen=True)
class Speed:
    """Frames per second of the pipeline and of the bare interpreter, as medians of the blocks.

    `ratio`: the median ratio of a block of the pipeline to the block of the interpreter before it. `stages`: the
    durations of the stages at full speed. `latency`: the time from capture to result at half of that speed, at which no
    frame waits for the one before.
    """

    pipeline_fps: float
    interpreter_fps: float
    ratio: float
    stages: dict[str, Durations]
    latency: Durations
    frames: int


def measure(classifier: Classifier, frames: list[Frame], *, count: int, threads: int | None, clock: Clock) -> Speed:
    """Measure `count` frames, rounded up to whole blocks, in the pipeline and in the bare interpreter.

    `threads`: the number of threads of the classifier's interpreter.
    """
    interpreter = Interpreter(classifier.model.file.network, threads=threads)
    tensor = interpreter.input
    pixels = np.random.default_rng(0).integers(0, 128, tensor.shape[1:]).astype(tensor.dtype)

    def alone() -> float:
        began = clock.monotonic()
        for _ in range(BLOCK):
            interpreter.invoke(pixels)
        return BLOCK / (clock.monotonic() - began)

    stages, source = Stages(), Replay(frames, clock=clock)
    with _Bench(classifier, clock) as bench:
        alone(), bench.run(source, Stages())  # warm up
        turns = [(alone(), bench.run(source, stages)) for _ in range(-(-count // BLOCK))]
        pipeline_fps = median(pipeline for _, pipeline in turns)
        at_ease = Stages()
        bench.run(Replay(frames, clock=clock, period=2 / pipeline_fps), at_ease, 4 * BLOCK)
    return Speed(
        pipeline_fps,
        median(bare for bare, _ in turns),
        median(pipeline / bare for bare, pipeline in turns),
        {name: _durations(stages, name) for name in STAGES if name != "latency"},
        _durations(at_ease, "latency"),
        BLOCK * len(turns),
    )


class _Bench:
    """Runs the main loop on blocks of frames, with a sink that writes to /dev/null. It is the supervisor as well."""

    def __init__(self, classifier: Classifier, clock: Clock) -> None:
        self._classifier = classifier
        self._clock = clock
        self._beats: list[float] = []

    def __enter__(self) -> _Bench:
        self._sink_queue = SinkQueue(JsonLines(Path(os.devnull), wants=(Result,)))
        return self

    def __exit__(self, *_: object) -> None:
        self._sink_queue.close(1.0)

    def run(self, source: Replay, stages: Stages, count: int = BLOCK) -> float:
        """Classify `count` frames, and return the rate from the first to the last one in frames per second."""
        self._beats.clear()
        parts = Parts(self._classifier, States(), sinks=(self._sink_queue,))
        main_loop = MainLoop(source, parts, clock=self._clock, supervisor=self, stages=stages)
        main_loop.run(count)
        return (len(self._beats) - 1) / (self._beats[-1] - self._beats[0])

    def ready(self) -> None:
        """Do nothing."""

    def status(self, text: str) -> None:
        """Do nothing."""

    def watchdog(self) -> None:
        """Record the time at which a frame was classified."""
        self._beats.append(self._clock.monotonic())

    def reloading(self) -> None:
        """Do nothing: there is no configuration."""

    def stopping(self) -> None:
        """Do nothing."""


def _durations(stages: Stages, name: str) -> Durations:
    return Durations(*(1000 * seconds for seconds in stages.percentiles(name).tolist()))
