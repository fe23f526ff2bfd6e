"""Roots of the testbed: file systems of another machine, which its scripts set up and enter."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest


def usable_script(shared: Path, name: str) -> Path:
    """Return the testbed's script `name`; the test is skipped if it cannot run."""
    script = shared / "testbed" / name
    if not script.is_file():
        pytest.skip(f"{script} is absent: the testbed is not part of the repository")
    if os.geteuid() != 0:
        pytest.skip("the testbed's root can be set up and entered by root alone")
    return script


def cached_root(name: str) -> Path:
    """Return the place of the root `name` in the cache folder."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "edge-cls" / name


def make_root(root: Path, set_up: Callable[[Path], subprocess.CompletedProcess[str]]) -> None:
    """Call `set_up` with a new folder, which becomes `root` if it succeeds; otherwise the test is skipped."""
    unfinished = root.with_suffix(".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.parent.mkdir(parents=True, exist_ok=True)
    done = set_up(unfinished)
    if done.returncode != 0:
        pytest.skip(f"the testbed's root cannot be set up here: {done.stdout.strip().splitlines()[-1:]}")
    unfinished.rename(root)
