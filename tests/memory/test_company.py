"""Acknowledged examples survive a full disk, a killed process and concurrent processes."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.examples import labels_in


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The path of a memory that does not exist yet."""
    return tmp_path / "taught.db"


TEACH = """
import itertools, sys
import numpy as np
from edge_cls import Classifier
with Classifier(sys.argv[1], memory=sys.argv[2]) as classifier:
    for number in itertools.count(sum(classifier.taught().values())):
        classifier.teach(str(number), np.full((40, 40, 3), number % 256, np.uint8))
        print(number, flush=True)
"""


@pytest.mark.parametrize("rounds", [(4,), pytest.param((1, 4, 11), marks=pytest.mark.slow)], ids=["once", "often"])
def test_a_killed_process_loses_nothing_that_it_acknowledged(path: Path, tiny: Path, rounds: tuple[int, ...]) -> None:
    for acknowledged in rounds:
        teacher = subprocess.Popen([sys.executable, "-c", TEACH, tiny, path], stdout=subprocess.PIPE, text=True)
        assert teacher.stdout is not None
        lines = [teacher.stdout.readline() for _ in range(acknowledged)]
        teacher.send_signal(signal.SIGKILL)
        rest, _ = teacher.communicate()
        last = int((lines + rest.splitlines())[-1])
        stored = labels_in(path)
        assert stored == [str(number) for number in range(len(stored))]
        assert len(stored) in (last + 1, last + 2)


ADD = """
import sys
from pathlib import Path
import numpy as np
from edge_cls.core.quantization import QuantizedVector
from edge_cls.memory.store import Memory
print("ready", flush=True)
sys.stdin.readline()
with Memory(Path(sys.argv[1])) as memory:
    for number in range(40):
        vector = QuantizedVector(np.zeros(8, np.int8), 1.0, 0)
        memory.add(f"{sys.argv[2]} {number}", vector, space="space", crop=b"", taught_at=0.0)
"""


def test_two_processes_may_make_the_file_and_add_to_it_at_the_same_time(path: Path) -> None:
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", ADD, path, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for name in "ab"
    ]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
    for writer in writers:
        writer.communicate()
    assert [writer.returncode for writer in writers] == [0, 0]
    for name in "ab":
        of_one = [label for label in labels_in(path) if label.startswith(name)]
        assert of_one == [f"{name} {number}" for number in range(40)]
