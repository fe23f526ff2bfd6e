"""What native libraries write to stderr behind Python's back."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def quiet_native_libraries() -> Iterator[None]:
    """Show only what Python writes to stderr: TensorFlow and LiteRT greet everyone with lines that look like errors.

    EDGE_CLS_DEBUG=1 shows them, and so does the journal: nothing else tells what libcamera says of a camera that is not
    found, nor where the process was when the watchdog aborted it.
    """
    from edge_cls.systemd.logs import is_journal

    if os.environ.get("EDGE_CLS_DEBUG") or is_journal(os.environ):
        yield
        return
    original, python_stderr = os.dup(2), sys.stderr
    try:
        ours = python_stderr.fileno() == 2
    except OSError:  # stderr was replaced by something that is no file, as tests do
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
