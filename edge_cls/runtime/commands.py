"""Executes a command between two frames: teach, undo, forget."""

from __future__ import annotations

import sqlite3
from typing import Literal

from edge_cls.classifier import Classifier
from edge_cls.errors import EdgeClsError, one_line
from edge_cls.memory.database import DamagedFile
from edge_cls.memory.store import Memory, Operation
from edge_cls.runtime.messages import CommandResult
from edge_cls.runtime.ports import Clock, Command

BACKGROUND = "background"
"""The label that the action "background" teaches."""

_Outcome = tuple[Literal["stored", "duplicate", "conflict", "refused"], str | None, str]
"""Kind, label and detail of a result."""


def execute(command: Command, classifier: Classifier, state: str | None, clock: Clock) -> CommandResult:
    """Execute `command`, and return its result after the commit.

    `state` is the stable label of the camera: the class to forget if the command names none.
    """
    kind, label, detail = _execute(command, classifier, state)
    return CommandResult(command.action, kind, label, detail, command.origin, clock.time())


def refusal(command: Command, detail: str, clock: Clock) -> CommandResult:
    """Return the result of a command that is not executed, for the reason `detail`."""
    return CommandResult(command.action, "refused", command.label, detail, command.origin, clock.time())


def _execute(command: Command, classifier: Classifier, state: str | None) -> _Outcome:
    label = BACKGROUND if command.action == "background" else command.label
    if classifier.memory is None:
        return "refused", label, "there is no memory to teach; set one (--memory)"
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
            return "refused", label, f"{classifier.memory.recovered}; try again"
    except (EdgeClsError, OSError, sqlite3.Error) as error:
        return "refused", label, one_line(str(error))


def _teach(command: Command, label: str, classifier: Classifier) -> _Outcome:
    if command.frame is None:
        return "refused", label, "the camera gives no frame"
    taught = classifier.teach(label, command.frame.image)
    match taught.check.verdict:
        case "duplicate":
            return "duplicate", label, f"{label}: nothing new"
        case "conflict":
            return "conflict", label, f"{label}: stored, but it looks like {taught.check.looks_like}"
        case _:
            return "stored", label, f"{label}: {classifier.taught()[label]} taught"


def _undo(memory: Memory) -> _Outcome:
    operation: Operation | None = memory.undo()
    if operation is None:
        return "refused", None, "there is nothing to undo"
    return "stored", None, f"undone: {operation}"


def _forget(memory: Memory, label: str | None) -> _Outcome:
    if label is None:
        return "refused", None, "no known class is before the camera; there is nothing to forget"
    if not (count := memory.forget(label)):
        return "refused", label, f"{label} was not taught"
    return "stored", label, f"{label}: {count} forgotten; undo brings them back"
