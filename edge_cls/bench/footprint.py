"""Measures the start-up time and the memory of `edge-cls run`, in processes of their own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from edge_cls.images.preprocess import Frame
from edge_cls.images.reading import encode_jpeg_within
from edge_cls.runtime.ports import Clock

_STARTS = 3
_PHOTOS = 50
_PHOTO_BYTES = 64 * 1024


@dataclass(frozen=True)
class Footprint:
    """Seconds from the start of a process to its first classified frame, and its peak resident memory in MB.

    `rss_mb` is None if the system does not report it.
    """

    start_s: float
    rss_mb: float | None


def measure(frames: list[Frame], options: list[str], *, clock: Clock) -> Footprint:
    """Return the medians of three runs of `edge-cls run` with `options` on `frames` as photos."""
    with tempfile.TemporaryDirectory() as folder:
        for number in range(_PHOTOS):
            photo = encode_jpeg_within(frames[number % len(frames)], _PHOTO_BYTES)
            (Path(folder) / f"{number:03d}.jpg").write_bytes(photo)
        runs = [_run(["run", "--source", folder, "--json", *options], clock) for _ in range(_STARTS)]
    sizes = [run.rss_mb for run in runs if run.rss_mb is not None]
    return Footprint(median(run.start_s for run in runs), median(sizes) if sizes else None)


def _run(arguments: list[str], clock: Clock) -> Footprint:
    command = [sys.executable, "-c", "from edge_cls.cli import main; main()", *arguments]
    # The settings for the service of this machine must not change the measurement.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("EDGE_CLS_")}
    with tempfile.TemporaryFile("w+") as said:
        began = clock.monotonic()
        with subprocess.Popen(  # noqa: S603 - our own command, and no shell
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=said, env=environment
        ) as process:
            started, peak = None, None
            for _ in process.stdout or ():
                if started is None:
                    started = clock.monotonic() - began
                peak = _peak_memory(process.pid) or peak
        if process.returncode or started is None:
            said.seek(0)
            raise RuntimeError(f"'edge-cls {' '.join(arguments)}' does not run: {said.read().strip()}")
    return Footprint(started, peak)


def _peak_memory(process: int) -> float | None:
    """Return the peak resident memory of a process in MB; None if the system does not report it."""
    try:
        found = re.search(r"^VmHWM:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text(), re.MULTILINE)
    except OSError:
        return None
    return int(found[1]) * 1024 / 1e6 if found else None
