"""EfficientNet-Lite0 as a Keras network, for fine-tuning and distillation."""

from __future__ import annotations

import keras
import numpy as np

from edge_cls.model.lite0.network import EPSILON, INPUT, LAYERS, MEAN, STD, Layer, convolution
from edge_cls.model.lite0.weights import Tensors
from edge_cls_tools.io.batches import PIXEL_MEAN, PIXEL_STD


def lite0_network(tensors: Tensors, size: int) -> keras.Model:
    """Return the network from pixels in [-1, 1], (batch, size, size, 3), to embeddings, (batch, 1280).

    Its first layer rescales the pixels to the network's own normalisation, (byte - 127) / 128. In int8 that layer
    becomes the scale of the input, so that the bytes of a photo are the input (`quantization.pixel_input`).
    Raises ModelError if the tensors are not those of the network.
    """
    image = keras.Input((size, size, 3), name=INPUT)
    found = {INPUT: keras.layers.Rescaling(PIXEL_STD / STD, (PIXEL_MEAN - MEAN) / STD, name="rescaling")(image)}
    output = image
    for layer in LAYERS:
        inputs = [found[name] for name in layer.inputs]
        output = found[layer.name] = _convolved(tensors, layer, inputs[0]) if layer.convolves else _other(layer, inputs)
    return keras.Model(image, output, name="lite0")


def _other(layer: Layer, inputs: list[keras.KerasTensor]) -> keras.KerasTensor:
    if layer.kind == "add":
        return keras.layers.Add(name=_name(layer))(inputs)
    return keras.layers.GlobalAveragePooling2D(name=_name(layer))(inputs[0])


def _convolved(tensors: Tensors, layer: Layer, source: keras.KerasTensor) -> keras.KerasTensor:
    weights, name = convolution(tensors, layer), _name(layer)
    options = {"strides": layer.stride, "padding": "same", "use_bias": False, "name": f"{name}_convolution"}
    if layer.kind == "depthwise":
        step = keras.layers.DepthwiseConv2D(layer.kernel, **options)
        kernel = np.transpose(weights.kernel, (2, 3, 0, 1))
    else:
        step = keras.layers.Conv2D(layer.channels, layer.kernel, **options)
        kernel = np.transpose(weights.kernel, (2, 3, 1, 0))
    output = step(source)
    step.set_weights([kernel])
    norm = keras.layers.BatchNormalization(epsilon=EPSILON, name=f"{name}_normalization")
    output = norm(output)
    norm.set_weights([weights.gamma, weights.beta, weights.mean, weights.variance])
    return keras.layers.ReLU(max_value=6, name=f"{name}_relu6")(output) if layer.relu6 else output


def _name(layer: Layer) -> str:
    """Return the name of `layer` without the slashes that Keras does not allow."""
    return layer.name.replace("/", "_")
