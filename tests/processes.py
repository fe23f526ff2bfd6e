"""Functions in processes of their own, which may be killed."""

from __future__ import annotations

from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path

InAProcess = Callable[..., "int | None"]


def in_a_process(target: Callable[..., object], root: Path) -> InAProcess:
    """Return a function that runs `target(root / folder, **arguments)` in a new process and returns its exit code."""

    def run(folder: str, **arguments: object) -> int | None:
        (root / folder).mkdir(exist_ok=True)
        process = get_context("spawn").Process(target=target, args=(root / folder,), kwargs=arguments)
        process.start()
        process.join()
        return process.exitcode

    return run
