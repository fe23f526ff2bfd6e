"""One file over HTTPS, checked before it gets its name. The door to pooch."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pooch
import requests

from edge_cls.errors import DownloadError, EdgeClsError, OutputError

Progress = Callable[[int, int | None], None]
"""Called with the number of bytes received, and the number expected, or None if the server does not say."""

_TIMEOUT = (10, 60)
"""Seconds to wait for a connection, and for the next bytes."""
_CHUNK = 2**14
"""Bytes read between two reports of progress."""
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


def silent(done: int, total: int | None) -> None:
    """Show no progress."""


def download(url: str, target: Path, *, sha256: str | None, size: int | None, progress: Progress = silent) -> str:
    """Fetch `url` to `target` and return its SHA-256; `target` never holds an incomplete or unchecked file.

    `sha256` and `size`, in bytes, are the published ones, if known; a file that differs is deleted. Raises
    DownloadError if the file cannot be fetched or differs, with a hint how to put it in place by hand, and OutputError
    if it cannot be written.
    """
    by_hand = f"try again, or fetch {url} on another machine and put it at {target}"
    # pooch reports on stderr; `progress` and the errors below say the same.
    pooch.get_logger().setLevel(logging.WARNING)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        pooch.retrieve(
            url,
            known_hash=sha256,
            fname=target.name,
            path=target.parent,
            downloader=_Downloader(size, progress, by_hand),
        )
        return inspect(target, sha256, size)[0]
    except EdgeClsError:
        raise
    except requests.HTTPError as error:
        status = f" {error.response.status_code} {error.response.reason}" if error.response is not None else ""
        raise DownloadError(f"{url} answered{status}", hint=by_hand) from error
    except requests.RequestException as error:
        message = f"{target.name} cannot be fetched from {urlsplit(url).hostname} ({_cause(error)})"
        raise DownloadError(message, hint=by_hand) from error
    except ValueError as error:  # raised by pooch for another checksum
        reason = str(error).partition(". ")[0]
        raise DownloadError(f"{url} is not the published file and was deleted ({reason})", hint=by_hand) from error
    except OSError as error:
        raise OutputError(
            f"{target} cannot be written ({error.strerror})", hint="free some space, or check the rights of its folder"
        ) from error


def inspect(path: Path, sha256: str | None, size: int | None) -> tuple[str, str]:
    """Return the SHA-256 of the file at `path`, and its difference from the expected values, "" if there is none."""
    with path.open("rb") as file:
        found, length = hashlib.file_digest(file, "sha256").hexdigest(), os.fstat(file.fileno()).st_size
    if size not in (None, length):
        return found, f"{length} bytes, expected {size}"
    return found, "" if sha256 in (None, found) else f"the sha256 {found}, expected {sha256}"


class _Downloader:
    """Writes the content of a URL to a temporary file of pooch, and checks its size."""

    def __init__(self, size: int | None, progress: Progress, by_hand: str) -> None:
        self._size = size
        self._progress = progress
        self._by_hand = by_hand

    def __call__(self, url: str, output_file: str, _pooch: object) -> None:
        _refuse_plain_http(url)
        pooch.HTTPDownloader(
            progressbar=_ProgressBar(self._progress),
            chunk_size=_CHUNK,
            timeout=_TIMEOUT,
            headers={"Accept-Encoding": "identity"},
            hooks={"response": _check_redirect},
        )(url, output_file, None)
        length = Path(output_file).stat().st_size
        if self._size not in (None, length):
            raise DownloadError(
                f"{url} is not the published file and was deleted ({length} bytes, expected {self._size})",
                hint=self._by_hand,
            )


class _ProgressBar:
    """A progress bar as pooch drives it: it sets `total`, then calls `update` with the size of each chunk."""

    def __init__(self, progress: Progress) -> None:
        self.total = 0
        self._progress = progress
        self._done = 0

    def update(self, count: int) -> None:
        """Count `count` more bytes."""
        self._done += count
        # pooch counts whole chunks, and so the last one for too much; a total of 0 means that it is unknown.
        self._progress(min(self._done, self.total or self._done), self.total or None)

    def reset(self) -> None:
        """Begin again at 0."""
        self._done = 0

    def close(self) -> None:
        """Do nothing: the display belongs to the caller."""


def _refuse_plain_http(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme != "https" and parts.hostname not in _LOOPBACK:
        raise DownloadError(
            f"{url} is not encrypted, so that its content could be changed on the way", hint="use an https address"
        )


def _check_redirect(response: requests.Response, **_: object) -> None:
    """Refuse an unencrypted address before it is requested."""
    if response.is_redirect:
        _refuse_plain_http(urljoin(response.url, response.headers["Location"]))


def _cause(error: BaseException) -> str:
    """Return the message of the first error: that of the operating system or the server."""
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    return getattr(error, "strerror", None) or str(error)
