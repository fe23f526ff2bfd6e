"""Batch normalisation in one fused kernel, if the Keras backend is TensorFlow.

`keras.layers.BatchNormalization` consists of a dozen elementwise operations in a training step. On a CPU they take more
time than all convolutions of a MobileNet. TensorFlow has one kernel for all of them, which Keras 3 does not call.
"""

from __future__ import annotations

from typing import Any

import keras


@keras.saving.register_keras_serializable("edge_cls")
class FusedBatchNormalization(keras.layers.BatchNormalization):
    """`keras.layers.BatchNormalization` over the last axis, with the same results up to rounding on every backend.

    On TensorFlow the moving variance follows the unbiased estimate, n / (n - 1), because the kernel returns that.
    """

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Return the normalised `inputs`, shape (batch, height, width, channels)."""
        if not (training and self.trainable and keras.backend.backend() == "tensorflow"):
            return super().call(inputs, training=training, mask=mask)
        import tensorflow as tf

        outputs, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            inputs, self.gamma, self.beta, epsilon=self.epsilon, is_training=True
        )
        for moving, value in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(moving * self.momentum + value * (1.0 - self.momentum))
        return outputs
