"""The words of the coach, which `teach`, `memory coach` and the results of commands share."""

from __future__ import annotations

from typing import Literal

from edge_cls.core.labels import BACKGROUND
from edge_cls.learning.threshold import Rates

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


def wrong_rates(rates: Rates) -> str:
    """Return the words for how often known and unknown are confused; empty if nothing could be measured."""
    said = []
    if rates.own_unknown is not None:
        said.append(f"of your own frames {_about(rates.own_unknown)} would be unknown")
    if rates.similar_known is not None:
        hint = ": teach it too" if rates.similar_known else ""
        said.append(f"of a similar thing that is not taught {_about(rates.similar_known)} would pass{hint}")
    return "; ".join(said)


def _about(share: float) -> str:
    if not share:
        return "hardly any"
    tenths = round(10 * share)
    return f"about {tenths} in 10" if tenths > 1 else f"about 1 in {round(1 / share)}"
