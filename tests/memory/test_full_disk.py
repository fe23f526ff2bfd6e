"""A full or read-only disk gives a clear error and leaves the memory unchanged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from edge_cls.core.quantization import QuantizedVector
from edge_cls.errors import MemoryFileError
from edge_cls.memory.store import Memory
from tests.examples import labels_in, teach, vector

FULL = "disk full: nothing was written to .*; free some space .everything taught before is safe."


def test_a_full_disk_is_reported_and_everything_before_is_kept(path: Path) -> None:
    with Memory(path) as memory:
        teach(memory, "kept")
        (pages,) = memory._database.connection.execute("PRAGMA page_count").fetchone()
        memory._database.connection.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(MemoryFileError, match=FULL):
            teach(memory, "lost", crop=bytes(100_000))
        assert [stored.label for stored in memory.embeddings()] == ["kept"]
        memory._database.connection.execute("PRAGMA max_page_count = 100000")
        teach(memory, "taken again")
    assert labels_in(path) == ["kept", "taken again"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The path of a memory that does not exist yet."""
    return tmp_path / "taught.db"


def test_a_really_full_disk_is_reported_and_everything_before_is_kept(small_disk: Callable[[str], Path]) -> None:
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
        assert [stored.label for stored in memory.embeddings()] == taught
    assert labels_in(path) == taught
    small_disk("1m")
    with Memory(path) as memory:
        teach(memory, "taken again")
    assert labels_in(path) == [*taught, "taken again"]


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """Another memory, to merge and to restore."""
    with Memory(tmp_path / "other.db") as memory:
        for number in range(10):
            teach(memory, f"other {number}", crop=bytes(20_000))
    return tmp_path / "other.db"


CHANGES: dict[str, Callable[[Memory, Path], object]] = {
    "teach": lambda memory, _: teach(memory, "new", crop=bytes(100_000)),
    "forget": lambda memory, _: memory.forget("mug"),
    "relabel": lambda memory, _: memory.relabel("mug", "cup"),
    "move": lambda memory, _: memory.move(memory.embeddings()[0].id, "cup"),
    "remove": lambda memory, _: memory.remove([memory.embeddings()[0].id]),
    "undo": lambda memory, _: memory.undo(),
    "redo": lambda memory, _: memory.redo(),
    "merge": lambda memory, other: merge(memory, other),
    "reembed": lambda memory, _: memory.reembed("new", vector_of_crop),
    "vacuum": lambda memory, _: memory.vacuum(),
    "restore": lambda memory, other: memory.restore(other),
}


def merge(memory: Memory, path: Path) -> None:
    with Memory(path) as other:
        memory.merge(other.all_examples())


def vector_of_crop(crop: bytes) -> QuantizedVector:
    return vector(crop[0])


def state(memory: Memory) -> tuple[object, ...]:
    return memory.space, [(one.id, one.label, one.embedding.values.tolist()) for one in memory.embeddings()]


@pytest.fixture
def taught(small_disk: Callable[[str], Path]) -> Path:
    """A memory on its own disk, with an operation to undo and one to redo."""
    path = small_disk("1m") / "taught.db"
    with Memory(path) as memory:
        for number in range(12):
            teach(memory, "mug", crop=bytes([number]) * 12_000)
        memory.undo()
    return path


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_on_a_full_disk_a_change_is_complete_or_reported_and_undone(
    taught: Path, other: Path, change: Callable[[Memory, Path], object]
) -> None:
    with Memory(taught) as memory:
        before = state(memory)
        filler = taught.with_name("filler")
        with filler.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                pass
        try:
            change(memory, other)
            message = None
        except MemoryFileError as error:
            message = str(error)
        if message is not None:
            assert "full" in message or "No space" in message
            assert state(memory) == before
        assert memory.check() == []
        filler.unlink()
        teach(memory, "room again", space=memory.space or "")
    assert "room again" in labels_in(taught)


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_on_a_read_only_disk_the_memory_is_readable_and_a_change_is_reported(
    taught: Path, other: Path, small_disk: Callable[[str], Path], change: Callable[[Memory, Path], object]
) -> None:
    with Memory(taught) as memory:
        before = state(memory)
    small_disk("1m,ro")
    with Memory(taught) as memory:
        assert state(memory) == before
        with pytest.raises(MemoryFileError, match="read-only"):
            change(memory, other)
        assert state(memory) == before
        assert memory.check() == []
        assert not memory.changes().upserted
