"""Read and write files safely, act as the owner of a folder, and find the files that ship with edge-cls."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from edge_cls.errors import EdgeClsError, OutputError


def open_regular(path: Path, *, limit: int) -> io.BufferedReader:
    """Open the file at `path`, of at most `limit` bytes, for reading.

    Raises OSError if that fails, if the file is larger, and if it is not a regular file: a pipe would block until
    another process writes, and a device may never end.
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
    """Write `content` to `path` atomically: a reader sees the old file or the new one, even after a power cut.

    Missing folders are created, and a symbolic link stays one. Raises OutputError if that fails, and if `path` exists
    and is not a regular file: a device must not be replaced.
    """
    target = Path(os.path.realpath(path))
    # The functions of os.path raise nothing. A link that realpath does not resolve is a loop.
    if os.path.lexists(target) and not os.path.isfile(target):  # noqa: PTH113
        raise OutputError(f"{path} cannot be written (it is not a regular file)", hint="choose another place")
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary.unlink(missing_ok=True)  # left by a process that was killed
        with temporary.open("xb") as file:  # never the target of a link
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise OutputError(
            f"{path} cannot be written ({error.strerror})", hint="free some space, or choose another place"
        ) from error


@contextlib.contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """Yield an empty folder beside `out` that is renamed to `out` at the end, or removed if anything fails.

    Raises OutputError if `out` exists and is not an empty folder, or if it cannot be written.
    """
    temporary = out.with_name(f".{out.name}.{os.getpid()}.tmp")
    try:
        if out.exists() and not (out.is_dir() and not any(out.iterdir())):
            raise OutputError(f"{out} already exists", hint="remove it, or choose a new folder")
        temporary.mkdir(parents=True)
        yield temporary
        temporary.replace(out)
    except EdgeClsError:
        raise
    except OSError as error:
        raise OutputError(f"{out} cannot be written ({error})", hint="check the disk and the permissions") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextlib.contextmanager
def as_owner_of(folder: Path) -> Iterator[None]:
    """Act as the owner of `folder`, in all threads, while the context lasts, if this process is root.

    The owner is the user of a service, say, or the person who called sudo. Files that are created then belong to that
    user, and a link that the user planted cannot lead to a file that only root may write.
    """
    with contextlib.ExitStack() as root:
        with contextlib.suppress(OSError):  # a missing folder is reported by the code that uses it
            if (owner := other_owner(folder)) is not None:
                _become(owner, root)
        yield


def other_owner(folder: Path) -> os.stat_result | None:
    """Return the status of `folder` if this process is root and the owner is another user, otherwise None.

    Raises OSError if the folder does not exist.
    """
    status = folder.stat()
    return status if os.geteuid() == 0 != status.st_uid else None


def _become(owner: os.stat_result, back: contextlib.ExitStack) -> None:
    """Act as `owner`, and push the way back on `back`.

    In a container without the right to change its user, nothing changes: root can do no more than the owner there.
    """
    with contextlib.ExitStack() as half_way:
        groups, group = os.getgroups(), os.getegid()
        os.setgroups([])
        half_way.callback(os.setgroups, groups)
        os.setegid(owner.st_gid)
        half_way.callback(os.setegid, group)
        os.seteuid(owner.st_uid)
        half_way.callback(os.seteuid, 0)
        back.push(half_way.pop_all())


def shipped_file(name: str, *, wheel: str, checkout: str) -> Path | None:
    """Return the path of a file that ships with edge-cls; None if this installation lacks it.

    `wheel` is its folder inside the installed package, and `checkout` its folder in a checkout: a wheel carries some
    folders of a checkout inside the package.
    """
    package = Path(__file__).resolve().parent
    places = (package / wheel / name, package.parent / checkout / name)
    return next((place for place in places if place.is_file()), None)
