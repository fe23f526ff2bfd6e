"""Settings of properties whose examples are expensive."""

from __future__ import annotations

from hypothesis import settings


def fewer(divisor: int) -> settings:
    """Return settings with the examples of the current profile divided by `divisor`: see conftest.py."""
    return settings(max_examples=max(1, settings().max_examples // divisor))
