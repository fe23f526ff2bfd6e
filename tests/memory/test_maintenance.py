"""Backup, restore and vacuum of a memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_cls.errors import MemoryFileError
from edge_cls.memory.store import Memory
from tests.examples import make_version_1, teach


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A memory with a class that was forgotten."""
    with Memory(tmp_path / "taught.db") as memory:
        teach(memory, "mug", crop=b"a mug " * 500)
        teach(memory, "secret", crop=b"do not look " * 500)
        memory.forget("secret")
    return tmp_path / "taught.db"


def test_a_backup_is_one_file_that_is_a_memory_itself(path: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copies" / "copy.db"
    copy.parent.mkdir()
    with Memory(path) as memory:
        memory.backup(copy)
        assert list(copy.parent.iterdir()) == [copy]
        with pytest.raises(MemoryFileError, match=r"copy\.db exists; choose a new file"):
            memory.backup(copy)
    with Memory(copy) as memory:
        assert memory.check() == []
        assert memory.classes() == {"mug": 1}
        memory.undo()  # the backup includes the history
        assert memory.classes() == {"mug": 1, "secret": 1}


def test_a_backup_restores_everything_and_the_old_content_is_kept(path: Path, tmp_path: Path) -> None:
    with Memory(path) as memory:
        memory.backup(tmp_path / "copy.db")
        memory.forget("mug")
        teach(memory, "plant")
        kept = memory.restore(tmp_path / "copy.db")
        assert (memory.classes(), memory.check()) == ({"mug": 1}, [])
        assert memory.changes().reload
        memory.restore(kept)
        assert memory.classes() == {"plant": 1}


def test_copies_of_older_versions_are_restored_whatever_their_pages(path: Path, tmp_path: Path) -> None:
    old = tmp_path / "old.db"
    make_version_1(old, 5, lambda number: b"crop %d" % number)
    before = old.read_bytes()
    with Memory(path) as memory:
        kept = memory.restore(old)
        assert (sum(memory.classes().values()), memory.check()) == (5, [])
    assert old.read_bytes() == before
    with Memory(old) as memory:  # with the page size of the first version
        memory.restore(kept)
        assert (memory.classes(), memory.check()) == ({"mug": 1}, [])


@pytest.mark.parametrize("content", [b"", b"no memory " * 1000, None])
def test_an_invalid_backup_is_refused_and_nothing_changes(path: Path, tmp_path: Path, content: bytes | None) -> None:
    copy = tmp_path / "copy.db"
    if content is None:
        with Memory(path) as memory:
            memory.backup(copy)
        damaged = bytearray(copy.read_bytes())
        damaged[damaged.index(b"a mug a mug")] ^= 1
        content = bytes(damaged)
    copy.write_bytes(content)
    with Memory(path) as memory:
        with pytest.raises(MemoryFileError):
            memory.restore(copy)
        assert memory.classes() == {"mug": 1}
    assert sorted(file.name for file in tmp_path.iterdir()) == ["copy.db", "taught.db"]


def test_vacuum_erases_the_bytes_of_deleted_examples_and_the_history(path: Path) -> None:
    def holds(text: bytes) -> bool:
        return any(text in file.read_bytes() for file in path.parent.glob("taught.db*"))

    assert holds(b"do not look")
    with Memory(path) as memory:
        assert memory.vacuum() == 1
        assert not holds(b"do not look")
        assert holds(b"a mug")
        assert memory.undo() is None
        assert (memory.classes(), memory.check()) == ({"mug": 1}, [])
        assert [record.crop for record in memory.all_examples() if record.deleted_at is not None] == [b""]


def test_check_names_every_fault(path: Path) -> None:
    with Memory(path) as memory:
        teach(memory, "plant", crop=b"plant")
        (mug, plant) = memory.embeddings()
        connection = memory._database.connection
        assert memory.check() == []
        connection.execute("UPDATE example SET crop = x'00' WHERE id = ?", (mug.id,))
        connection.execute("UPDATE embedding SET scale = 2 * scale WHERE example = 1")
        connection.execute("DELETE FROM embedding WHERE example = 3")
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute("DELETE FROM class WHERE label = 'secret'")
        said = memory.check()
        for problem in (
            f"the crop of example {mug.id} is corrupt (checksum mismatch)",
            f"the vector of example {mug.id} is corrupt (checksum mismatch)",
            f"example {plant.id} has no vector",
            "a row of example refers to a missing row of class",
        ):
            assert any(problem in one for one in said), problem
