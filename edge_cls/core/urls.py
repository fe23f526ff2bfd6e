"""Parts of URLs that are safe to print: cameras have passwords in theirs."""

from __future__ import annotations

import re


def public_name(url: str) -> str:
    """Return scheme, host and port of a URL. Every other part may hold a password.

    >>> public_name("rtsp://admin:secret@camera.local:554/user=admin&password=secret")
    'rtsp://camera.local:554'
    """
    scheme, _, rest = url.partition("://")
    authority, host = _authority(rest)
    written = scheme if re.fullmatch(r"[\w+.-]+", scheme) else "..."
    # An @ after the authority may come from a password with a slash in it; then the authority has no host.
    plain = re.fullmatch(r"([\w.-]+|\[[\da-fA-F:.]+\])(:\d+)?", host) and "@" not in rest[len(authority) :]
    return f"{written}://{host if plain else '...'}"


def has_host(url: str) -> bool:
    """Return whether a URL names a host.

    >>> has_host("http://camera:8080"), has_host("http://:8080"), has_host("rtsp://admin:secret@/1")
    (True, False, False)
    """
    return re.match(r"[^\s:]", _authority(url.partition("://")[2])[1]) is not None


def showable(text: str) -> str:
    """Return the parts of `text` that are safe to print: all of it, unless it is a URL, or was meant to be one.

    >>> showable("photos/a@b"), showable("rtps://admin:secret@camera.local/1"), showable("rtsp:/admin:secret@camera/1")
    ('photos/a@b', 'rtps://camera.local', '...@camera/1')
    """
    if "://" in text:
        return public_name(text)
    # A URL that lacks one of its slashes is read as a path, and may have become a path below a folder.
    before, _, after = text.rpartition("@")
    folders, colon, _ = before.partition(":")
    return f"{folders[: folders.rfind('/') + 1]}...@{after}" if colon else text


def _authority(rest: str) -> tuple[str, str]:
    """Return the part of a URL between :// and its path, and the host and port in it."""
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    return authority, authority.rpartition("@")[2]
