"""The types of libcamera's controls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def suits(value: object, limits: Sequence[Any]) -> bool:
    """Return whether `value`, or each element of a list, has the type of a control's `limits`.

    `limits` are its smallest, largest and default value. The range is not checked, because for libcamera some
    values outside of it have a meaning of their own.
    """
    return _is_like(value, limits) or (isinstance(value, list | tuple) and all(_is_like(v, limits) for v in value))


def _is_like(value: object, limits: Sequence[Any]) -> bool:
    like = next((limit for limit in limits if limit is not None), None)
    if isinstance(like, tuple):  # a rectangle or a size
        return isinstance(value, list | tuple) and len(value) == len(like) and all(isinstance(n, int) for n in value)
    if isinstance(like, float):
        return isinstance(value, int | float)
    if isinstance(like, int):
        return isinstance(value, int) and abs(value) <= max([2**31 - 1, *(abs(limit) for limit in limits if limit)])
    return True
