"""The words of the coach, which `teach`, `memory coach` and the results of commands share."""

from __future__ import annotations

from typing import Literal

from edge_cls.core.labels import BACKGROUND

Advice = Literal["turn", "more", "background", "enough"]
"""What the coach advises after an example was stored: turn the object, teach more views, teach the empty place, or
nothing more."""

WORDS: dict[Advice, str] = {
    "turn": "turn it while you hold the button",
    "more": "too few",
    "background": f"teach the empty place too, as the class {BACKGROUND}",
    "enough": "enough",
}
NOTHING_NEW = "nothing new"


def looks_like(other: str) -> str:
    """Return the words for a class or example that is in conflict with the class `other`."""
    return f"looks like {other}"


def look_alike(label: str, other: str, near: int, examples: int) -> str:
    """Return the words for two classes that look alike: `near` of the `examples` of `label` are as near to `other`."""
    if not near:
        return f"{other} and {label} look alike"
    noun, verb = ("example", "is") if examples == 1 else ("examples", "are")
    return f"{other} and {label} look alike: {near} of {examples} {noun} of {label} {verb} as near to {other}"
