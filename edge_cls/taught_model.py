"""Make a model file of the classes in a memory: a head on the backbone that they were taught on."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from edge_cls.core.labeled_embedding import LabeledEmbedding
from edge_cls.core.labels import BACKGROUND
from edge_cls.core.manifest import Training
from edge_cls.errors import DatasetError, MissingDependency, ModelError, SpaceMismatch
from edge_cls.images.reading import read_image
from edge_cls.learning.coach import ENOUGH
from edge_cls.learning.heads.examples import Examples
from edge_cls.learning.linear import LeftOut, LinearHead, fit_linear
from edge_cls.learning.open_set import UNKNOWN_DISTANCE
from edge_cls.learning.views import count_views, sample
from edge_cls.memory.store import Memory
from edge_cls.model.file import ModelFile
from edge_cls.model.golden import with_golden
from edge_cls.model.model import Model
from edge_cls.model.temperature import unknown_threshold
from edge_cls.version import __version__

PHOTOS = 32
"""Most stored photos on which the finished model is compared with its head in floating point."""
_HIGHEST = 254 / 256
"""Highest threshold of `unknown`: an int8 probability is at most 255 / 256, and may be a step too low."""


@dataclass(frozen=True, eq=False)
class TaughtModel:
    """The model of a memory, not yet written.

    `examples` is the number of examples of each class, and `few` the number of different views of each class that has
    fewer than `coach.ENOUGH`; the background needs none. `left_out` are the predictions of examples by the others.
    `unusable` is the number of examples without an embedding. `agreement` is the share of the `photos` stored photos
    for which the finished model predicts the same class as its head in floating point; None if there are no photos.
    """

    file: ModelFile
    examples: dict[str, int]
    few: dict[str, int]
    left_out: LeftOut
    unusable: int
    photos: int
    agreement: float | None


def make_taught_model(memory: Memory, backbone: ModelFile, target: Path) -> TaughtModel:
    """Return the model for the file `target` of the classes in `memory`. Nothing is written.

    The head is a linear classifier, fitted with numpy to the embeddings in the memory. It is appended to the network of
    `backbone`, the model that the memory was taught on, whose embedding stays the same: the memory can be used with the
    new model, too. A head that `backbone` has already is replaced, and its bank is kept.

    Raises DatasetError if fewer than two classes have examples, SpaceMismatch if the memory was taught on another
    backbone, ModelError if a head cannot be appended to `backbone`, and MissingDependency if the schema of TFLite files
    is missing.
    """
    taught, counts = memory.embeddings(), memory.classes()
    _check_classes(memory.path, counts, {example.label for example in taught})
    model = Model(backbone)
    if not model.teachable or memory.space != model.space:
        raise SpaceMismatch(
            f"{memory.path} was taught on another backbone ({str(memory.space)[:12]}) than {backbone.path} "
            f"({model.space[:12] if model.teachable else 'no embedding'})",
            hint="give the model that it was taught on (--backbone FILE), or run 'edge-cls memory reembed' first",
        )
    if backbone.manifest is None:
        raise ModelError(
            f"{backbone.path} has no manifest, so that it is not known how its pixels are normalised",
            hint="run 'edge-cls import-model' and, with its result, 'edge-cls memory reembed' first",
        )
    examples = Examples()
    for example in taught:
        examples.append(example.embedding, example.label)
    head = fit_linear(examples)
    crops = [memory.crop(example.id) for example in taught]
    training, trained_on = _training(model.space, taught, crops, head.left_out.accuracy)
    quantized = backbone.manifest.quantized
    manifest = replace(
        backbone.manifest,
        name=target.stem,
        created_by=f"edge-cls {__version__}",
        space=model.space,
        temperature=1.0,  # the weights of the head contain its temperature
        unknown_below=_unknown_below(head.left_out),
        training=training,
        # Figures of an earlier head of the backbone do not apply to this one.
        quantized=quantized and replace(quantized, float_accuracy=None, int8_accuracy=None, agreement=None),
    )
    network, labels = _network(backbone, head), tuple(examples.classes)
    file = with_golden(ModelFile(target, network, manifest, labels, trained_on, encoded_bank=backbone.encoded_bank))
    compared = [index for index in examples.spread(PHOTOS).tolist() if crops[index]]
    return TaughtModel(
        file=file,
        examples=training.taught or {},
        few=_few(examples, backbone.manifest.stranger_distance or UNKNOWN_DISTANCE),
        left_out=head.left_out,
        unusable=sum(counts.values()) - len(taught),
        photos=len(compared),
        agreement=_agreement(file, head, examples, {index: crops[index] for index in compared}),
    )


def _check_classes(path: Path, counts: dict[str, int], usable: set[str]) -> None:
    """Raise DatasetError unless two classes have examples with an embedding."""
    if counts and not usable:
        raise DatasetError(
            f"none of the {sum(counts.values())} examples in {path} has an embedding",
            hint="run 'edge-cls memory reembed --model MODEL' first",
        )
    if not usable:
        raise DatasetError(f"{path} has no taught examples", hint="teach first: edge-cls teach LABEL PHOTO...")
    if len(usable) == 1:
        raise DatasetError(
            f"{path} has only one class with examples, {next(iter(usable))!r}, and a model needs two or more",
            hint="teach something else as well, such as the empty scene: edge-cls teach background PHOTO...",
        )


def _training(
    space: str, taught: Sequence[LabeledEmbedding], crops: Sequence[bytes], accuracy: float | None
) -> tuple[Training, frozenset[bytes]]:
    """Return the facts about the training, and the beginnings of the hashes of the stored photos."""
    digests = [
        hashlib.sha256(crop or example.embedding.values.tobytes()).digest()
        for example, crop in zip(taught, crops, strict=True)
    ]
    training = Training(
        backbone_sha256=space,
        data_sha256=hashlib.sha256(b"".join(sorted(digests))).hexdigest(),
        train=len(taught),
        validation=0,
        test=0,
        seed=0,
        epochs=0,
        validation_accuracy=accuracy,
        taught=dict(Counter(example.label for example in taught)),
    )
    return training, frozenset(digest[:4] for digest, crop in zip(digests, crops, strict=True) if crop)


def _unknown_below(left_out: LeftOut) -> float | None:
    return min(unknown_threshold(left_out.probabilities), _HIGHEST) if len(left_out.targets) else None


def _network(backbone: ModelFile, head: LinearHead) -> bytes:
    try:  # here, because it loads the schema of TFLite
        from edge_cls.tflite.head import append_head
    except ModuleNotFoundError as error:
        raise MissingDependency(
            "no model can be made without ai-edge-litert, which has the schema of TFLite files",
            hint="copy the memory to another machine and run the same command there",
        ) from error
    return append_head(backbone.network, head.kernel, head.bias, head.logits)


def _few(examples: Examples, unknown_distance: float) -> dict[str, int]:
    """Return the number of different views of the classes that have fewer than ENOUGH of them."""
    views = {
        label: count_views(examples.units(sample(np.flatnonzero(examples.targets == index))), unknown_distance)
        for index, label in enumerate(examples.classes)
        if label != BACKGROUND
    }
    return {label: count for label, count in views.items() if count < ENOUGH}


def _agreement(file: ModelFile, head: LinearHead, examples: Examples, crops: dict[int, bytes]) -> float | None:
    """Return the share of `crops`, by the index of their example, that `file` classifies as `head` does."""
    model, same = Model(file), []
    for index, crop in crops.items():
        probability = model.infer(read_image(crop, "the stored photo")).probability
        expected = examples.vectors[index] @ head.kernel + head.bias
        same.append(probability is not None and bool(probability.argmax() == expected.argmax()))
    return float(np.mean(same)) if same else None
