"""Undo and redo step through all operations, and redo reverses undo."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_cls.memory.store import Memory
from tests.examples import labels_in, teach, vector
from tests.properties import fewer

LABELS = st.sampled_from("abc")
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("teach"), LABELS),
        st.tuples(st.just("forget"), LABELS),
        st.tuples(st.just("relabel"), LABELS, LABELS),
        st.tuples(st.just("move"), st.integers(0, 9), LABELS),
        st.tuples(st.just("remove"), st.integers(0, 9)),
    ),
    max_size=12,
)
State = dict[str, str]


@contextmanager
def new_memory() -> Iterator[Memory]:
    with tempfile.TemporaryDirectory() as folder, Memory(Path(folder) / "taught.db") as memory:
        memory._database.connection.execute("PRAGMA synchronous = OFF")  # faster; these tests cut no power
        yield memory


def state(memory: Memory) -> State:
    return {example.id: example.label for example in memory.embeddings()}


def take(memory: Memory, step: tuple[object, ...]) -> None:
    kind, *rest = step
    ids = list(state(memory))
    if kind == "teach":
        teach(memory, str(rest[0]))
    elif kind == "forget":
        memory.forget(str(rest[0]))
    elif kind == "relabel":
        memory.relabel(str(rest[0]), str(rest[1]))
    elif ids and kind == "move":
        memory.move(ids[int(str(rest[0])) % len(ids)], str(rest[1]))
    elif ids:
        memory.remove([ids[int(str(rest[0])) % len(ids)]])


@fewer(2)
@given(STEPS)
def test_undo_goes_back_through_every_state_and_redo_forward_again(steps: list[tuple[object, ...]]) -> None:
    with new_memory() as memory:
        states = [state(memory)]
        for step in steps:
            take(memory, step)
            if state(memory) != states[-1]:  # an operation without changes is not in the history
                states.append(state(memory))
        for before in reversed(states[:-1]):
            assert memory.undo() is not None
            assert state(memory) == before
        assert memory.undo() is None
        for after in states[1:]:
            assert memory.redo() is not None
            assert state(memory) == after
        assert memory.redo() is None
        assert memory.check() == []


@fewer(3)
@given(STEPS, st.integers(1, 4), LABELS)
def test_a_new_change_ends_redo(steps: list[tuple[object, ...]], undone: int, label: str) -> None:
    with new_memory() as memory:
        for step in steps:
            take(memory, step)
        for _ in range(undone):
            memory.undo()
        teach(memory, label)
        after = state(memory)
        assert memory.redo() is None
        assert state(memory) == after


def test_a_forgotten_class_is_completely_restored_also_after_closing(tmp_path: Path) -> None:
    path = tmp_path / "taught.db"
    with Memory(path) as memory:
        ids = [teach(memory, "mug", crop=bytes([number])) for number in range(3)]
        teach(memory, "plant")
        assert memory.forget("mug") == 3
        assert labels_in(path) == ["plant"]
    with Memory(path) as memory:
        operation = memory.undo()
        assert (operation and operation.kind, operation and operation.labels, operation and operation.count) == (
            "forget",
            ("mug",),
            3,
        )
        assert memory.classes() == {"mug": 3, "plant": 1}
        assert [memory.crop(identity) for identity in ids] == [b"\0", b"\1", b"\2"]


@pytest.mark.parametrize(
    "nothing",
    [
        lambda memory: memory.forget("no such label"),
        lambda memory: memory.relabel("no such label", "x"),
        lambda memory: memory.relabel("mug", "mug"),
        lambda memory: memory.remove([]),
    ],
)
def test_an_operation_without_changes_is_not_in_the_history(
    tmp_path: Path, nothing: Callable[[Memory], object]
) -> None:
    with Memory(tmp_path / "taught.db") as memory:
        teach(memory, "mug")
        nothing(memory)
        undone = memory.undo()
    assert undone is not None
    assert undone.kind == "teach"


def test_a_merge_is_one_step_and_undo_crosses_a_re_embedding(tmp_path: Path) -> None:
    with Memory(tmp_path / "here.db") as here, Memory(tmp_path / "there.db") as there:
        mine = teach(here, "mug")
        for _ in range(3):
            teach(there, "plant")
        here.forget("mug")
        assert here.merge(there.all_examples()).added == 3
        assert here.reembed("new", lambda _: vector(7)) == 4
        assert here.undo() is not None
        assert here.classes() == {}
        assert here.undo() is not None
        assert state(here) == {mine: "mug"}
        (example,) = here.embeddings()
        assert example.embedding.values.tolist() == vector(7).values.tolist()
        assert here.check() == []


def test_moving_or_removing_a_missing_example_is_a_key_error_and_changes_nothing(tmp_path: Path) -> None:
    with Memory(tmp_path / "taught.db") as memory:
        known = teach(memory, "mug")
        with pytest.raises(KeyError):
            memory.remove([known, "unknown"])
        with pytest.raises(KeyError):
            memory.move("unknown", "plant")
        assert state(memory) == {known: "mug"}
