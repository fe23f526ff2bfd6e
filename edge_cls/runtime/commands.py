"""Executes a command between two frames: teach, undo, forget."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Literal

from edge_cls.classifier import Classifier
from edge_cls.core.labels import BACKGROUND
from edge_cls.errors import EdgeClsError, one_line
from edge_cls.learning.advice import NOTHING_NEW, WORDS, Advice
from edge_cls.learning.coach import advise, conflict_between
from edge_cls.memory.database import DamagedFile
from edge_cls.memory.store import Memory, Operation
from edge_cls.runtime.ports import Command


@dataclass(frozen=True)
class Outcome:
    """The outcome of a command: the fields `kind`, `label`, `detail` and `advice` of its CommandResult."""

    kind: Literal["stored", "duplicate", "conflict", "refused"]
    label: str | None
    detail: str
    advice: Advice | None = None


def execute(command: Command, classifier: Classifier, state: str | None) -> Outcome:
    """Execute `command`, and return its outcome after the commit. An error is the outcome "refused".

    `state` is the stable label of the camera: the class to forget if the command names none.
    """
    label = BACKGROUND if command.action == "background" else command.label
    if classifier.memory is None:
        return Outcome("refused", label, "there is no memory to teach; set one (--memory)")
    try:
        try:
            match command.action:
                case "undo":
                    return _undo(classifier.memory)
                case "forget":
                    return _forget(classifier.memory, label or state)
                case _:
                    return _teach(command, label or "", classifier)
        except DamagedFile:
            classifier.memory.repair()
            return Outcome("refused", label, f"{classifier.memory.recovered}; try again")
    except (EdgeClsError, OSError, sqlite3.Error) as error:
        return Outcome("refused", label, one_line(str(error)))


def _teach(command: Command, label: str, classifier: Classifier) -> Outcome:
    if command.frame is None:
        return Outcome("refused", label, "the camera gives no frame")
    taught = classifier.teach(label, command.frame.image)
    match taught.check.verdict:
        case "duplicate":
            advice: Advice | None = None if label == BACKGROUND else "turn"
            return Outcome("duplicate", label, _detail(label, NOTHING_NEW, advice), advice)
        case "conflict":
            conflict = conflict_between(classifier.learner, label, str(taught.check.looks_like))
            return Outcome("conflict", label, f"{label}: stored, but {conflict}")
        case _:
            advice = advise(classifier.learner, label)
            return Outcome("stored", label, _detail(label, f"{classifier.taught()[label]} taught", advice), advice)


def _detail(label: str, done: str, advice: Advice | None) -> str:
    # The count says already that there are few.
    return f"{label}: {done}" if advice in (None, "more") else f"{label}: {done}; {WORDS[advice]}"


def _undo(memory: Memory) -> Outcome:
    operation: Operation | None = memory.undo()
    if operation is None:
        return Outcome("refused", None, "there is nothing to undo")
    return Outcome("stored", None, f"undone: {operation}")


def _forget(memory: Memory, label: str | None) -> Outcome:
    if label is None:
        return Outcome("refused", None, "no known class is before the camera; there is nothing to forget")
    if not (count := memory.forget(label)):
        return Outcome("refused", label, f"{label} was not taught")
    return Outcome("stored", label, f"{label}: {count} forgotten; undo brings them back")
