"""Merging is commutative, associative and idempotent, deletions included."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_cls.errors import SpaceMismatch
from edge_cls.memory.store import Example, Memory
from tests.examples import teach, vector
from tests.properties import fewer

DEVICES = ("pi-1", "pi-2", "laptop")
DEVICE = st.sampled_from(range(3))
STEPS = st.lists(
    st.one_of(
        st.tuples(DEVICE, st.just("teach"), st.sampled_from("ab")),
        st.tuples(DEVICE, st.just("forget"), st.sampled_from("ab")),
        st.tuples(DEVICE, st.just("relabel"), st.sampled_from("ab")),
        st.tuples(DEVICE, st.just("remove"), st.integers(0, 9)),
        st.tuples(DEVICE, st.just("undo")),
        st.tuples(DEVICE, st.just("vacuum")),
        st.tuples(DEVICE, st.just("merge"), DEVICE),
    ),
    max_size=14,
)


@contextmanager
def devices() -> Iterator[list[Memory]]:
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        memories = [stack.enter_context(Memory(Path(folder) / f"{name}.db", device=name)) for name in DEVICES]
        for memory in memories:
            memory._database.connection.execute("PRAGMA synchronous = OFF")  # faster; these tests cut no power
        yield memories


def known(memory: Memory) -> list[tuple[object, ...]]:
    """Return each example as comparable values, without the content of deleted ones."""
    return [_known(record) for record in memory.all_examples()]


def _known(record: Example) -> tuple[object, ...]:
    decided = (record.id, record.label, record.taught_at, record.device, record.deleted_at, record.stamp, record.editor)
    if record.deleted_at is not None or record.embedding is None:
        return decided
    return (*decided, record.crop, record.space, record.embedding.values.tobytes())


def take(memories: list[Memory], step: tuple[object, ...]) -> None:
    device, kind, *rest = step
    memory = memories[int(str(device))]
    if kind == "teach":
        teach(memory, str(rest[0]))
    elif kind == "forget":
        memory.forget(str(rest[0]))
    elif kind == "relabel":
        memory.relabel(str(rest[0]), "c")
    elif kind == "undo":
        memory.undo()
    elif kind == "vacuum":
        memory.vacuum()
    elif kind == "merge":
        other = memories[int(str(rest[0]))]
        memory.merge(list(other.all_examples()))
    elif kind == "remove" and (examples := memory.embeddings()):
        memory.remove([examples[int(str(rest[0])) % len(examples)].id])


@fewer(2)
@given(STEPS, st.permutations(range(3)))
def test_all_memories_end_equal_whatever_was_changed_and_in_any_order(
    steps: list[tuple[object, ...]], order: list[int]
) -> None:
    with devices() as memories:
        for step in steps:
            take(memories, step)
        records = [list(memory.all_examples()) for memory in memories]
        for number, memory in enumerate(memories):
            # A different order for each memory, and one source twice.
            for other in [*order[number:], *order[:number], order[0]]:
                memory.merge(records[other])
        assert known(memories[0]) == known(memories[1]) == known(memories[2])
        assert [memory.check() for memory in memories] == [[], [], []]


@fewer(3)
@given(STEPS)
def test_it_does_not_matter_how_merges_are_grouped(steps: list[tuple[object, ...]]) -> None:
    with devices() as memories:
        for step in steps:
            take(memories, step)
        with tempfile.TemporaryDirectory() as folder:
            one, two = Memory(Path(folder) / "1.db"), Memory(Path(folder) / "2.db")
            with one, two:
                for memory in memories:  # (a + b) + c
                    one.merge(memory.all_examples())
                memories[1].merge(list(memories[2].all_examples()))  # a + (b + c)
                two.merge(memories[1].all_examples())
                two.merge(memories[0].all_examples())
                assert known(one) == known(two)


def test_merging_again_changes_nothing_and_is_no_step() -> None:
    with devices() as (here, there, _):
        teach(there, "mug")
        teach(there, "plant")
        there.forget("plant")
        first, second = here.merge(there.all_examples()), here.merge(there.all_examples())
        assert (first.added, first.deleted, first.changed, first.unchanged) == (1, 1, 0, 0)
        assert (second.added, second.deleted, second.changed, second.unchanged) == (0, 0, 0, 2)
        here.undo()
        assert here.classes() == {}


def test_a_deletion_elsewhere_deletes_here_and_its_undo_brings_it_back() -> None:
    with devices() as (here, there, _):
        teach(here, "mug")
        there.merge(here.all_examples())
        there.forget("mug")
        assert here.merge(there.all_examples()).deleted == 1
        assert here.classes() == {}
        there.undo()
        assert here.merge(there.all_examples()).changed == 1
        assert here.classes() == {"mug": 1}
        assert here.check() == []


def test_erased_examples_stay_deleted_when_an_old_copy_is_merged() -> None:
    with devices() as (here, *_):
        teach(here, "mug", crop=b"private")
        old = list(here.all_examples())
        here.forget("mug")
        assert here.vacuum() == 1
        here.merge(old)
        assert here.classes() == {}
        (tombstone,) = here.all_examples()
        assert (tombstone.crop, tombstone.embedding) == (b"", None)


def test_the_later_decision_counts_even_where_a_clock_is_behind() -> None:
    with devices() as (here, there, _):
        identity = teach(here, "mug")
        there.merge(
            [replace(record, stamp=record.stamp + 10**15) for record in here.all_examples()]
        )  # its clock is far ahead
        there.move(identity, "cup")
        here.merge(there.all_examples())
        here.move(identity, "plant")  # later than every stamp it has seen, even if its clock is behind
        there.merge(here.all_examples())
        assert there.classes() == here.classes() == {"plant": 1}


def test_vectors_of_another_backbone_are_recomputed_or_the_whole_merge_is_refused() -> None:
    with devices() as (here, there, _):
        teach(here, "mug")
        teach(there, "plant", space="another", crop=b"crop of a plant")
        with pytest.raises(
            SpaceMismatch, match=r"example .* \(plant\) was taught with another backbone; give the model"
        ):
            here.merge(there.all_examples())
        assert here.classes() == {"mug": 1}
        with pytest.raises(SpaceMismatch, match="has vectors of another backbone"):
            here.merge(there.all_examples(), space="another", embed=lambda _: vector(3))
        seeds = {b"crop of a plant": 3}
        here.merge(there.all_examples(), space="space", embed=lambda crop: vector(seeds[crop]))
        assert [example.label for example in here.embeddings()] == ["mug", "plant"]
        assert here.embeddings()[1].embedding.values.tolist() == vector(3).values.tolist()
        assert here.check() == []


def test_an_empty_memory_takes_the_space_of_the_merged_records() -> None:
    with devices() as (here, there, _):
        teach(there, "mug", space="theirs")
        here.merge(there.all_examples())
        assert here.space == "theirs"
