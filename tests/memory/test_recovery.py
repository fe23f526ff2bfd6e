"""A damaged memory is set aside unchanged, and every intact example is recovered."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import NoReturn

import numpy as np
import pytest

from edge_cls.errors import MemoryFileError
from edge_cls.memory import recovery
from edge_cls.memory.database import DamagedFile
from edge_cls.memory.schema import PAGE_SIZE
from edge_cls.memory.store import Memory
from tests.examples import labels_in, teach, vector

COUNT = 30
PAGES_OF_A_CROP = 8


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A memory of 30 examples with crops of several pages, one of them deleted."""
    path = tmp_path / "taught.db"
    with Memory(path) as memory:
        memory._database.connection.execute("PRAGMA synchronous = OFF")  # faster; these tests cut no power
        for number in range(COUNT):
            crop = noise(number, PAGES_OF_A_CROP * PAGE_SIZE)
            teach(memory, f"class {number % 3}", crop=crop, seed=number)
        memory.remove([memory.embeddings()[4].id])
    return path


def noise(seed: int, size: int) -> bytes:
    return np.random.default_rng(seed).bytes(size)


def overwrite(path: Path, page: int, content: bytes = b"\xaa" * PAGE_SIZE) -> bytes:
    """Overwrite one page, and return the whole damaged file."""
    damaged = bytearray(path.read_bytes())
    damaged[page * PAGE_SIZE : (page + 1) * PAGE_SIZE] = content
    path.write_bytes(damaged)
    return bytes(damaged)


