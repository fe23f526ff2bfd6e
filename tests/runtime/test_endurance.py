"""A long run in short: neither memory nor the number of open files grows."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.runtime import million

ROOT = Path(__file__).parents[2]
MEGABYTE = 2**20


def run(tiny: Path, folder: Path, frames: int, warm_up: int) -> dict[str, int]:
    done = subprocess.run(
        [sys.executable, "-m", million.__name__, str(tiny), str(folder), str(frames), str(warm_up)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout.splitlines()[-1]))


def check(taken: dict[str, int], frames: int) -> None:
    assert taken["done"] == taken["counted"] == frames
    # Every change of colour is one event, and there are no others.
    assert taken["events"] == -(-frames // million.VISIT)
    assert taken["files_later"] == taken["files"]
    assert taken["rss_growth"] < 2 * MEGABYTE


def test_thousands_of_frames_take_no_more_than_the_first(tiny: Path, tmp_path: Path) -> None:
    check(run(tiny, tmp_path, 2_500, 1_000), 2_500)


@pytest.mark.slow
def test_a_million_frames_take_no_more_than_the_first(tiny: Path, tmp_path: Path) -> None:
    check(run(tiny, tmp_path, 1_000_000, 50_000), 1_000_000)
