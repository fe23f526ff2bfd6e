"""Calls of the command in tests."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

COMMAND = str(Path(sys.executable).with_name("edge-cls"))
"""For tests that need a process of their own; all others use the `edge_cls` fixture, which starts none."""


class Done(NamedTuple):
    """The result of a command, with the names of `subprocess`."""

    returncode: int
    stdout: str
    stderr: str


EdgeCls = Callable[..., Done]


def good(done: Done) -> str:
    """Return the output of a command, which must have succeeded with nothing on stderr."""
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout
