"""Rounds of a process that changes a memory and is killed at a random instant: FILE ROUNDS SEED.

Prints how many changes were acknowledged and how many were under way. Fails where the memory afterwards is not what a
model of it says after all acknowledged changes, or after those and the one under way.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import numpy as np

from edge_cls.core.quantization import QuantizedVector
from edge_cls.memory.store import Memory

State = dict[int, str]
Step = list[object]


@dataclass(frozen=True)
class Model:
    """The expected state: the examples by the number in their crop, their space, and the undo and redo steps."""

    state: State
    space: int
    past: tuple[State, ...] = ()
    future: tuple[State, ...] = ()
    copy: Model | None = None
    """The content of a backup."""

    def after(self, step: Step) -> Model:
        """Return the model after a step."""
        kind, *rest = step
        state = self.state
        if kind == "undo":
            if not self.past:
                return self
            return replace(self, state=self.past[-1], past=self.past[:-1], future=(state, *self.future))
        if kind == "redo":
            if not self.future:
                return self
            return replace(self, state=self.future[0], past=(*self.past, state), future=self.future[1:])
        if kind == "reembed":
            return replace(self, space=int(str(rest[0])))
        if kind == "restore":
            return self if self.copy is None else replace(self.copy, copy=self.copy)
        if kind == "vacuum":
            return replace(self, past=(), future=())
        if kind == "teach":
            new = {**state, int(str(rest[0])): str(rest[1])}
        elif kind == "forget":
            new = {number: label for number, label in state.items() if label != rest[0]}
        elif kind == "relabel":
            new = {number: str(rest[1]) if label == rest[0] else label for number, label in state.items()}
        else:
            new = {number: label for number, label in state.items() if number != rest[0]}
        # An operation without changes is not in the history, but it discards the redo steps.
        return replace(self, state=new, past=self.past if new == state else (*self.past, state), future=())


def vector(number: int, space: int) -> QuantizedVector:
    """Return the vector of an example in a space."""
    return QuantizedVector(np.roll(np.arange(-64, 64, dtype=np.int8), 7 * number + 31 * space), 0.5, 0)


def crop_of(number: int) -> bytes:
    return f"{number:08d}".encode() * 900


def step_of(random: Random, model: Model, number: int) -> Step:
    """Return a random step; teaching is the most frequent."""
    labels = ["mug", "plant", "lamp"]
    kind = random.choice(
        ["teach"] * 8 + ["undo"] * 4 + ["redo"] * 2 + ["forget", "relabel", "remove", "reembed", "vacuum", "restore"]
    )
    if kind == "teach":
        return [kind, number, random.choice(labels)]
    if kind == "forget":
        return [kind, random.choice(labels)]
    if kind == "relabel":
        return [kind, *random.sample(labels, 2)]
    if kind == "remove":
        return [kind, random.choice([*model.state, -1])]
    if kind == "reembed":
        return [kind, model.space + 1]
    return ["redo"] if kind == "restore" and model.copy is None else [kind]


def take(memory: Memory, step: Step, space: int) -> None:
    """Apply a step to the memory."""
    kind, *rest = step
    if kind == "teach":
        number = int(str(rest[0]))
        memory.add(str(rest[1]), vector(number, space), space=str(space), crop=crop_of(number), taught_at=float(number))
    elif kind == "remove":
        memory.remove([one.id for one in memory.all_examples() if one.taught_at == rest[0]])
    elif kind == "reembed":
        new = int(str(rest[0]))
        memory.reembed(str(new), lambda crop: vector(int(crop[:8]), new))
    elif kind == "restore":
        memory.restore(memory.path.with_name("copy.db")).unlink()
    else:
        method: Callable[..., object] = getattr(memory, str(kind))
        method(*rest)


def change(path: Path, model: Model, random: Random, first: int, report: int) -> None:
    """Change the memory forever, and report each step before and after it to the file descriptor."""
    with Memory(path) as memory:
        for number in range(first, first + 10**6):
            step = step_of(random, model, number)
            os.write(report, json.dumps(step).encode() + b"\n")
            take(memory, step, model.space)
            os.write(report, b"done\n")
            model = model.after(step)


def look(path: Path) -> tuple[State, int, int, int]:
    """Return the state of the memory: its examples, their spaces, and the number of undo and redo steps."""
    with Memory(path) as memory:
        examples = [one for one in memory.all_examples() if one.deleted_at is None]
        assert memory.check() == []
        assert memory.recovered is None
        space = int(memory.space or 0)
        for one in examples:
            assert one.embedding is not None
            assert one.embedding.values.tolist() == vector(int(one.taught_at), space).values.tolist()
            assert one.crop == crop_of(int(one.taught_at))
        steps = dict(memory._database.connection.execute("SELECT undone, count(*) FROM operation GROUP BY undone"))
    return {int(one.taught_at): one.label for one in examples}, space, steps.get(0, 0), steps.get(1, 0)


def copied(path: Path, model: Model) -> Model:
    """Write a backup of the memory, and return its content."""
    copy = path.with_name("copy.db")
    copy.unlink(missing_ok=True)
    with Memory(path) as memory:
        memory.backup(copy)
    return replace(model, copy=None)


def one_round(path: Path, model: Model, random: Random, first: int) -> tuple[Model, list[Step], bool]:
    """Let a process change the memory and kill it. Return the model afterwards, the steps, and whether one was cut."""
    reader, report = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        change(path, model, random, first, report)
    os.close(report)
    with os.fdopen(reader) as stream:
        lines = [stream.readline() for _ in range(random.randrange(0, 16))]
        until = time.perf_counter() + random.random() * 0.004
        while time.perf_counter() < until:
            pass
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        lines += stream.readlines()
    steps = [json.loads(line) for line in lines[::2]]
    cut = len(lines) % 2 == 1
    for step in steps[:-1] if cut else steps:
        model = model.after(step)
    found = look(path)
    possible = [model, model.after(steps[-1])] if cut else [model]
    for one in possible:
        if found == (one.state, one.space if one.state or one.past else found[1], len(one.past), len(one.future)):
            return replace(one, space=found[1]), steps, cut
    raise AssertionError(f"found {found}\nexpected one of {possible}\nafter {steps}")


def main(path: Path, rounds: int, seed: int) -> None:
    """Run the rounds."""
    random = Random(seed)  # noqa: S311 - no secret
    model, first, acknowledged, cuts = Model({}, 0), 1, 0, 0
    for _ in range(rounds):
        if random.random() < 0.2:
            model = replace(model, copy=copied(path, model))
        model, steps, cut = one_round(path, model, random, first)
        # The child used a copy of this generator: continue with another state.
        random = Random(random.random())  # noqa: S311 - no secret
        first += len(steps) + 1
        acknowledged, cuts = acknowledged + len(steps) - cut, cuts + cut
        if len(model.state) > 60:
            with Memory(path) as memory:
                for label in ("mug", "plant", "lamp"):
                    memory.forget(label)
                memory.vacuum()
            model = Model({}, model.space, copy=model.copy)
    print(json.dumps({"rounds": rounds, "acknowledged": acknowledged, "cut": cuts}))  # noqa: T201 - its answer


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
