"""What a memory acknowledged survives a full disk, a killed process and company."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge_cls.errors import MemoryFileError
from edge_cls.memory.store import Memory
from tests.examples import labels_in, teach


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a memory may be made."""
    return tmp_path / "taught.db"


FULL = "the disk is full, .* took nothing; free some space .what was taught before is safe."


def test_a_full_disk_is_told_and_everything_before_is_kept(path: Path) -> None:
    with Memory(path) as memory:
        teach(memory, "kept")
        (pages,) = memory._database.connection.execute("PRAGMA page_count").fetchone()
        memory._database.connection.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(MemoryFileError, match=FULL):
            teach(memory, "lost", crop=bytes(100_000))
        assert [stored.label for stored in memory.examples()] == ["kept"]
        memory._database.connection.execute("PRAGMA max_page_count = 100000")
        teach(memory, "taken again")
    assert labels_in(path) == ["kept", "taken again"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mounts a real disk of a size, or changes its size."""
    mount, umount, place = shutil.which("mount"), shutil.which("umount"), tmp_path / "disk"
    if os.geteuid() != 0 or mount is None or umount is None:
        pytest.skip("mounting a small disk needs root")
    place.mkdir()

    def resize(size: str) -> Path:
        options = f"size={size},remount" if place.is_mount() else f"size={size}"
        done = subprocess.run([mount, "-t", "tmpfs", "-o", options, "tmpfs", place], capture_output=True, check=False)
        if done.returncode:
            pytest.skip(f"mounting is not allowed here: {done.stderr.decode()}")
        return place

    yield resize
    if place.is_mount():
        subprocess.run([umount, place], check=True)


def test_a_really_full_disk_is_told_and_everything_before_is_kept(small_disk: Callable[[str], Path]) -> None:
    path = small_disk("256k") / "taught.db"
    taught: list[str] = []
    with Memory(path) as memory:

        def teach_until_full() -> None:
            while len(taught) < 100:
                teach(memory, str(len(taught)), crop=bytes(8000))
                taught.append(str(len(taught)))

        with pytest.raises(MemoryFileError, match=FULL):
            teach_until_full()
        assert len(taught) > 3
        assert [stored.label for stored in memory.examples()] == taught
    assert labels_in(path) == taught
    small_disk("1m")
    with Memory(path) as memory:
        teach(memory, "taken again")
    assert labels_in(path) == [*taught, "taken again"]


TEACH = """
import itertools, sys
import numpy as np
from edge_cls import Classifier
with Classifier(sys.argv[1], memory=sys.argv[2]) as classifier:
    for number in itertools.count(sum(classifier.taught().values())):
        classifier.teach(str(number), np.full((40, 40, 3), number % 256, np.uint8))
        print(number, flush=True)
"""


def test_a_killed_process_loses_nothing_that_it_acknowledged(path: Path, tiny: Path) -> None:
    for acknowledged in (1, 4, 11):
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
