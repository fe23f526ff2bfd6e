"""Moves a memory to another backbone: recomputes the vectors in batches, then switches to all of them at once."""

from __future__ import annotations

import uuid
import zlib
from collections.abc import Callable

from edge_cls.core.quantization import QuantizedVector
from edge_cls.memory.database import DamagedFile, Database
from edge_cls.memory.writer import Writer

_BATCH = 32
_MISSING = (
    " FROM example WHERE (crop IS NOT NULL OR deleted_at IS NULL)"
    " AND NOT EXISTS (SELECT * FROM embedding WHERE example = number AND space = ?)"
)


def reembed(
    database: Database,
    device: str,
    space: str,
    embed: Callable[[bytes], QuantizedVector],
    *,
    advance: Callable[[int], None],
) -> int:
    """Compute the vector in `space` of every example, also of deleted ones, then switch the memory to `space`.

    Returns the number of computed vectors. Each batch is committed, so that a killed run continues where it stopped;
    the old vectors are used until the switch. Raises DamagedFile if a crop does not match its checksum.
    """
    done = 0
    with database.change() as connection:
        number = Writer(connection, device, kind=None).space_number(space)
    while True:
        with database.snapshot() as connection:
            rows = connection.execute(
                f"SELECT number, id, crop, crop_crc {_MISSING} LIMIT {_BATCH}", (number,)
            ).fetchall()
        vectors = []
        for example, identity, crop, crc in rows:
            if crop is None or zlib.crc32(crop) != crc:
                raise DamagedFile(
                    f"the crop of example {identity} is missing or corrupt, so no vector can be computed from it",
                    hint=f"remove it: edge-cls memory remove {identity[:8]}",
                )
            vectors.append((example, embed(crop)))
        with database.change() as connection:
            writer = Writer(connection, device, kind=None)
            for example, vector in vectors:
                if connection.execute("SELECT crop FROM example WHERE number = ?", (example,)).fetchone() != (None,):
                    writer.put_vector(example, number, vector)
            if not connection.execute(f"SELECT 1 {_MISSING} LIMIT 1", (number,)).fetchone():
                connection.execute("UPDATE state SET space = ?, generation = ?", (number, str(uuid.uuid4())))
                connection.execute("DELETE FROM embedding WHERE space <> ?", (number,))
                connection.execute("DELETE FROM space WHERE number <> ?", (number,))
                advance(len(vectors))
                return done + len(vectors)
        done += len(vectors)
        advance(len(vectors))
