"""Puts photos into folders of a data set."""

from __future__ import annotations

import os
import shutil
from pathlib import Path


def place(source: Path, target: Path, *, link: bool) -> None:
    """Copy `source` to `target`, or hard-link it if `link` is set.

    If `target` is taken, a number is added to its name. Raises OSError if it cannot be written.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    number, free = 1, target
    while os.path.lexists(free):
        number += 1
        free = target.with_name(f"{target.stem}~{number}{target.suffix}")
    if link:
        free.hardlink_to(source.resolve())
    else:
        shutil.copyfile(source, free)
