"""The names of keys."""

from __future__ import annotations

from edge_cls.errors import ConfigError

NAMES = ("enter", "space", "tab", "backspace", "esc", *(f"f{number}" for number in range(1, 13)))
"""The names of keys that type no printable character. A terminal does not report esc and f1 to f12; a keypad does."""


def check_key(name: str) -> str:
    """Return `name` in lower case: the character that a key types, or one of NAMES. Raises ConfigError for others.

    >>> check_key("M"), check_key("F1")
    ('m', 'f1')
    """
    key = name.lower()
    if key not in NAMES and (len(key) != 1 or key.isspace()):
        raise ConfigError(f"there is no key {name!r}", hint=f"give a character, or one of {', '.join(NAMES)}")
    return key
