"""Compares the float network and the int8 model on the same images, and refuses a model that loses too much."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_cls.backends.litert import Interpreter
from edge_cls.errors import ConversionError
from edge_cls.model.model import Inference, Model
from edge_cls_tools.io.batches import Pixels, normalize

_HINT = "no model was written: find the noisiest layers with --report, or accept the loss with --max-drop or --force"


@dataclass(frozen=True)
class ClassComparison:
    """The accuracy of each network on the photos of one class (its recall), in [0, 1]."""

    photos: int
    float_accuracy: float
    int8_accuracy: float


@dataclass(frozen=True)
class Comparison:
    """Metrics of both networks on the same held-out images. Those of classes are None or empty for a backbone.

    `agreement` is the share of images with the same predicted class. `lost` counts the images that only the float
    network classifies correctly, `gained` those that only the int8 model does. `embedding_cosine` is the mean cosine
    between the two embeddings. `drop` is the loss in percentage points: of accuracy, or, for a backbone,
    100 * (1 - embedding_cosine). Sizes are in bytes.
    """

    images: int
    drop: float
    embedding_cosine: float
    float_accuracy: float | None
    int8_accuracy: float | None
    agreement: float | None
    lost: int | None
    gained: int | None
    classes: dict[str, ClassComparison]
    float_bytes: int
    int8_bytes: int


def compare(float_network: bytes, model: Model, source: Iterable[Pixels], truth: NDArray[np.int64]) -> Comparison:
    """Compare the two on the batches of `source`; `truth` holds the true labels, and is empty for a backbone."""
    reference = Interpreter(float_network, name="the float network")
    names = [output.name for output in reference.outputs]
    cosines: list[float] = []
    predictions: list[tuple[int, int]] = []
    for pixels in source:
        for frame, normalized in zip(pixels, normalize(pixels), strict=True):
            expected = dict(zip(names, reference.invoke(normalized), strict=True))
            inference = model.infer(frame)
            cosines.append(_cosine(expected["embedding"], embedding(inference)))
            if inference.probability is not None:
                predictions.append((int(expected["probability"].argmax()), int(inference.probability.argmax())))
    cosine = float(np.mean(cosines))
    sizes = {"float_bytes": len(float_network), "int8_bytes": len(model.file.network)}
    if not predictions:
        return Comparison(len(cosines), 100 * (1 - cosine), cosine, None, None, None, None, None, {}, **sizes)
    float_labels, int8_labels = np.array(predictions).T
    float_correct, int8_correct = float_labels == truth, int8_labels == truth
    return Comparison(
        images=len(truth),
        drop=100 * float(float_correct.mean() - int8_correct.mean()),
        embedding_cosine=cosine,
        float_accuracy=float(float_correct.mean()),
        int8_accuracy=float(int8_correct.mean()),
        agreement=float((float_labels == int8_labels).mean()),
        lost=int((float_correct & ~int8_correct).sum()),
        gained=int((int8_correct & ~float_correct).sum()),
        classes={
            label: ClassComparison(int(of.sum()), float(float_correct[of].mean()), float(int8_correct[of].mean()))
            for index, label in enumerate(model.labels)
            if (of := truth == index).any()
        },
        **sizes,
    )


def check_gate(comparison: Comparison, max_drop: float) -> None:
    """Raise ConversionError if int8 loses more than `max_drop` percentage points.

    Both networks are tested on the same photos, so the comparison is paired: it counts the photos that only one of them
    classifies correctly. A difference of a single photo is not significant and passes, however few photos there are.
    """
    if comparison.drop <= max_drop:
        return
    if comparison.lost is None or comparison.gained is None:
        raise ConversionError(
            f"the mean cosine between int8 and float embeddings is {comparison.embedding_cosine:.4f} on "
            f"{comparison.images} images, a drop of {comparison.drop:.1f} points from 1; allowed are {max_drop:g}",
            hint=_HINT,
        )
    if comparison.lost - comparison.gained > 1:
        raise ConversionError(
            f"int8 loses {comparison.drop:.1f} points of accuracy, allowed are {max_drop:g}: of {comparison.images} "
            f"test photos, {comparison.lost} are correct only in float, and {comparison.gained} only in int8",
            hint=_HINT,
        )


def embedding(inference: Inference) -> NDArray[np.float32]:
    """Return the embedding of an inference, float32 (dim,). Raises ConversionError if the model has none."""
    if inference.embedding is None:
        raise ConversionError("the network has no output called embedding", hint="train again")
    return inference.embedding.dequantize()


def _cosine(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    return float(a @ b / max(float(np.linalg.norm(a) * np.linalg.norm(b)), 1e-12))
