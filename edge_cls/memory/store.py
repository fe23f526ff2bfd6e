"""The taught examples in one SQLite file. What a change has returned from survives a power cut."""

from __future__ import annotations

import contextlib
import socket
import sqlite3
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from edge_cls.core.quantization import QuantizedVector
from edge_cls.errors import MemoryFileError, SpaceMismatch
from edge_cls.memory import history, maintenance, reembedding
from edge_cls.memory.database import BUSY_TIMEOUT_S, DamagedFile, Database, Inode, NoDatabase, inode_of
from edge_cls.memory.merge import Embed, Merge
from edge_cls.memory.records import Changes, Entry, Example, Merged, Operation, Record, Recovery, vector_of
from edge_cls.memory.recovery import is_ours, recover
from edge_cls.memory.writer import KNOWN, LIVE, Writer, example_of

__all__ = ["Changes", "Entry", "Example", "Memory", "Merged", "Operation", "Record", "Recovery"]


class Memory:
    """The examples in the SQLite file at `path`, which is made where it does not exist.

    `device` is what this machine calls itself in the examples that it teaches. A damaged file is put aside, and what
    can be read of it is saved into a new one; `recovered` then says what was lost. Raises MemoryFileError where the
    file is no memory of edge-cls, or cannot be read or written.
    """

    def __init__(self, path: Path, *, device: str = "") -> None:
        self.path = path
        self.device = device or socket.gethostname()
        self.recovered: Recovery | None = None
        self._seen: tuple[str, int] = ("", 0)
        self._version = -1
        self._own_change = False
        self._patience_s = BUSY_TIMEOUT_S
        inode = inode_of(path)
        try:
            self._database = Database(path)
        except NoDatabase:
            if not is_ours(path):
                raise
            self._recover(inode)
        except DamagedFile:
            self._recover(inode)

    @property
    def space(self) -> str | None:
        """The embedding space of the vectors; None where there has not been any."""
        with self._database.explained():
            row = self._database.connection.execute("SELECT name FROM state JOIN space ON number = space").fetchone()
        return None if row is None else str(row[0])

    def examples(self) -> list[Example]:
        """Return all examples, in the order in which they came. `changes` counts from here."""
        try:
            return self._examples()
        except DamagedFile:
            self.repair()
            return self._examples()

    def _examples(self) -> list[Example]:
        with self._database.snapshot() as connection:
            self._seen = connection.execute("SELECT generation, seq FROM state").fetchone()
            (self._version,) = connection.execute("PRAGMA data_version").fetchone()
            self._own_change = False
            return self._read(connection.execute(f"{LIVE} WHERE deleted_at IS NULL ORDER BY example.number"))

    def _read(self, rows: Iterable[tuple[object, ...]]) -> list[Example]:
        try:
            return [example for row in rows if (example := example_of(row)) is not None]
        except ValueError as error:
            raise DamagedFile(f"{self.path} is damaged ({error})", hint="open it again") from error

    def changes(self) -> Changes:
        """Return what was changed, here or by other processes, since the last call of this or of `examples`.

        Costs next to nothing where nothing was: no byte is read from the disk.
        """
        if self._database.follow_file():
            return Changes(reload=True)
        connection = self._database.connection
        with self._database.explained():
            (version,) = connection.execute("PRAGMA data_version").fetchone()
        if version == self._version and not self._own_change:
            return Changes()
        with self._database.snapshot() as connection:
            (self._version,) = connection.execute("PRAGMA data_version").fetchone()
            self._own_change = False
            generation, seq = connection.execute("SELECT generation, seq FROM state").fetchone()
            (last_generation, last), self._seen = self._seen, (generation, seq)
            if generation != last_generation:
                return Changes(reload=True)
            rows = connection.execute(f"{LIVE} WHERE seq > ? ORDER BY seq", (last,)).fetchall()
        upserted = self._read(rows)
        alive = {example.id for example in upserted}
        return Changes(False, tuple(upserted), tuple(str(row[1]) for row in rows if row[1] not in alive))

    def classes(self) -> dict[str, int]:
        """Return how many examples each label has, in the order in which the labels came."""
        with self._database.snapshot() as connection:
            rows = connection.execute(
                "SELECT label, count(*) FROM example JOIN class ON class.number = class"
                " WHERE deleted_at IS NULL GROUP BY label ORDER BY min(example.number)"
            )
            return dict(rows.fetchall())

    def crop(self, identity: str) -> bytes:
        """Return the JPEG of an example. Raises KeyError where there is none."""
        with self._database.explained():
            row = self._database.connection.execute("SELECT crop FROM example WHERE id = ?", (identity,)).fetchone()
        if row is None:
            raise KeyError(identity)
        return bytes(row[0] or b"")

    def entries(self, label: str) -> list[Entry]:
        """Return the examples of a class, also those that have lost their vector, in the order in which they came."""
        return self._entries("WHERE label = ?", label)

    def find(self, prefix: str) -> Entry:
        """Return the example whose id begins with `prefix`. Raises MemoryFileError where it is none, or several."""
        found = self._entries("WHERE substr(id, 1, length(?1)) = ?1", prefix.lower())
        if len(found) != 1 or not prefix:
            several = ", ".join(entry.id for entry in found[:3]) if prefix else ""
            raise MemoryFileError(
                f"{self.path} has {'several examples' if several else 'no example'} {prefix or 'without an id'}"
                + (f" ({several})" if several else ""),
                hint="give more of the id" if several else "see them: edge-cls memory show LABEL",
            )
        return found[0]

    def _entries(self, which: str, value: str) -> list[Entry]:
        with self._database.snapshot() as connection:
            rows = connection.execute(
                "SELECT id, label, taught_at, device FROM example"  # noqa: S608 - `which` is one of the two above
                f" JOIN class ON class.number = class {which} AND deleted_at IS NULL ORDER BY example.number",
                (value,),
            )
            return [Entry(*row) for row in rows]

    def add(self, label: str, embedding: QuantizedVector, *, space: str, crop: bytes, taught_at: float) -> str:
        """Store an example and return its UUID, once it is on the disk. What was stored before is never touched.

        Raises SpaceMismatch where the memory holds vectors of another backbone.
        """
        identity = str(uuid.uuid4())
        with self._operation("teach") as writer:
            number = writer.insert(identity, label, crop, taught_at=taught_at, device=self.device)
            writer.put_vector(number, self._agree_on(space, writer), embedding)
        return identity

    def forget(self, label: str) -> int:
        """Delete a class with all its examples, and return how many that were."""
        with self._operation("forget") as writer:
            return self._decide_all(writer, label, None)

    def relabel(self, label: str, new: str) -> int:
        """Rename a class, or join it to another one, and return how many examples it had."""
        with self._operation("relabel") as writer:
            return self._decide_all(writer, label, new) if new != label else 0

    def move(self, identity: str, label: str) -> None:
        """Let an example be of another class. Raises KeyError where there is no such example."""
        with self._operation("move") as writer:
            number, kind = self._live(identity)
            if (new := writer.class_number(label)) != kind:
                writer.decide(number, new, None)

    def remove(self, identities: Sequence[str]) -> int:
        """Delete examples, all or none, and return how many. Raises KeyError for one that is not there."""
        with self._operation("remove") as writer:
            for identity in dict.fromkeys(identities):
                writer.decide(*self._live(identity), writer.now)
        return len(set(identities))

    def undo(self) -> Operation | None:
        """Take back the last change that stands, whatever it was. None where there is nothing to take back."""
        with self._change() as connection:
            return history.undo(connection, self.device)

    def redo(self) -> Operation | None:
        """Do again what was taken back last. None where nothing was, or something else was done since."""
        with self._change() as connection:
            return history.redo(connection, self.device)

    def records(self) -> Iterator[Record]:
        """Give all that is known of each example, also of the deleted ones, by id, as it is when the first is read."""
        with self._database.snapshot() as connection:
            for row in connection.execute(
                "SELECT id, label, taught_at, device, deleted_at, stamp, editor, coalesce(crop, x''), name, vector,"
                f" scale, zero_point {KNOWN}"
                " LEFT JOIN space ON space.number = embedding.space ORDER BY id"
            ):
                yield Record(*row[:9], None if row[9] is None else vector_of(*row[9:]))  # type: ignore[call-arg]

    def merge(self, records: Iterable[Record], *, space: str | None = None, embed: Embed | None = None) -> Merged:
        """Take in what other memories know, all or nothing, as one change; the order and repetition do not matter.

        `embed` makes vectors of `space`, for examples that come without, or with another backbone's. Raises
        SpaceMismatch where one would be needed, or where `space` is not that of this memory.
        """
        with self._operation("import") as writer:
            merge = Merge(
                self._database.connection,
                writer,
                # A space of ours counts only while something has a vector in it.
                space=space or (self.space if self._has_vectors() else None),
                agree_on=lambda name: self._agree_on(name, writer),
                embed=embed,
            )
            return merge.take(records)

    def reembed(self, space: str, embed: Embed, *, advance: Callable[[int], None] = lambda _: None) -> int:
        """Make every vector anew, with a model of another `space`, from the crops; return how many were made.

        A run that was killed goes on where it was. Until all are made, the old ones serve, and others may teach.
        """
        try:
            return reembedding.reembed(self._database, self.device, space, embed, advance=advance)
        finally:
            self._own_change = True

    def backup(self, path: Path) -> None:
        """Write a copy of the memory to a new file. Raises MemoryFileError where there is one."""
        maintenance.backup(self._database, path)

    def restore(self, path: Path) -> Path:
        """Replace everything by what the copy at `path` holds, at once for all who follow; return where the old lies.

        Raises MemoryFileError for a copy that is no memory, or a damaged one, and leaves everything as it was.
        """
        self._own_change = True
        return maintenance.restore(self._database, path)

    def vacuum(self) -> int:
        """Erase what was deleted for good, and the history of changes; return how many examples were erased."""
        return maintenance.vacuum(self._database)

    def check(self) -> list[str]:
        """Return what is wrong with the file, a sentence each; nothing where it is sound."""
        return maintenance.check(self._database)

    def repair(self) -> Recovery | None:
        """Put the file aside, save what can be read of it into a new one, and return what was lost. See `recovered`."""
        inode = self._database.inode
        self._database.close()
        try:
            self._recover(inode)
        except BaseException:
            self._database.open_later(inode)
            raise
        return self.recovered

    def wait_at_most(self, seconds: float) -> None:
        """Wait no longer than so for another process that is writing: then a change raises MemoryFileError."""
        self._patience_s = seconds
        self._database.wait_at_most(seconds)

    def close(self) -> None:
        """Close the file. Closing twice is safe."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @contextlib.contextmanager
    def _change(self) -> Iterator[sqlite3.Connection]:
        with self._database.change() as connection:
            self._own_change = True
            yield connection

    @contextlib.contextmanager
    def _operation(self, kind: str) -> Iterator[Writer]:
        with self._change() as connection:
            writer = Writer(connection, self.device, kind=kind)
            yield writer
            writer.finish()

    def _agree_on(self, space: str, writer: Writer) -> int:
        """Return the number of `space`, which becomes the memory's where nothing has a vector yet."""
        connection = self._database.connection
        if self.space != space:
            if self._has_vectors():
                raise SpaceMismatch(
                    f"{self.path} holds vectors of another backbone ({str(self.space)[:12]}, not {space[:12]})",
                    hint="run 'edge-cls memory reembed --model' with the model that you want to use",
                )
            connection.execute("UPDATE state SET space = ?", (writer.space_number(space),))
        return writer.space_number(space)

    def _has_vectors(self) -> bool:
        return self._database.connection.execute("SELECT 1 FROM embedding LIMIT 1").fetchone() is not None

    def _live(self, identity: str) -> tuple[int, int]:
        row = self._database.connection.execute(
            "SELECT number, class FROM example WHERE id = ? AND deleted_at IS NULL", (identity,)
        ).fetchone()
        if row is None:
            raise KeyError(identity)
        return int(row[0]), int(row[1])

    def _decide_all(self, writer: Writer, label: str, new: str | None) -> int:
        rows = self._database.connection.execute(
            "SELECT example.number, class FROM example JOIN class ON class.number = class"
            " WHERE label = ? AND deleted_at IS NULL",
            (label,),
        ).fetchall()
        new_kind = None if new is None or not rows else writer.class_number(new)
        for number, kind in rows:
            writer.decide(number, kind if new_kind is None else new_kind, writer.now if new_kind is None else None)
        return len(rows)

    def _recover(self, inode: Inode | None) -> None:
        try:
            self.recovered = recover(self.path, inode=inode) or self.recovered
        except OSError as error:
            raise DamagedFile(
                f"{self.path} is damaged, and what it holds cannot be saved ({error.strerror})",
                hint="free some space, or copy it to another disk",
            ) from error
        self._database = Database(self.path, patience_s=self._patience_s)
        self._version = -1  # nothing of the new file has been seen
