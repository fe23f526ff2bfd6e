"""The hyperparameters of a distillation that the user chooses, and the schedule of input sizes."""

from __future__ import annotations

from dataclasses import dataclass

PHASES = ((0.5, 0.5), (0.8, 0.75), (1.0, 1.0))
"""Progressive resizing: (end of the phase as a share of the epochs, input size as a share of the final one).

Coarse shapes are learnt from small views, of which more are processed per second.
"""
STARTED = 0.8
"""Input size of all epochs of a student that is already trained, as a share of the final one.

Random crops show objects larger than whole photos do: networks see as well at a size that is larger by about as much
(Touvron et al., "Fixing the train-test resolution discrepancy", 2019). The built-in backbone, which was trained at 128
pixels, was taught better at 160.
"""
_SIZE_STEP = 16
"""Input sizes of the earlier phases are rounded to a multiple of this, in pixels."""


@dataclass(frozen=True)
class Recipe:
    """Width (alpha) and input size of the student in pixels, number of epochs over the cached views, and seed.

    `grows` is False if the student is already trained: all epochs then have STARTED of the final size.
    """

    alpha: float
    size: int
    epochs: int
    seed: int
    grows: bool = True

    @property
    def sizes(self) -> list[int]:
        """The input size of each epoch, in pixels; if the resolution grows, that of the last epoch is `size`."""
        if not self.grows:
            return [max(32, round(self.size * STARTED / _SIZE_STEP) * _SIZE_STEP)] * self.epochs
        shares = [(epoch + 1) / self.epochs for epoch in range(self.epochs)]
        scales = [next(scale for until, scale in PHASES if share <= until) for share in shares]
        return [max(32, round(self.size * scale / _SIZE_STEP) * _SIZE_STEP) for scale in scales]
