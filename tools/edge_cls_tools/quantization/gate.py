"""Compares an int8 model with the floating-point one on the same images, and refuses a model that loses too much."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edge_cls.backends.litert import Interpreter
from edge_cls.errors import ConversionError
from edge_cls.model.model import Inference, Model
from edge_cls_tools.io.batches import Pixels, normalize
from edge_cls_tools.linear_head import Head, Labels

_HINT = "no model was written: accept the loss with a higher --max-drop"
_HINT_OF_A_NETWORK = f"{_HINT} or --force, or find the noisiest layers with --report"
Probabilities = NDArray[np.float32]


@dataclass(frozen=True)
class ClassComparison:
    """The accuracy of each network on the photos of one class (its recall), in [0, 1]."""

    photos: int
    float_accuracy: float
    int8_accuracy: float


@dataclass(frozen=True)
class Comparison:
    """Metrics of both on the same held-out images. Those of classes are None or empty for a backbone.

    `reference` is what int8 is compared with: `float network`, or `float head` if a head was appended to a backbone
    that is int8 from the start. Both heads then have the same embeddings, and `embedding_cosine` is None.

    `agreement` is the share of images with the same predicted class, and `probability_difference` the largest
    difference of the probabilities of a class. `lost` counts the images that only the reference classifies correctly,
    `gained` those that only the int8 model does. `embedding_cosine` is the mean cosine between the two embeddings.
    `drop` is the loss in percentage points: of accuracy, or, for a backbone, 100 * (1 - embedding_cosine).
    `float_bytes` is the size of the reference, `int8_bytes` that of the int8 network.
    """

    reference: Literal["float network", "float head"]
    images: int
    drop: float
    embedding_cosine: float | None
    float_accuracy: float | None
    int8_accuracy: float | None
    agreement: float | None
    probability_difference: float | None
    lost: int | None
    gained: int | None
    classes: dict[str, ClassComparison]
    float_bytes: int
    int8_bytes: int


def compare(float_network: bytes, model: Model, source: Iterable[Pixels], truth: Labels) -> Comparison:
    """Compare the two on the batches of `source`; `truth` holds the true labels, and is empty for a backbone."""
    reference = Interpreter(float_network, name="the float network")
    names = [output.name for output in reference.outputs]
    cosines: list[float] = []
    predictions: list[tuple[Probabilities, Probabilities]] = []
    for pixels in source:
        for frame, normalized in zip(pixels, normalize(pixels), strict=True):
            expected = dict(zip(names, reference.invoke(normalized), strict=True))
            inference = model.infer(frame)
            cosines.append(_cosine(expected["embedding"], embedding(inference)))
            if inference.probability is not None:
                predictions.append((expected["probability"].reshape(-1), inference.probability))
    cosine = float(np.mean(cosines))
    sizes = len(float_network), len(model.file.network)
    if not predictions:
        drop = 100 * (1 - cosine)
        return Comparison("float network", len(cosines), drop, cosine, None, None, None, None, None, None, {}, *sizes)
    float_side, int8_side = (np.stack(side) for side in zip(*predictions, strict=True))
    return _of_classes("float network", cosine, float_side, int8_side, truth, model.labels, *sizes)


def compare_head(head: Head, model: Model, source: Iterable[Pixels], truth: Labels) -> Comparison:
    """Compare `head` with the one in the int8 `model`, on its embeddings of the batches of `source`."""
    pairs = []
    for pixels in source:
        for frame in pixels:
            inference = model.infer(frame)
            pairs.append((embedding(inference), inference.probability))
    vectors, probabilities = (np.stack(side) for side in zip(*pairs, strict=True))
    return compare_heads(head, vectors, probabilities, truth, model.labels, len(model.file.network))


def compare_heads(
    head: Head,
    embeddings: NDArray[np.float32],
    probabilities: Probabilities,
    truth: Labels,
    labels: Sequence[str],
    int8_bytes: int,
) -> Comparison:
    """Compare `head` with the `probabilities`, float32 (n, classes), of the int8 one on `embeddings`, (n, dim)."""
    size = head.kernel.nbytes + head.bias.nbytes
    return _of_classes(
        "float head", None, head.probabilities(embeddings), probabilities, truth, labels, size, int8_bytes
    )


def _of_classes(
    reference: Literal["float network", "float head"],
    cosine: float | None,
    float_side: Probabilities,
    int8_side: Probabilities,
    truth: Labels,
    labels: Sequence[str],
    float_bytes: int,
    int8_bytes: int,
) -> Comparison:
    float_labels, int8_labels = float_side.argmax(axis=1), int8_side.argmax(axis=1)
    float_correct, int8_correct = float_labels == truth, int8_labels == truth
    return Comparison(
        reference=reference,
        images=len(truth),
        drop=100 * float(float_correct.mean() - int8_correct.mean()),
        embedding_cosine=cosine,
        float_accuracy=float(float_correct.mean()),
        int8_accuracy=float(int8_correct.mean()),
        agreement=float((float_labels == int8_labels).mean()),
        probability_difference=float(np.abs(float_side - int8_side).max()),
        lost=int((float_correct & ~int8_correct).sum()),
        gained=int((int8_correct & ~float_correct).sum()),
        classes={
            label: ClassComparison(int(of.sum()), float(float_correct[of].mean()), float(int8_correct[of].mean()))
            for index, label in enumerate(labels)
            if (of := truth == index).any()
        },
        float_bytes=float_bytes,
        int8_bytes=int8_bytes,
    )


def check_gate(comparison: Comparison, max_drop: float) -> None:
    """Raise ConversionError if int8 loses more than `max_drop` percentage points.

    Both are tested on the same photos, so the comparison is paired: it counts the photos that only one of them
    classifies correctly. A difference of a single photo is not significant and passes, however few photos there are.
    """
    if comparison.drop <= max_drop:
        return
    hint = _HINT_OF_A_NETWORK if comparison.reference == "float network" else _HINT
    if comparison.lost is None or comparison.gained is None:
        raise ConversionError(
            f"the mean cosine between int8 and float embeddings is {comparison.embedding_cosine:.4f} on "
            f"{comparison.images} images, a drop of {comparison.drop:.1f} points from 1; allowed are {max_drop:g}",
            hint=hint,
        )
    if comparison.lost - comparison.gained > 1:
        raise ConversionError(
            f"int8 loses {comparison.drop:.1f} points of accuracy, allowed are {max_drop:g}: of {comparison.images} "
            f"test photos, {comparison.lost} are correct only in float, and {comparison.gained} only in int8",
            hint=hint,
        )


def embedding(inference: Inference) -> NDArray[np.float32]:
    """Return the embedding of an inference, float32 (dim,). Raises ConversionError if the model has none."""
    if inference.embedding is None:
        raise ConversionError("the network has no output called embedding", hint="train again")
    return inference.embedding.dequantize()


def _cosine(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    return float(a @ b / max(float(np.linalg.norm(a) * np.linalg.norm(b)), 1e-12))
