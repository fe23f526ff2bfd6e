"""The taught examples in one SQLite file. A change is durable when its method returns, also after a power cut."""

from __future__ import annotations

import contextlib
import socket
import sqlite3
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from edge_cls.core.labeled_embedding import LabeledEmbedding
from edge_cls.core.quantization import QuantizedVector
from edge_cls.errors import SpaceMismatch
from edge_cls.memory import altered, history, maintenance, reembedding
from edge_cls.memory.database import BUSY_TIMEOUT_S, DamagedFile, Database, Inode, NoDatabase, inode_of
from edge_cls.memory.merge import Embed, Merge
from edge_cls.memory.reader import Reader
from edge_cls.memory.records import Changes, Example, Merged, Operation, Recovery
from edge_cls.memory.recovery import is_ours, recover
from edge_cls.memory.writer import Writer

__all__ = ["Changes", "Example", "Memory", "Merged", "Operation", "Recovery"]


class Memory:
    """The examples in the SQLite file at `path`, which is created if it does not exist.

    `device` is the name of this machine in the examples that it teaches (default: the host name). A damaged file is set
    aside, and everything that can still be read is saved into a new one; `recovered` then describes the loss. Raises
    MemoryFileError if the file is not a memory of edge-cls, or cannot be read or written.
    """

    def __init__(self, path: Path, *, device: str = "") -> None:
        self.path = path
        self.device = device or socket.gethostname()
        self.recovered: Recovery | None = None
        self._busy_timeout_s = BUSY_TIMEOUT_S
        inode = inode_of(path)
        try:
            self._open()
        except NoDatabase:
            if not is_ours(path):
                raise
            self._recover(inode)
        except DamagedFile:
            self._recover(inode)

    def _open(self) -> None:
        self._database = Database(self.path, busy_timeout_s=self._busy_timeout_s)
        self._reader = Reader(self._database)

    @property
    def space(self) -> str | None:
        """The embedding space of the vectors, or None if there are none."""
        return self._reader.space

    def embeddings(self) -> list[LabeledEmbedding]:
        """Return all live examples with a vector in the order in which they were taught.

        The next `changes` continues from here.
        """
        try:
            return self._reader.embeddings()
        except DamagedFile:
            self.repair()
            return self._reader.embeddings()

    def changes(self) -> Changes:
        """Return the changes of this and other processes since the last call of this method or of `embeddings`.

        If nothing has changed, no byte is read from the disk.
        """
        return self._reader.changes()

    def classes(self) -> dict[str, int]:
        """Return the number of examples of each label, in the order in which the labels were taught."""
        return self._reader.classes()

    def crop(self, identity: str) -> bytes:
        """Return the JPEG of an example, empty if it was erased. Raises KeyError if there is no such example."""
        return self._reader.crop(identity)

    def examples(self, label: str) -> list[Example]:
        """Return the live examples of a class in the order in which they were taught, also those without a vector."""
        return self._reader.examples(label)

    def find(self, prefix: str) -> Example:
        """Return the live example whose id begins with `prefix`. Raises MemoryFileError unless there is exactly one."""
        return self._reader.find(prefix)

    def all_examples(self) -> Iterator[Example]:
        """Yield all examples, also deleted ones, ordered by id, as of the first read."""
        return self._reader.all_examples()

    def add(self, label: str, embedding: QuantizedVector, *, space: str, crop: bytes, taught_at: float) -> str:
        """Store an example and return its UUID once it is on the disk.

        Raises SpaceMismatch if the memory has vectors of another backbone.
        """
        identity = str(uuid.uuid4())
        with self._operation("teach") as writer:
            number = writer.insert(identity, label, crop, taught_at=taught_at, device=self.device)
            writer.put_vector(number, self._agree_on(space, writer), embedding)
        return identity

    def forget(self, label: str) -> int:
        """Delete a class with all its examples, and return their number."""
        with self._operation("forget") as writer:
            return self._decide_all(writer, label, None)

    def relabel(self, label: str, new: str) -> int:
        """Rename a class, or merge it into the class `new`, and return the number of its examples."""
        with self._operation("relabel") as writer:
            return self._decide_all(writer, label, new) if new != label else 0

    def move(self, identity: str, label: str) -> None:
        """Move an example to the class `label`. Raises KeyError if there is no such example."""
        with self._operation("move") as writer:
            number, old = self._live(identity)
            if (new := writer.class_number(label)) != old:
                writer.decide(number, new, None)

    def remove(self, identities: Sequence[str]) -> int:
        """Delete all of the examples or none, and return their number. Raises KeyError if one does not exist."""
        with self._operation("remove") as writer:
            for identity in dict.fromkeys(identities):
                writer.decide(*self._live(identity), writer.now)
        return len(set(identities))

    def undo(self) -> Operation | None:
        """Undo the last change that is not undone, and return it, or None if there is none."""
        with self._change() as connection:
            return history.undo(connection, self.device)

    def redo(self) -> Operation | None:
        """Redo the change that was undone last, and return it, or None if there is none or a new change came after."""
        with self._change() as connection:
            return history.redo(connection, self.device)

    def merge(self, examples: Iterable[Example], *, space: str | None = None, embed: Embed | None = None) -> Merged:
        """Merge the examples of other memories, all or nothing, as one change. Order and repetition do not matter.

        `embed` makes vectors of `space` for examples without a vector or with one of another backbone. Raises
        SpaceMismatch if it is needed but not given, or if `space` is not that of this memory.
        """
        with self._operation("import") as writer:
            merge = Merge(
                self._database.connection,
                writer,
                space=space or self.space,
                agree_on=lambda name: self._agree_on(name, writer),
                embed=embed,
            )
            return merge.take(examples)

    def reembed(self, space: str, embed: Embed, *, advance: Callable[[int], None] = lambda _: None) -> int:
        """Recompute every vector from its crop with a model of another `space`, and return the number of vectors.

        A killed run continues where it stopped. The old vectors stay in use until all new ones exist, and other
        processes may teach meanwhile. `advance` is called with the number of vectors of each batch.
        """
        try:
            return reembedding.reembed(self._database, self.device, space, embed, advance=advance)
        finally:
            self._reader.note_own_change()

    def altered(self, space: str, identities: Iterable[str]) -> dict[str, QuantizedVector]:
        """Return those vectors of altered copies in `space` that are stored, by the ids of their examples."""
        return altered.read(self._database, space, identities)

    def put_altered(self, space: str, vectors: Mapping[str, QuantizedVector]) -> None:
        """Store vectors of altered copies in `space`, by the ids of their examples. It is no change of the memory."""
        altered.write(self._database, self.device, space, vectors)

    def backup(self, path: Path) -> None:
        """Write a copy of the memory to a new file. Raises MemoryFileError if `path` exists."""
        maintenance.backup(self._database, path)

    def restore(self, path: Path) -> Path:
        """Replace everything by the backup at `path`, and return the path of a copy of the previous content.

        Other processes see the new content with their next `changes`. Raises MemoryFileError, and changes nothing, if
        the backup is damaged or not a memory.
        """
        self._reader.note_own_change()
        return maintenance.restore(self._database, path)

    def vacuum(self) -> int:
        """Permanently erase deleted examples and the undo history, and return the number of erased examples."""
        return maintenance.vacuum(self._database)

    def check(self) -> list[str]:
        """Return the problems of the file, one sentence each; an empty list if there are none."""
        return maintenance.check(self._database)

    def repair(self) -> Recovery | None:
        """Set the file aside, save everything that can still be read into a new one, and return `recovered`."""
        inode = self._database.inode
        self._database.close()
        try:
            self._recover(inode)
        except BaseException:
            self._database.open_later(inode)
            raise
        return self.recovered

    def wait_at_most(self, seconds: float) -> None:
        """Set the busy timeout: a change raises MemoryFileError if another process writes for longer than this."""
        self._busy_timeout_s = seconds
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
            self._reader.note_own_change()
            yield connection

    @contextlib.contextmanager
    def _operation(self, kind: str) -> Iterator[Writer]:
        with self._change() as connection:
            writer = Writer(connection, self.device, kind=kind)
            yield writer
            writer.finish()

    def _agree_on(self, space: str, writer: Writer) -> int:
        """Return the number of `space`, which becomes the space of the memory if there are no vectors yet."""
        ours, number = self.space, writer.space_number(space)
        if ours is None:
            self._database.connection.execute("UPDATE state SET space = ?", (number,))
        elif ours != space:
            raise SpaceMismatch(
                f"{self.path} has vectors of another backbone ({ours[:12]}, not {space[:12]})",
                hint="run 'edge-cls memory reembed --model' with the model that you want to use",
            )
        return number

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
        new_class = None if new is None or not rows else writer.class_number(new)
        for number, old in rows:
            writer.decide(number, old if new_class is None else new_class, writer.now if new_class is None else None)
        return len(rows)

    def _recover(self, inode: Inode | None) -> None:
        try:
            self.recovered = recover(self.path, inode=inode) or self.recovered
        except OSError as error:
            raise DamagedFile(
                f"{self.path} is damaged, and its examples cannot be saved ({error.strerror})",
                hint="free some space, or copy it to another disk",
            ) from error
        self._open()
