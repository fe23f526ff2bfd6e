"""The memory returns every stored example, and refuses files that are not memories without changing them."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from edge_cls.errors import MemoryFileError
from edge_cls.memory.schema import APPLICATION_ID, VERSION
from edge_cls.memory.store import Memory
from tests.examples import TAUGHT_AT, labels_in, teach, vector


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The path of a memory that does not exist yet."""
    return tmp_path / "taught.db"


def test_added_examples_are_there_when_the_file_is_opened_again(path: Path) -> None:
    crop = bytes(range(256))
    with Memory(path, device="pi") as memory:
        identity = teach(memory, "Käse 二つ", crop=crop)
    with Memory(path) as memory:
        (stored,) = memory.embeddings()
        assert memory.space == "space"
        assert memory.crop(identity) == crop
        found = memory.find(identity)
    assert (found.id, found.label, found.taught_at, found.device) == (identity, "Käse 二つ", TAUGHT_AT, "pi")
    np.testing.assert_array_equal(stored.embedding.values, vector().values)
    np.testing.assert_array_equal(stored.embedding.dequantize(), vector().dequantize())


def test_examples_come_in_the_order_in_which_they_were_taught(path: Path) -> None:
    given = [f"label {index * 7 % 20}" for index in range(20)]
    with Memory(path) as memory:
        identities = {teach(memory, label) for label in given}
        assert [stored.label for stored in memory.embeddings()] == given
    assert labels_in(path) == given
    assert len(identities) == 20


def test_an_empty_file_becomes_a_memory(path: Path) -> None:
    path.touch()
    assert labels_in(path) == []


def test_closing_twice_is_safe_and_a_closed_memory_says_so(path: Path) -> None:
    memory = Memory(path)
    memory.close()
    memory.close()
    with pytest.raises(MemoryFileError, match="closed"):
        teach(memory)


def test_a_commit_is_on_the_disk_before_it_is_reported(path: Path) -> None:
    with Memory(path) as memory:
        (synchronous,) = memory._database.connection.execute("PRAGMA synchronous").fetchone()
        (journal,) = memory._database.connection.execute("PRAGMA journal_mode").fetchone()
    full = 2
    assert (synchronous, journal) == (full, "wal")


def make_database(path: Path, *statements: str) -> None:
    connection = sqlite3.connect(path)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


FOREIGN: dict[str, tuple[Callable[[Path], object], str]] = {
    "a text": (lambda path: path.write_text("no database\n" * 100), "is not a memory of edge-cls; choose another"),
    "a short text": (
        lambda path: path.write_text("hi"),
        "is not a memory of edge-cls; choose another file",
    ),
    "another program's": (
        lambda path: make_database(path, "CREATE TABLE song (title TEXT)"),
        "is a database of another program; choose another file for --memory",
    ),
    "a newer version's": (
        lambda path: make_database(
            path, f"PRAGMA application_id = {APPLICATION_ID}", f"PRAGMA user_version = {VERSION + 1}"
        ),
        "was written by a newer edge-cls .*; update edge-cls",
    ),
    "a folder": (lambda path: path.mkdir(), "cannot be opened"),
}


@pytest.mark.parametrize(("make", "message"), FOREIGN.values(), ids=FOREIGN)
def test_a_file_of_another_kind_is_refused_and_unchanged(
    path: Path, make: Callable[[Path], object], message: str
) -> None:
    make(path)
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(MemoryFileError, match=message):
        labels_in(path)
    assert (path.read_bytes() if path.is_file() else None) == before


def test_a_missing_folder_is_reported(tmp_path: Path) -> None:
    with pytest.raises(MemoryFileError, match="cannot be opened; check that its folder exists, and its permissions"):
        Memory(tmp_path / "missing" / "taught.db")


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that any user can reach, unlike pytest's own, as an ordinary user."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        root = os.geteuid() == 0
        if root:
            nobody = 65534
            os.chown(folder, nobody, nobody)
            os.seteuid(nobody)
        try:
            yield folder
        finally:
            if root:
                os.seteuid(0)
            folder.chmod(0o755)


def test_a_read_only_file_is_reported_and_kept(open_folder: Path) -> None:
    path = open_folder / "taught.db"
    with Memory(path) as memory:
        teach(memory, "kept")
    path.chmod(0o444)
    with pytest.raises(MemoryFileError, match="is read-only; check its permissions"), Memory(path) as memory:
        teach(memory, "lost")
    path.chmod(0o644)
    assert labels_in(path) == ["kept"]


def test_a_read_only_folder_is_reported(open_folder: Path) -> None:
    open_folder.chmod(0o555)
    with pytest.raises(MemoryFileError, match="cannot be opened; check that its folder exists, and its permissions"):
        Memory(open_folder / "taught.db")


def test_a_memory_that_another_process_has_locked_is_reported(path: Path) -> None:
    with Memory(path) as memory:
        memory._database.connection.execute("PRAGMA busy_timeout = 0")
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(MemoryFileError, match="is locked by another process; stop that process"):
            teach(memory)
        other.close()
        teach(memory)
