"""One file over HTTP: resumed where a connection was cut, and checked before anybody sees it. The door to requests."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urljoin, urlsplit

import requests

from edge_cls.errors import DownloadError, EdgeClsError, OutputError

Progress = Callable[[int, int | None], None]
"""Told how many bytes are there, and how many there will be, where the server says so."""

_TIMEOUT = (10, 60)
"""Seconds to wait for a connection, and for the next bytes."""
_CHUNK = 2**14
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


def silent(done: int, total: int | None) -> None:
    """Show no progress."""


def download(url: str, target: Path, *, sha256: str | None, size: int | None, progress: Progress = silent) -> str:
    """Fetch `url` to `target`, whole and checked, or not at all, and return its SHA-256.

    What came before a cut stays in `TARGET.part` for the next time. `sha256` and `size`, in bytes, are what the file
    must have, where they are known. Raises DownloadError where the file cannot be had, or is another one, and
    OutputError where it cannot be written.
    """
    part = target.with_name(f"{target.name}.part")
    version = part.with_name(f"{part.name}.version")
    by_hand = f"try again, or, where there is no network, fetch {url} on another machine and put it at {target}"
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _alone(part) as file:
            _receive(url, file, version, by_hand, progress)
            file.flush()
            os.fsync(file.fileno())
            came, problem = inspect(part, sha256, size)
            if problem:
                part.unlink()
                raise DownloadError(
                    f"what came from {url} is not the published file: it has {problem}; it was deleted", hint=by_hand
                )
            version.unlink(missing_ok=True)
            part.replace(target)
    except EdgeClsError:
        raise
    except requests.RequestException as error:
        message = f"{target.name} cannot be fetched from {urlsplit(url).hostname} ({_cause(error)})"
        raise DownloadError(message, hint=by_hand) from error
    except OSError as error:
        raise OutputError(
            f"{target} cannot be written ({error.strerror})", hint="free some space, or check the rights of its folder"
        ) from error
    return came


def inspect(path: Path, sha256: str | None, size: int | None) -> tuple[str, str]:
    """Return the SHA-256 of the file at `path`, and in what it differs from what it must be: "" where it does not."""
    with path.open("rb") as file:
        came, length = hashlib.file_digest(file, "sha256").hexdigest(), os.fstat(file.fileno()).st_size
    if size not in (None, length):
        return came, f"{length} bytes, and not {size}"
    return came, "" if sha256 in (None, came) else f"the sha256 {came}, and not {sha256}"


@contextlib.contextmanager
def _alone(part: Path) -> Iterator[BinaryIO]:
    """Open `part` to append to it, for one process at a time."""
    with part.open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Whoever held the lock a moment ago has renamed this very file: it is finished, and not ours to append to.
            alone = part.exists() and os.path.samestat(part.stat(), os.fstat(file.fileno()))
        except BlockingIOError:
            alone = False
        if not alone:
            raise DownloadError(
                f"another process is fetching {part.stem}", hint="wait until it is done, and run this command again"
            )
        yield file


def _receive(url: str, file: BinaryIO, version: Path, by_hand: str, progress: Progress) -> None:
    """Append to `file` what it lacks of `url`; a file of another version than `version` says begins anew."""
    _refuse_plain_http(url)
    done = file.seek(0, os.SEEK_END)
    known = version.read_text() if version.exists() else ""
    headers = {"Accept-Encoding": "identity"}
    if done and known:
        headers |= {"Range": f"bytes={done}-", "If-Range": known}
    hooks = {"response": _check_redirect}
    with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT, hooks=hooks) as response:
        content_range = response.headers.get("Content-Range", "")
        if response.status_code == requests.codes.requested_range_not_satisfiable and "Range" in headers:
            if content_range == f"bytes */{done}":
                return  # it was cut between its last byte and its new name
            file.truncate(0)
            _receive(url, file, version, by_hand, progress)
            return
        if not response.ok:
            raise DownloadError(f"{url} answers {response.status_code} {response.reason}", hint=by_hand)
        if response.status_code == requests.codes.partial_content:
            if not content_range.startswith(f"bytes {done}-"):
                raise DownloadError(f"{url} answers with other bytes than were asked for", hint=by_hand)
        else:
            if done:
                file.truncate(0)
            version.write_text(_version(response))
            done = 0
        length = response.headers.get("Content-Length", "")
        total = done + int(length) if length.isdecimal() else None
        progress(done, total)
        for chunk in response.iter_content(_CHUNK):
            file.write(chunk)
            done += len(chunk)
            progress(done, total)
    if total is not None and done < total:
        raise DownloadError(f"{url} was cut after {done} of {total} bytes", hint=by_hand)


def _refuse_plain_http(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme != "https" and parts.hostname not in _LOOPBACK:
        raise DownloadError(f"{url} is not encrypted, so that anybody could change it", hint="use an https address")


def _check_redirect(response: requests.Response, **_: object) -> None:
    """Refuse an unencrypted address before it is followed."""
    if response.is_redirect:
        _refuse_plain_http(urljoin(response.url, response.headers["Location"]))


def _version(response: requests.Response) -> str:
    """Return what tells this version of the file from another: only a strong ETag or a date may ask for its rest."""
    tag = response.headers.get("ETag", "")
    return tag if tag and not tag.startswith("W/") else response.headers.get("Last-Modified", "")


def _cause(error: BaseException) -> str:
    """Return what the operating system or the server said first, below the layers that wrapped it."""
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    return getattr(error, "strerror", None) or str(error)
