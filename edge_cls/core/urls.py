"""What of a URL may be shown."""

from __future__ import annotations

import re


def public_name(url: str) -> str:
    """Return scheme, host and port of a URL. Cameras take passwords in each of the other parts.

    >>> public_name("rtsp://admin:secret@camera.local:554/user=admin&password=secret")
    'rtsp://camera.local:554'
    """
    scheme, _, rest = url.partition("://")
    written = scheme if re.fullmatch(r"[\w+.-]+", scheme) else "..."
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    host = authority.rpartition("@")[2]
    # An @ after the authority may be that of a password with a slash in it, and then the host is none.
    plain = re.fullmatch(r"([\w.-]+|\[[\da-fA-F:.]+\])(:\d+)?", host) and "@" not in rest[len(authority) :]
    return f"{written}://{host if plain else '...'}"


def showable(text: str) -> str:
    """Return what of `text` may be shown: all of it, unless it is a URL, or was meant to be one.

    >>> showable("photos/a@b"), showable("rtps://admin:secret@camera.local/1")
    ('photos/a@b', 'rtps://camera.local')
    """
    return public_name(text) if "://" in text else text
