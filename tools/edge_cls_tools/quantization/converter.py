"""The only module that calls TensorFlow's converter, from a Keras network to a float TFLite one."""

from __future__ import annotations

import contextlib
import io

import keras
import tensorflow as tf


def to_float(model: keras.Model) -> bytes:
    """Return `model` as a float32 TFLite model, which is several times as fast as Keras on a CPU."""
    # The converter prints every variable of the network to stdout, which is reserved for results.
    with contextlib.redirect_stdout(io.StringIO()):
        return bytes(tf.lite.TFLiteConverter.from_keras_model(model).convert())
