"""The hyperparameters of a distillation that the user chooses, and the schedule of input sizes."""

from __future__ import annotations

from dataclasses import dataclass

PHASES = ((0.5, 0.5), (0.8, 0.75), (1.0, 1.0))
"""Progressive resizing: (end of the phase as a share of the epochs, input size as a share of the final one).

Coarse shapes are learnt from small views, of which more are processed per second.
"""
_SIZE_STEP = 16
"""Input sizes of the earlier phases are rounded to a multiple of this, in pixels."""


@dataclass(frozen=True)
class Recipe:
    """Width (alpha) and input size of the student in pixels, number of epochs over the cached views, and seed."""

    alpha: float
    size: int
    epochs: int
    seed: int

    @property
    def sizes(self) -> list[int]:
        """The input size of each epoch, in pixels; that of the last epoch is `size`."""
        shares = [(epoch + 1) / self.epochs for epoch in range(self.epochs)]
        scales = [next(scale for until, scale in PHASES if share <= until) for share in shares]
        return [max(32, round(self.size * scale / _SIZE_STEP) * _SIZE_STEP) for scale in scales]
