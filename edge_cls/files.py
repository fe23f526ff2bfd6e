"""Files that are safe to read whole, and files that are written whole."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import stat
import zipfile
import zlib
from pathlib import Path

from edge_cls.errors import OutputError

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


def write_whole(path: Path, content: bytes) -> None:
    """Put `content` at `path` so that a reader sees the old file or the new one, even after a power cut.

    A link stays one. Raises OutputError, also for what is no regular file: a device must not be replaced.
    """
    if path.exists() and not path.is_file():
        raise OutputError(f"{path} cannot be written (it is no regular file)", mend="choose another place")
    target = path.resolve()
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise OutputError(
            f"{path} cannot be written ({error.strerror})", mend="free some space, or choose another place"
        ) from error
