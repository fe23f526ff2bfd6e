"""What people at the panel want of the memory, done between two frames."""

from __future__ import annotations

import sqlite3

from edge_cls.classifier import Classifier
from edge_cls.errors import EdgeClsError, one_line
from edge_cls.memory.database import DamagedFile
from edge_cls.memory.store import Memory, Operation
from edge_cls.runtime.ports import Command, CommandResult

BACKGROUND = "background"
"""What is taught as what is there when nothing is."""


def execute(command: Command, classifier: Classifier, state: str | None) -> CommandResult:
    """Do what `command` asks for, and return what became of it, after the commit.

    `state` is what the camera sees: that is what a wish to forget means which names no class.
    """
    label = BACKGROUND if command.action == "background" else command.label
    if classifier.memory is None:
        return CommandResult("refused", label, "there is no memory to teach; set one (--memory)")
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
            return CommandResult("refused", label, f"{classifier.memory.recovered}; try again")
    except (EdgeClsError, OSError, sqlite3.Error) as error:
        return CommandResult("refused", label, one_line(str(error)))


def _teach(command: Command, label: str, classifier: Classifier) -> CommandResult:
    if command.frame is None:
        return CommandResult("refused", label, "the camera gives no frames")
    taught = classifier.teach(label, command.frame.image)
    match taught.check.verdict:
        case "duplicate":
            return CommandResult("duplicate", label, f"{label}: nothing new")
        case "conflict":
            return CommandResult("conflict", label, f"{label}: stored, but it looks like {taught.check.looks_like}")
        case _:
            return CommandResult("stored", label, f"{label}: {classifier.taught()[label]} taught")


def _undo(memory: Memory) -> CommandResult:
    operation: Operation | None = memory.undo()
    if operation is None:
        return CommandResult("refused", None, "there is nothing to undo")
    return CommandResult("stored", None, f"undone: {operation}")


def _forget(memory: Memory, label: str | None) -> CommandResult:
    if label is None:
        return CommandResult("refused", None, "there is no class before the camera to forget")
    if not (count := memory.forget(label)):
        return CommandResult("refused", label, f"{label} was not taught")
    return CommandResult("stored", label, f"{label}: {count} forgotten; undo brings them back")