@pytest.mark.parametrize("step", [9, pytest.param(1, marks=pytest.mark.slow)])
def test_whichever_page_is_broken_all_examples_but_those_on_it_are_there(path: Path, step: int) -> None:
    """A page holds few rows: rows of examples, of vectors, or a part of one crop."""
    sound = path.read_bytes()
    with Memory(path) as memory:
        before = {example.id: example.label for example in memory.embeddings()}
    found_by = {"opening": 0, "checking": 0}
    # All other pages depend on the first ones.
    for page in [*range(12), *range(12, len(sound) // PAGE_SIZE, step)]:
        path.write_bytes(sound)
        damaged = overwrite(path, page, noise(page, PAGE_SIZE))
        with Memory(path) as memory:
            after = memory.embeddings()
            found_by["opening" if memory.recovered else "checking"] += 1
            recovery = memory.recovered or (memory.repair() if memory.check() else None)
            assert recovery is None or recovery.put_aside.read_bytes() == damaged
            after = memory.embeddings()
            kept = {example.id: example.label for example in after}
            lost = len(before) - len(kept)
            assert lost <= 15, page  # as many rows as a page has room for
            wrong = [kept[identity] for identity in kept if kept[identity] != before[identity]]
            assert {*wrong} == {*(recovery.unnamed if recovery else ())}, page
            assert all(label.startswith("recovered ") and repr(label) in str(recovery) for label in wrong), page
            for example in after:
                assert example.embedding.values.tolist() in (vector(seed).values.tolist() for seed in range(COUNT))
            # The only remaining problems are missing vectors, which can be recomputed.
            assert all("has no vector" in problem for problem in memory.check()), page
        for leftover in path.parent.glob("taught.db*"):
            leftover.unlink()
    assert found_by["opening"] > 5
    assert found_by["checking"] > found_by["opening"]


def test_an_example_without_a_vector_gets_one_from_its_crop(path: Path) -> None:
    content = path.read_bytes()
    place = content.index(vector(7).values.tobytes())
    overwrite(path, place // PAGE_SIZE)
    with Memory(path) as memory:
        assert len(memory.embeddings()) < COUNT - 1
        assert memory.recovered is not None
        assert memory.recovered.without_vector > 0
        assert "memory reembed --model" in str(memory.recovered)
        space = memory.space
        assert space is not None
        assert memory.reembed(space, lambda _: vector(9)) >= memory.recovered.without_vector
        assert len(memory.embeddings()) == COUNT - 1
        assert memory.check() == []


def test_a_flipped_bit_in_a_vector_is_noticed_and_in_a_crop_by_check(path: Path) -> None:
    content = bytearray(path.read_bytes())
    place = content.index(noise(3, PAGES_OF_A_CROP * PAGE_SIZE)[2000:2032])
    content[place] ^= 1
    path.write_bytes(content)
    with Memory(path) as memory:
        (problem,) = memory.check()
        assert "the crop of example" in problem
        assert memory.repair() is not None
        assert memory.check() == []
        assert len(memory.embeddings()) == COUNT - 1  # its vector is intact and is used
    content = bytearray(path.read_bytes())
    content[content.index(vector(3).values.tobytes())] ^= 1
    path.write_bytes(content)
    with Memory(path) as memory:
        assert len(memory.embeddings()) == COUNT - 2
        assert memory.recovered is not None
        assert memory.recovered.lost == 1


@pytest.mark.parametrize("size", [100, PAGE_SIZE, 5 * PAGE_SIZE, -1])
def test_a_truncated_file_is_recovered_as_far_as_it_goes(path: Path, size: int) -> None:
    path.write_bytes(path.read_bytes()[:size])
    with Memory(path) as memory:
        memory.embeddings()
        if not memory.recovered and memory.check():
            memory.repair()
        teach(memory, "new")
        assert memory.check() == [] or all("has no vector" in problem for problem in memory.check())


def test_commits_that_are_only_in_the_log_are_recovered_too(path: Path, tmp_path: Path) -> None:
    with Memory(path) as memory:
        teach(memory, "late")
        log = Path(f"{path}-wal").read_bytes()
        content = path.read_bytes()
    damaged = tmp_path / "elsewhere" / "taught.db"
    damaged.parent.mkdir()
    damaged.write_bytes(content)
    Path(f"{damaged}-wal").write_bytes(log)
    overwrite(damaged, content.index(vector(7).values.tobytes()) // PAGE_SIZE)
    with Memory(damaged) as memory:
        labels = [example.label for example in memory.embeddings()]
        assert memory.recovered is not None
    assert "late" in labels


def test_two_that_find_the_damage_at_once_recover_it_once(path: Path) -> None:
    overwrite(path, path.read_bytes().index(vector(7).values.tobytes()) // PAGE_SIZE)
    one, two = Memory(path), Memory(path)
    with one, two:
        first = one.embeddings()
        assert one.recovered is not None
        teach(one, "taught after it")
        assert len(two.embeddings()) == len(first) + 1
        assert two.recovered is None
    assert len(list(path.parent.glob("*.damaged-*[0-9]"))) == 1


def test_teaching_goes_into_the_new_file_not_into_the_one_put_aside(path: Path) -> None:
    with Memory(path) as teacher, Memory(path) as other:
        teacher.embeddings()
        other.repair()
        teach(teacher, "late")
    assert "late" in labels_in(path)


def test_a_writer_that_waits_while_the_file_is_set_aside_writes_into_the_new_one(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Memory(path) as memory, Memory(path) as other:
        follow = memory._database.follow_file

        def follow_and_lose_the_race() -> bool:
            followed = follow()
            if other.recovered is None:
                other.repair()
            return followed

        monkeypatch.setattr(memory._database, "follow_file", follow_and_lose_the_race)
        teach(memory, "late")
    assert "late" in labels_in(path)


def test_a_file_is_set_aside_only_while_no_process_writes_into_it(path: Path) -> None:
    overwrite(path, path.read_bytes().index(vector(7).values.tobytes()) // PAGE_SIZE)
    with Memory(path) as memory:
        writer = memory._database.connection
        statements: list[str] = []
        with recovery._alone_with(path):
            writer.execute("PRAGMA busy_timeout = 0")
            writer.set_trace_callback(statements.append)
            with pytest.raises(MemoryFileError, match="is locked by another process"):
                teach(memory, "late")
    assert statements == ["BEGIN IMMEDIATE"]


FOREIGN: dict[str, Callable[[Path], object]] = {
    "a text": lambda path: path.write_text("no memory\n" * 5000),
    "noise": lambda path: path.write_bytes(noise(1, 50_000)),
    "leaf pages of nothing": lambda path: path.write_bytes((b"\x0d" + b"\xff" * (PAGE_SIZE - 1)) * 9),
}


@pytest.mark.parametrize("make", FOREIGN.values(), ids=FOREIGN)
def test_a_file_that_never_was_a_memory_is_refused_and_left(tmp_path: Path, make: Callable[[Path], object]) -> None:
    path = tmp_path / "taught.db"
    make(path)
    before = path.read_bytes()
    with pytest.raises(MemoryFileError, match="is not a memory of edge-cls; choose another file"):
        Memory(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_where_there_is_no_room_for_copies_nothing_is_written(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries would otherwise fill the disk and wear out the SD card each time."""
    content = bytearray(path.read_bytes())
    content[content.index(vector(3).values.tobytes())] ^= 1
    path.write_bytes(content)

    def copyfile(source: Path, target: Path) -> NoReturn:
        raise AssertionError(f"{source} was copied to {target}")

    monkeypatch.setattr(shutil, "copyfile", copyfile)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=2 * len(content) - 1))
    with Memory(path) as memory, pytest.raises(DamagedFile, match=r"cannot be saved \(No space left on device\); free"):
        memory.embeddings()
    assert path.read_bytes() == content
