"""The hyperparameters of a fine-tuning that the user chooses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from edge_cls.core.manifest import Preprocessing

if TYPE_CHECKING:
    from edge_cls_tools.backbones.backbones import Backbone

Strategy = Literal["none", "mirrored", "multiworker"]
"""One device, all accelerators of this machine, or several machines."""
MARGIN = 1.15
"""Side of the stored photos as a multiple of the input size, so that a crop is still sharp."""


@dataclass(frozen=True)
class Recipe:
    """The hyperparameters of a fine-tuning. `layers`: "last" trains the layers of the coarsest resolution, "all" all.

    `rate` is the peak learning rate, `epochs` the maximum number of epochs, `flip` allows mirrored photos.
    """

    layers: Literal["last", "all"]
    epochs: int
    rate: float
    flip: bool = True
    mixed_precision: bool = False
    seed: int = 0

    def contract(self, backbone: Backbone) -> Preprocessing:
        """Return the preprocessing of the training photos: MARGIN times as large as the input of `backbone`."""
        side = round(backbone.size * MARGIN)
        return Preprocessing(side, side)
