"""A child process of test_endurance.py: classifies very many frames, and prints the memory used, as JSON."""

from __future__ import annotations

import gc
import json
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from edge_cls.classifier import Classifier
from edge_cls.images.preprocess import Frame
from edge_cls.runtime.main_loop import MainLoop
from edge_cls.runtime.messages import FrameInfo, Message, Result
from edge_cls.runtime.parts import Parts
from edge_cls.runtime.ports import CapturedFrame, Command, Sink
from edge_cls.runtime.sink_queue import SinkQueue
from edge_cls.runtime.states import States
from edge_cls.sinks.json_lines import JsonLines
from edge_cls.sinks.state_file import StateFile
from edge_cls.testing import FakeSink, FakeSupervisor
from tests.colors import COLORS, color_frame

RATE = 30.0
VISIT = 900
"""Successive frames of one colour."""
AT_ONCE = 10
"""Measurements, of which the lowest counts: a sink may have a file open for a moment."""


class Endless:
    """Gives alternating colours, teaches and undoes an example with every tenth, and measures the process twice."""

    live = False

    def __init__(self, frames: int, warm_up: int) -> None:
        self._views = [[color_frame(name, seed, side=48) for seed in range(8)] for name in COLORS]
        self._index = 0
        self._frames = frames
        self._warm_up = warm_up
        self.measured: list[tuple[int, int]] = []
        self.submit: Callable[[Command], None] = print

    def read(self, into: Frame | None = None) -> CapturedFrame | None:
        index = self._index
        if index in (self._warm_up, self._frames - AT_ONCE):
            self.measured.append(_taken())
        elif self._warm_up < index < self._warm_up + AT_ONCE or index > self._frames - AT_ONCE:
            self.measured[-1] = min(self.measured[-1][0], (taken := _taken())[0]), min(self.measured[-1][1], taken[1])
        if index == self._frames:
            return None
        self._index += 1
        view = self._views[index // VISIT % len(COLORS)][index % 8]
        image = np.empty_like(view) if into is None else into
        np.copyto(image, view)
        frame = CapturedFrame(FrameInfo(index, index / RATE, index / RATE, "endless"), image)
        if index % (10 * VISIT) == 0:
            self.submit(Command("teach", index / RATE, "button 5", "lesson", CapturedFrame(frame.info, view)))
            self.submit(Command("undo", index / RATE, "button 6"))
        return frame

    def close(self) -> None:
        pass


class Counting(FakeSink):
    """Counts the results."""

    wants = (Result,)
    count = 0

    def publish(self, message: Message) -> None:
        self.count += 1


class Silent(FakeSupervisor):
    """Keeps nothing."""

    def watchdog(self) -> None:
        pass

    def status(self, text: str) -> None:
        pass


def _taken() -> tuple[int, int]:
    """Return the resident bytes, and the number of open files."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize(), len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - opens nothing of its own


def main(model: Path, folder: Path, frames: int, warm_up: int) -> None:
    source, counting = Endless(frames, warm_up), Counting()
    with Classifier(model, memory=folder / "taught.db", threads=1) as classifier:
        sinks: list[Sink] = [counting, JsonLines(folder / "events.jsonl"), StateFile(folder / "state.json")]
        parts = Parts(classifier, States(), tuple(SinkQueue(sink) for sink in sinks))
        main_loop = MainLoop(source, parts, clock=time, supervisor=Silent())
        source.submit = main_loop.submit
        done = main_loop.run()
        for sink_queue in parts.sinks:
            sink_queue.close(60.0)
    (rss, files), (rss_later, files_later) = source.measured
    events = sum('"event"' in line for line in (folder / "events.jsonl").open())
    print(  # noqa: T201 - this is what it is for
        json.dumps(
            {
                "done": done, "counted": counting.count, "events": events,
                "rss_growth": rss_later - rss, "files": files, "files_later": files_later,
            }
        )
    )  # fmt: skip


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
