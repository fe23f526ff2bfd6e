"""Keras to TFLite, and float TFLite to int8: the door to TensorFlow's converter."""

from __future__ import annotations

import contextlib
import io

import keras
import tensorflow as tf

# No public call takes ranges of one's own; this one has been there, the same, since TensorFlow 2.3.
from tensorflow.lite.python.convert import mlir_quantize


def to_float(model: keras.Model) -> bytes:
    """Return `model` as a float32 TFLite model: the same function, several times faster on a CPU."""
    # The converter prints every variable of the network to stdout, where our results go.
    with contextlib.redirect_stdout(io.StringIO()):
        return bytes(tf.lite.TFLiteConverter.from_keras_model(model).convert())


def to_int8(network: bytes) -> bytes:
    """Return a float TFLite model as a full int8 one, per channel, uint8 in and int8 out.

    The scales of the activations are those of the minimum and maximum that stand in its tensors. What has no int8
    kernel stays in floating point.
    """
    return bytes(mlir_quantize(network, input_data_type=tf.uint8, output_data_type=tf.int8))
