"""The durations of the stages, over the frames that passed them."""

from __future__ import annotations

import pytest

from edge_cls.runtime.timings import KEPT, Stages


@pytest.mark.parametrize("frames", [1, 10, KEPT, KEPT + 1])
def test_percentiles_are_of_the_frames_that_came_through(frames: int) -> None:
    stages = Stages()
    for _ in range(frames):
        stages.add("invoke", 0.25)
    assert stages.percentiles("invoke", (0, 50, 99)).tolist() == [0.25] * 3
