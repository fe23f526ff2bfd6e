"""Messages that native libraries write to stderr without Python."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator

from edge_cls.cli.verbosity import is_verbose


@contextlib.contextmanager
def quiet_native_libraries() -> Iterator[None]:
    """Show only the lines that Python writes to stderr: TensorFlow and LiteRT start with lines that look like errors.

    --verbose and EDGE_CLS_DEBUG=1 show the native lines. In the journal they are always shown: only they say why
    libcamera did not find a camera, and where the process was when the watchdog aborted it.
    """
    from edge_cls.systemd.logs import is_journal

    if is_verbose() or is_journal(os.environ):
        yield
        return
    original, python_stderr = os.dup(2), sys.stderr
    try:
        ours = python_stderr.fileno() == 2
    except OSError:  # stderr was replaced by an object that is not a file, as tests do
        ours = False
    python_stderr.flush()
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    if ours:
        sys.stderr = os.fdopen(os.dup(original), "w", buffering=1, encoding=python_stderr.encoding, errors="replace")
    try:
        yield
    finally:
        if ours:
            sys.stderr.close()
            sys.stderr = python_stderr
        os.dup2(original, 2)
        os.close(original)
