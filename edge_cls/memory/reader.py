"""Reads a memory's examples, and reports their changes since the last call."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from edge_cls.core.labeled_embedding import LabeledEmbedding
from edge_cls.core.spaces import current_space
from edge_cls.errors import MemoryFileError
from edge_cls.memory.database import DamagedFile, Database
from edge_cls.memory.records import Changes, Example, vector_of
from edge_cls.memory.writer import LABELED, LIVE, labeled_embedding_of

_FULL = (
    "SELECT id, label, taught_at, device, deleted_at, stamp, editor, coalesce(crop, x''), name, vector, scale,"
    f" zero_point {LABELED} LEFT JOIN space ON space.number = embedding.space"
)
"""SQL for the rows that `_example` takes."""


class Reader:
    """Reads the memory behind `database`, and remembers the last change that it has returned."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._seen: tuple[str, int] = ("", 0)  # generation and sequence number
        self._version = -1  # SQLite's data version, which counts the commits of other connections
        self._own_change = False

    @property
    def space(self) -> str | None:
        """The embedding space of the vectors, or None if there are none."""
        with self._database.explained():
            row = self._database.connection.execute(
                "SELECT name FROM state JOIN space ON number = space WHERE EXISTS (SELECT 1 FROM embedding)"
            ).fetchone()
        return None if row is None else current_space(str(row[0]))

    def note_own_change(self) -> None:
        """Make the next `changes` look for changes of this connection, which SQLite's data version does not count."""
        self._own_change = True

    def embeddings(self) -> list[LabeledEmbedding]:
        """Return all live examples with a vector in the order in which they were taught.

        The next `changes` continues from here. Raises DamagedFile if a vector does not match its checksum.
        """
        with self._database.snapshot() as connection:
            self._seen = connection.execute("SELECT generation, seq FROM state").fetchone()
            (self._version,) = connection.execute("PRAGMA data_version").fetchone()
            self._own_change = False
            return self._read(connection.execute(f"{LIVE} WHERE deleted_at IS NULL ORDER BY example.number"))

    def changes(self) -> Changes:
        """Return the changes of this and other processes since the last call of this method or of `embeddings`.

        If nothing has changed, no byte is read from the disk.
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
        """Return the number of examples of each label, in the order in which the labels were taught."""
        with self._database.snapshot() as connection:
            rows = connection.execute(
                "SELECT label, count(*) FROM example JOIN class ON class.number = class"
                " WHERE deleted_at IS NULL GROUP BY label ORDER BY min(example.number)"
            )
            return dict(rows.fetchall())

    def crop(self, identity: str) -> bytes:
        """Return the JPEG of an example, empty if it was erased. Raises KeyError if there is no such example."""
        with self._database.explained():
            row = self._database.connection.execute("SELECT crop FROM example WHERE id = ?", (identity,)).fetchone()
        if row is None:
            raise KeyError(identity)
        return bytes(row[0] or b"")

    def examples(self, label: str) -> list[Example]:
        """Return the live examples of a class in the order in which they were taught, also those without a vector."""
        with self._database.snapshot() as connection:
            rows = connection.execute(
                f"{_FULL} WHERE label = ? AND deleted_at IS NULL ORDER BY example.number", (label,)
            )
            return list(map(_example, rows))

    def find(self, prefix: str) -> Example:
        """Return the live example whose id begins with `prefix`.

        Raises MemoryFileError unless there is exactly one.
        """
        with self._database.snapshot() as connection:
            condition = "substr(id, 1, length(:prefix)) = :prefix AND deleted_at IS NULL"
            query = f"{_FULL} WHERE {condition} ORDER BY example.number LIMIT 4"
            rows = connection.execute(query, {"prefix": prefix.lower()})
            found = list(map(_example, rows)) if prefix else []
        if len(found) != 1:
            several = ", ".join(example.id for example in found[:3])
            number = "several examples" if several else "no example"
            raise MemoryFileError(
                f"{self._database.path} has {number} {prefix or 'without an id'}"
                + (f" ({several})" if several else ""),
                hint="give more digits of the id" if several else "list them: edge-cls memory show LABEL",
            )
        return found[0]

    def all_examples(self) -> Iterator[Example]:
        """Yield all examples, also deleted ones, ordered by id, as of the first read."""
        with self._database.snapshot() as connection:
            yield from map(_example, connection.execute(f"{_FULL} ORDER BY id"))

    def _read(self, rows: Iterable[tuple[object, ...]]) -> list[LabeledEmbedding]:
        try:
            return [example for row in rows if (example := labeled_embedding_of(row)) is not None]
        except ValueError as error:
            raise DamagedFile(f"{self._database.path} is damaged ({error})", hint="open it again") from error


def _example(row: tuple[Any, ...]) -> Example:
    """Return the example of a row of _FULL."""
    identity, label, taught_at, device, deleted_at, stamp, editor, crop, space, vector, scale, zero_point = row
    embedding = None if vector is None else vector_of(vector, scale, zero_point)
    name = None if space is None else current_space(space)
    return Example(identity, label, taught_at, device, deleted_at, stamp, editor, crop, name, embedding)
