"""The vectors of altered copies of the examples. They are a cache: whoever finds none computes them from the crops.

The vectors lie beside those of the examples, in a space of their own, which is named by the space and the alteration.
Erasing deleted examples and moving the memory to another backbone removes them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from edge_cls.core.quantization import QuantizedVector
from edge_cls.memory.database import Database
from edge_cls.memory.records import vector_crc, vector_of
from edge_cls.memory.writer import Writer


def read(database: Database, space: str, identities: Iterable[str]) -> dict[str, QuantizedVector]:
    """Return those vectors of the examples `identities` in `space`, of altered copies, that are stored, by id.

    A vector that does not match its checksum is left out.
    """
    found = {}
    with database.snapshot() as connection:
        for identity in identities:
            row = connection.execute(
                "SELECT vector, scale, zero_point, crc FROM example JOIN embedding ON embedding.example = number"
                " WHERE id = ? AND space = (SELECT number FROM space WHERE name = ?)",
                (identity, space),
            ).fetchone()
            if row is not None and vector_crc(*row[:3]) == row[3]:
                found[identity] = vector_of(*row[:3])
    return found


def write(database: Database, device: str, space: str, vectors: Mapping[str, QuantizedVector]) -> None:
    """Store the vectors of examples in `space`, of altered copies, by id. Other ids are skipped."""
    with database.change() as connection:
        writer = Writer(connection, device, kind=None)
        number_of_space = writer.space_number(space)
        for identity, vector in vectors.items():
            row = connection.execute("SELECT number FROM example WHERE id = ?", (identity,)).fetchone()
            if row is not None:
                writer.put_vector(row[0], number_of_space, vector)
