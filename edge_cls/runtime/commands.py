"""Executes a command between two frames: teach, undo, forget."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Literal

from edge_cls.classifier import Classifier
from edge_cls.core.labels import BACKGROUND
from edge_cls.errors import EdgeClsError, one_line
from edge_cls.memory.database import DamagedFile
from edge_cls.memory.store import Memory, Operation
from edge_cls.runtime.ports import Command


@dataclass(frozen=True)
class Outcome:
    """The outcome of a command: the fields `kind`, `label` and `detail` of its CommandResult."""

    kind: Literal["stored", "duplicate", "conflict", "refused"]
    label: str | None
    detail: str


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
            return Outcome("duplicate", label, f"{label}: nothing new")
        case "conflict":
            return Outcome("conflict", label, f"{label}: stored, but it looks like {taught.check.looks_like}")
        case _:
            return Outcome("stored", label, f"{label}: {classifier.taught()[label]} taught")


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
