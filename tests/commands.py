"""How tests call the command."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

COMMAND = str(Path(sys.executable).with_name("edge-cls"))
"""For what only a process of its own can show; all other tests take the `edge_cls` fixture, which starts none."""


class Done(NamedTuple):
    """What a command left behind, in the words of `subprocess`."""

    returncode: int
    stdout: str
    stderr: str


EdgeCls = Callable[..., Done]


def good(done: Done) -> str:
    """Return what a command printed, which has succeeded in silence."""
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout
