"""A process that teaches, undoes, forgets and re-embeds is killed at random times: nothing acknowledged is lost."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def killed(path: Path, rounds: int, seed: int) -> dict[str, int]:
    # A small separate process forks faster, and has no threads that a fork would lose.
    command = [sys.executable, "-m", "tests.memory.killed_rounds", str(path), str(rounds), str(seed)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    counts: dict[str, int] = json.loads(done.stdout)
    return counts


def test_twenty_kills(tmp_path: Path) -> None:
    counts = killed(tmp_path / "taught.db", 20, seed=0)
    assert counts["acknowledged"] > 20
    assert counts["cut"] > 0


@pytest.mark.slow
def test_a_thousand_kills(tmp_path: Path) -> None:
    counts = killed(tmp_path / "taught.db", 1000, seed=1)
    assert counts["acknowledged"] > 2000
    assert counts["cut"] > 300
