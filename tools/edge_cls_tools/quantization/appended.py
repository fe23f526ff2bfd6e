"""A classifier made of an int8 backbone and a fitted head, which is appended to the backbone's own network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edge_cls.core.manifest import Quantized, Training
from edge_cls.model.file import ModelFile
from edge_cls.model.golden import with_golden
from edge_cls.model.temperature import unknown_threshold
from edge_cls.tflite.head import append_head
from edge_cls_tools.linear_head import Embeddings, Head, Labels
from edge_cls_tools.quantization.distances import median_distance
from edge_cls_tools.quantization.gate import Comparison, compare_heads
from edge_cls_tools.quantization.layers import Activations, Layers
from edge_cls_tools.quantization.temperature import fit_temperature

DISTANCE_PHOTOS = 100
"""Most training photos that the typical distance between photos is measured on."""


@dataclass(frozen=True, eq=False)
class Appended:
    """The int8 classifier, not yet written, its head in floating point, and the comparison of the two heads."""

    file: ModelFile
    head: Head
    comparison: Comparison


def appended(
    backbone: ModelFile,
    head: Head,
    *,
    train: Embeddings,
    validation: tuple[Embeddings, Labels],
    test: tuple[Embeddings, Labels],
    labels: Sequence[str],
    name: str,
    training: Training,
    trained_on: frozenset[bytes],
) -> Appended:
    """Return the classifier called `name` of `backbone` and `head`, compared with `head` on the test photos.

    Embeddings, (n, dim), are those of `backbone`, which must have a manifest; its space is that of the classifier. The
    temperature that calibrates `head` on the validation photos becomes part of the head. Raises ModelError if the head
    cannot be appended.
    """
    assert backbone.manifest is not None  # noqa: S101 - the caller vouches for it
    embeddings, truth = validation
    head = head.cooled(fit_temperature(head.probabilities(embeddings), truth))
    predicted = head.logits(np.concatenate([train, embeddings])).max(axis=1)
    network = append_head(backbone.network, head.kernel, head.bias, (float(predicted.min()), float(predicted.max())))
    comparison = compare_heads(head, test[0], head_outputs(network, test[0]), test[1], labels, len(network))
    manifest = replace(
        backbone.manifest,
        name=name,
        stranger_distance=(
            median_distance(train[:: max(1, len(train) // DISTANCE_PHOTOS)])
            if (known := backbone.manifest.stranger_distance) is None
            else known
        ),
        unknown_below=unknown_threshold(head_outputs(network, embeddings)),
        training=training,
        quantized=Quantized(
            images=comparison.images,
            embedding_cosine=None,
            float_accuracy=comparison.float_accuracy,
            int8_accuracy=comparison.int8_accuracy,
            agreement=comparison.agreement,
        ),
    )
    everything = backbone.trained_on | trained_on
    file = ModelFile(backbone.path, network, manifest, tuple(labels), everything, encoded_bank=backbone.encoded_bank)
    return Appended(with_golden(file), head, comparison)


def head_outputs(network: bytes, embeddings: Embeddings) -> NDArray[np.float32]:
    """Return the probabilities, float32 (n, classes), that the head of `network` computes from `embeddings`, (n, dim).

    `network` is one of `append_head`. Its head alone is run, which takes a hundredth of the time of the whole network
    and gives the same numbers.
    """
    layers = Layers(network)
    first = [layer for layer in layers.layers if layer.kind == "FULLY_CONNECTED"][-1]
    tensor = first.inputs[0]
    # Networks of other makers end in maps of one pixel, and not in vectors.
    inputs = [layers.quantized(tensor, one.reshape(layers.shape(tensor))) for one in embeddings]
    values: Mapping[int, Activations] = {tensor: inputs}
    for layer in layers.layers[first.index :]:
        if layer.inputs == (tensor,):
            values = layers.run(layer, values)
            tensor = layer.output
    return np.concatenate([layers.real(tensor, one) for one in values[tensor]])
