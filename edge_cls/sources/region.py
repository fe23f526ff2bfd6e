"""The region of interest: the part of each frame that is classified."""

from __future__ import annotations

from edge_cls.errors import ConfigError

Region = tuple[float, float, float, float]
"""Left, top, width and height, as fractions of the upright frame."""

WHOLE: Region = (0.0, 0.0, 1.0, 1.0)


def check_region(region: Region) -> Region:
    """Return `region`. Raises ConfigError if it is empty or not inside the frame.

    >>> check_region((0.25, 0.25, 0.5, 0.5))
    (0.25, 0.25, 0.5, 0.5)
    """
    left, top, width, height = region
    # Decimal fractions such as 0.7 + 0.3 may add up to slightly more than 1.
    if not all(start >= 0 < part and start + part <= 1 + 1e-9 for start, part in ((left, width), (top, height))):
        raise ConfigError(
            f"the region of interest {', '.join(f'{value:g}' for value in region)} is not inside the frame",
            hint="use left, top, width and height as fractions of it, for example 0.25, 0.25, 0.5, 0.5",
        )
    return region
