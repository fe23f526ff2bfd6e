"""Files that are safe to read whole."""

from __future__ import annotations

import errno
import io
import os
import stat
import zipfile
import zlib
from pathlib import Path

ZIP_FAULTS = (zipfile.BadZipFile, zlib.error, RuntimeError, ValueError, EOFError, OSError)
"""What `zipfile` raises for a member that is damaged, or packed in a way it does not know."""


def open_regular(path: Path, *, limit: int) -> io.BufferedReader:
    """Open the file at `path`, which has at most `limit` bytes, to be read.

    Raises OSError, also for a pipe, which would block until somebody writes, and for a device, which may never end.
    """
    status = path.stat()
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "Not a regular file", str(path))
    if status.st_size > limit:
        raise OSError(errno.EFBIG, f"Larger than {limit // 2**20} MiB", str(path))
    return path.open("rb")
