"""Photos through several copies of a model at once, one for each CPU core."""

from __future__ import annotations

import os
import queue
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from edge_cls.core.manifest import Preprocessing
from edge_cls.images.preprocess import Frame
from edge_cls_tools.io.batches import Advance, batches

MAX_COPIES = 8
"""Most copies of a model: decoding the photos, in one thread, cannot keep more of them busy."""
Result = TypeVar("Result")


def useful_copies(photos: int) -> int:
    """Return how many copies of a model are worth opening for `photos` photos on this machine."""
    return max(1, min(len(os.sched_getaffinity(0)), MAX_COPIES, photos))


def run_parallel(
    paths: Sequence[Path], contract: Preprocessing, copies: Sequence[Callable[[Frame], Result]], advance: Advance
) -> list[Result]:
    """Return the result of one of `copies`, which all compute the same, for each preprocessed photo, in order.

    Each copy serves one thread at a time; they must release the GIL to run at once, as the TFLite interpreter does.
    The photos are decoded in the calling thread, up to two batches ahead. Raises DatasetError if photos cannot be read.
    """
    free: queue.SimpleQueue[Callable[[Frame], Result]] = queue.SimpleQueue()
    for copy in copies:
        free.put(copy)

    def run(frame: Frame) -> Result:
        copy = free.get()
        try:
            return copy(frame)
        finally:
            free.put(copy)

    results: list[Result] = []
    running: list[Future[Result]] = []

    def finish() -> None:
        results.extend(future.result() for future in running)
        advance(len(running))

    with ThreadPoolExecutor(len(copies)) as pool:
        for batch in batches(paths, contract, lambda _: None):
            # Submitted before the last batch is waited for, so that no copy has nothing to do in the meantime.
            submitted = [pool.submit(run, frame) for frame in batch]
            finish()
            running = submitted
        finish()
    return results
