"""A memory of the first format is migrated to the current one without loss."""

from __future__ import annotations

from pathlib import Path

from edge_cls.memory.schema import VERSION
from edge_cls.memory.store import Memory
from tests.examples import make_version_1


def test_a_file_of_version_1_is_migrated_without_loss(tmp_path: Path) -> None:
    path = tmp_path / "taught.db"
    ids = make_version_1(path, 20, lambda number: b"crop %d" % number)
    for _ in range(2):
        with Memory(path, device="shelf") as memory:
            assert memory.check() == []
            assert memory.space == "space"
            for number, example in enumerate(memory.embeddings()):
                assert (example.id, example.label, memory.find(example.id).taught_at) == (
                    ids[number],
                    f"class {number % 3}",
                    100.5 + number,
                )
                assert memory.crop(example.id) == b"crop %d" % number
                assert example.embedding.values.tolist() == [number] * 8
                assert (example.embedding.scale, example.embedding.zero_point) == (0.25, -3)
            assert memory._database.connection.execute("PRAGMA user_version").fetchone() == (VERSION,)
