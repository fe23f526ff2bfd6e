"""What the keys of keyboards are called."""

from __future__ import annotations

from edge_cls.errors import ConfigError

NAMES = ("enter", "space", "tab", "backspace", "esc", *(f"f{number}" for number in range(1, 13)))
"""The names of keys that type no character of their own. A terminal does not tell of esc, nor of f1 to f12."""


def check_key(name: str) -> str:
    """Return the name of a key in lower case: the character that it types, or one of NAMES. Raises ConfigError.

    >>> check_key("M"), check_key("F1")
    ('m', 'f1')
    """
    key = name.lower()
    if key not in NAMES and (len(key) != 1 or key.isspace()):
        raise ConfigError(f"there is no key {name!r}", hint=f"give a character, or one of {', '.join(NAMES)}")
    return key
