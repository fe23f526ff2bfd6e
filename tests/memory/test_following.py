"""Following: all changes of other processes are seen, and nothing is read if there are none."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_cls.errors import MemoryFileError
from edge_cls.memory import reembedding, store
from edge_cls.memory.store import Memory
from tests.examples import embed, teach


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[Memory]:
    """A memory of one example."""
    with Memory(tmp_path / "taught.db") as memory:
        teach(memory, "mug", crop=b"mug")
        yield memory


@pytest.fixture
def reader(writer: Memory) -> Iterator[Memory]:
    """The same memory, opened a second time and read."""
    with Memory(writer.path) as memory:
        memory.embeddings()
        yield memory


def test_teaching_moving_and_deleting_by_another_process_are_followed(writer: Memory, reader: Memory) -> None:
    assert not reader.changes()
    new = teach(writer, "cup")
    (taught,) = reader.changes().upserted
    assert (taught.id, taught.label) == (new, "cup")
    writer.move(new, "plant")
    (moved,) = reader.changes().upserted
    assert (moved.id, moved.label) == (new, "plant")
    writer.remove([new])
    assert reader.changes().removed == (new,)
    writer.undo()
    assert [example.id for example in reader.changes().upserted] == [new]
    assert not reader.changes()


def test_own_changes_are_reported_too(writer: Memory) -> None:
    writer.embeddings()
    new = teach(writer, "cup")
    assert [example.id for example in writer.changes().upserted] == [new]
    assert not writer.changes()


def test_where_nothing_changed_no_table_is_read(reader: Memory) -> None:
    read: list[str] = []
    reader._database.connection.set_trace_callback(read.append)
    for _ in range(3):
        assert not reader.changes()
    assert set(read) == {"PRAGMA data_version"}


def test_a_new_backbone_reloads_everything(writer: Memory, reader: Memory) -> None:
    assert writer.reembed("new", embed) == 1
    assert reader.changes().reload
    assert reader.space == "new"
    assert reader.embeddings()[0].embedding.values.tobytes() == embed(b"mug").values.tobytes()
    assert not reader.changes()


def test_restoring_reloads_everything_and_keeps_the_old_content(writer: Memory, reader: Memory) -> None:
    copy = writer.path.with_name("copy.db")
    writer.backup(copy)
    teach(writer, "cup")
    kept = writer.restore(copy)
    assert reader.changes().reload
    assert [example.label for example in reader.embeddings()] == ["mug"]
    with Memory(kept) as before:
        assert before.classes() == {"mug": 1, "cup": 1}
    teach(writer, "plant")
    assert [example.label for example in reader.changes().upserted] == ["plant"]


def test_another_file_at_the_same_place_is_read_and_written(writer: Memory, reader: Memory, tmp_path: Path) -> None:
    with Memory(tmp_path / "other.db") as other:
        teach(other, "other")
    for suffix in ("-wal", "-shm"):
        writer.path.with_name(writer.path.name + suffix).unlink()
    (tmp_path / "other.db").rename(writer.path)
    assert reader.changes().reload
    assert [example.label for example in reader.embeddings()] == ["other"]
    teach(writer, "cup")
    assert [example.label for example in reader.changes().upserted] == ["cup"]


def test_reembedding_continues_after_a_kill_and_includes_examples_taught_meanwhile(
    writer: Memory, reader: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reembedding, "_BATCH", 1)
    teach(writer, "cup", crop=b"cup")
    teach(writer, "cup", crop=b"cup 2")
    made: list[bytes] = []

    def power_cut(crop: bytes) -> object:
        made.append(crop)
        if len(made) == 2:
            raise KeyboardInterrupt
        return embed(crop)

    with pytest.raises(KeyboardInterrupt):
        writer.reembed("new", power_cut)  # type: ignore[arg-type]  # it never returns anything else
    assert writer.space == "space"
    assert len(writer.embeddings()) == 3
    assert writer.check() == []

    def meanwhile(_: int) -> None:
        if reader.classes() == {"mug": 1, "cup": 2}:
            teach(reader, "late", crop=b"late")

    assert writer.reembed("new", embed, advance=meanwhile) == 3
    assert (writer.space, len(writer.embeddings())) == ("new", 4)
    assert writer.check() == []
    with sqlite3.connect(writer.path) as connection:
        assert connection.execute("SELECT count(*) FROM embedding").fetchone() == (4,)
    connection.close()


def test_neither_following_nor_teaching_reads_a_whole_table(writer: Memory, reader: Memory) -> None:
    """Their cost must not grow with the memory."""
    asked: list[str] = []
    for memory in (writer, reader):
        memory._database.connection.set_trace_callback(asked.append)
    teach(writer, "cup")
    assert reader.changes()
    for memory in (writer, reader):
        memory._database.connection.set_trace_callback(None)
    plans = [
        plan
        for query in asked
        if query.startswith(("SELECT", "INSERT", "UPDATE", "DELETE")) or "\nSELECT" in query
        for *_, plan in writer._database.connection.execute(f"EXPLAIN QUERY PLAN {query}")
    ]
    assert len(plans) > 10
    scans = {plan for plan in plans if plan.startswith("SCAN") and "USING" not in plan}
    # Allowed: the single row of the state, the one or two spaces, and the test whether there is any vector.
    assert scans <= {"SCAN state", "SCAN space"}


def test_a_file_that_cannot_be_opened_when_it_takes_the_place_is_tried_again(reader: Memory, tmp_path: Path) -> None:
    """Until then no change counts as seen; afterwards everything is reloaded."""
    sound = tmp_path / "sound.db"
    reader.backup(sound)
    # Otherwise SQLite would read the pages from the log.
    reader._database.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    (tmp_path / "nonsense.db").write_bytes(b"no database" * 1000)
    (tmp_path / "nonsense.db").replace(reader.path)
    for _ in range(2):
        with pytest.raises(MemoryFileError, match="is not a memory"):
            reader.changes()
    sound.replace(reader.path)
    assert reader.changes().reload


def test_a_repair_that_found_no_room_is_made_later(reader: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as bad:
        bad.setattr(store, "recover", full)
        with pytest.raises(OSError, match="No space left"):
            reader.repair()
    assert reader.changes().reload
    assert [example.label for example in reader.embeddings()] == ["mug"]
    reader.repair()
    assert reader.recovered


def test_a_repaired_file_is_reloaded(reader: Memory) -> None:
    assert not reader.changes()
    reader.repair()
    assert reader.changes().reload
