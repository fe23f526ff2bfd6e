"""How much a command prints besides its result: `edge-cls --verbose` and `edge-cls --quiet`."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from contextvars import ContextVar
from enum import Enum

import typer


class Verbosity(Enum):
    """The messages that are printed besides results and errors."""

    QUIET = "quiet"
    """Nothing: no notes, no warnings of the log, no progress display."""
    NORMAL = "normal"
    """Notes, warnings of the log and a progress display."""
    VERBOSE = "verbose"
    """Also the debug log and the messages of native libraries."""


_chosen: ContextVar[Verbosity] = ContextVar("verbosity", default=Verbosity.NORMAL)


@contextlib.contextmanager
def verbosity(*, verbose: bool, quiet: bool) -> Iterator[None]:
    """Let a command be verbose or quiet while this is entered. Raises typer.BadParameter if it should be both."""
    if verbose and quiet:
        raise typer.BadParameter("give --verbose or --quiet, not both")
    token = _chosen.set(Verbosity.VERBOSE if verbose else Verbosity.QUIET if quiet else Verbosity.NORMAL)
    try:
        if verbose or quiet:
            set_up_log()
        yield
    finally:
        _chosen.reset(token)


def is_quiet() -> bool:
    """Return whether only results and errors are wanted; progress displays are off then."""
    return _chosen.get() is Verbosity.QUIET


def is_verbose() -> bool:
    """Return whether --verbose or EDGE_CLS_DEBUG asks for the messages of native libraries."""
    return _chosen.get() is Verbosity.VERBOSE or bool(os.environ.get("EDGE_CLS_DEBUG"))


def note(message: str) -> None:
    """Print a line on stderr that is neither a result nor an error, unless the command is quiet."""
    if not is_quiet():
        typer.echo(message, err=True)


def set_up_log() -> None:
    """Send the log to stderr or the journal, from the level on that --verbose, --quiet or the environment asks for."""
    import logging

    from edge_cls.systemd import logs

    levels = {Verbosity.QUIET: logging.ERROR, Verbosity.VERBOSE: logging.DEBUG}
    logs.set_up(os.environ, level=levels.get(_chosen.get()))
