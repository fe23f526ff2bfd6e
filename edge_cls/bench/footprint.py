"""What starting costs, and how much memory the process takes: of `edge-cls run`, in processes of their own."""

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
    """Seconds from the start of a process to its first classified frame, and the most memory it had, in MB.

    `rss_mb` is None where the system does not tell.
    """

    start_s: float
    rss_mb: float | None


def measure(frames: list[Frame], options: list[str], *, clock: Clock) -> Footprint:
    """Return the median of a few runs of `edge-cls run` with `options` on `frames` as photos."""
    with tempfile.TemporaryDirectory() as folder:
        for number in range(_PHOTOS):
            photo = encode_jpeg_within(frames[number % len(frames)], _PHOTO_BYTES)
            (Path(folder) / f"{number:03d}.jpg").write_bytes(photo)
        runs = [_run(["run", "--source", folder, "--json", *options], clock) for _ in range(_STARTS)]
    sizes = [run.rss_mb for run in runs if run.rss_mb is not None]
    return Footprint(median(run.start_s for run in runs), median(sizes) if sizes else None)


def _run(arguments: list[str], clock: Clock) -> Footprint:
    command = [sys.executable, "-c", "from edge_cls.cli import main; main()", *arguments]
    # What is set for the appliance of this machine is not to be measured.
    surroundings = {name: value for name, value in os.environ.items() if not name.startswith("EDGE_CLS_")}
    with tempfile.TemporaryFile("w+") as said:
        began = clock.monotonic()
        with subprocess.Popen(  # noqa: S603 - our own command, and no shell
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=said, env=surroundings
        ) as process:
            started, most = None, None
            for _ in process.stdout or ():
                if started is None:
                    started = clock.monotonic() - began
                most = _most_memory(process.pid) or most
        if process.returncode or started is None:
            said.seek(0)
            raise RuntimeError(f"'edge-cls {' '.join(arguments)}' does not run: {said.read().strip()}")
    return Footprint(started, most)


def _most_memory(process: int) -> float | None:
    """Return how many MB of memory a process has had at most; None where that cannot be known."""
    try:
        found = re.search(r"^VmHWM:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text(), re.MULTILINE)
    except OSError:
        return None
    return int(found[1]) * 1024 / 1e6 if found else None
