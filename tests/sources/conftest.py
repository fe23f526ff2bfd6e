"""What all tests of sources share."""

from __future__ import annotations

import gc

import pytest


@pytest.fixture(scope="module", autouse=True)
def few_objects_to_scan() -> None:
    """Freeze the objects of earlier tests: Picamera2Source runs the garbage collector when it opens and closes."""
    gc.collect()
    gc.freeze()
