"""Muon for convolutional networks: https://kellerjordan.github.io/posts/muon/."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable("edge_cls")
class PointwiseMuon(keras.optimizers.Muon):
    """`keras.optimizers.Muon` that treats the kernels of 1 x 1 convolutions as matrices.

    Keras applies Muon's orthogonal steps to variables with two axes only, and AdamW to all others. Nearly all weights
    of a MobileNet are in kernels of shape (1, 1, in, out).
    """

    def _should_use_adamw(self, variable: Any) -> bool:
        return not _is_matrix(variable.shape) and bool(super()._should_use_adamw(variable))

    def zeropower_via_newtonschulz5(self, x: Any, steps: int) -> Any:
        """Return `x`, in the same shape, with all singular values near 1."""
        return ops.reshape(super().zeropower_via_newtonschulz5(ops.reshape(x, x.shape[-2:]), steps), x.shape)

    def lr_adjust(self, x: Any) -> Any:
        """Return the step `x`, scaled to the typical size of an AdamW step: https://arxiv.org/abs/2502.16982."""
        return ops.reshape(super().lr_adjust(ops.reshape(x, x.shape[-2:])), x.shape)


def _is_matrix(shape: tuple[int, ...]) -> bool:
    # A kernel of shape (1, 1, in, 1) would be depthwise, but MobileNets have only 3 x 3 depthwise kernels.
    return len(shape) == 4 and shape[:2] == (1, 1)
