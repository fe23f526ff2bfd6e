"""What int8 costs: the float network and the int8 model on the same images, and the gate before a bad model."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_cls.backends.litert import Interpreter
from edge_cls.errors import ConversionError
from edge_cls.model.model import Inference, Model
from edge_cls_tools.io.batches import Pixels, normalize

_MEND = "nothing was written: see the layers that add most noise (--report), or accept it with --max-drop or --force"


@dataclass(frozen=True)
class ClassComparison:
    """The share of the photos of one class that each network gets right."""

    photos: int
    float_accuracy: float
    int8_accuracy: float


@dataclass(frozen=True)
class Comparison:
    """Both networks on the same held-out images. What concerns classes is None, or empty, for a backbone alone.

    `agreement` is the share of images that both give the same class; `lost` counts those that float alone gets right,
    `gained` those that int8 alone does; `embedding_cosine` is the mean cosine between the two embeddings. `drop` is
    what int8 costs, in points: of accuracy, or, for a backbone alone, 100 * (1 - embedding_cosine). Sizes are in bytes.
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
    """Compare the two on the batches of `source`; `truth` is the class of each image, empty for a backbone alone."""
    reference = Interpreter(float_network, name="the float network")
    names = [output.name for output in reference.outputs]
    cosines: list[float] = []
    answers: list[tuple[int, int]] = []
    for pixels in source:
        for frame, normalized in zip(pixels, normalize(pixels), strict=True):
            expected = dict(zip(names, reference.invoke(normalized), strict=True))
            inference = model.infer(frame)
            cosines.append(_cosine(expected["embedding"], embedding(inference)))
            if inference.probability is not None:
                answers.append((int(expected["probability"].argmax()), int(inference.probability.argmax())))
    cosine = float(np.mean(cosines))
    sizes = {"float_bytes": len(float_network), "int8_bytes": len(model.file.network)}
    if not answers:
        return Comparison(len(cosines), 100 * (1 - cosine), cosine, None, None, None, None, None, {}, **sizes)
    theirs, ours = np.array(answers).T
    right, still_right = theirs == truth, ours == truth
    return Comparison(
        images=len(truth),
        drop=100 * float(right.mean() - still_right.mean()),
        embedding_cosine=cosine,
        float_accuracy=float(right.mean()),
        int8_accuracy=float(still_right.mean()),
        agreement=float((theirs == ours).mean()),
        lost=int((right & ~still_right).sum()),
        gained=int((still_right & ~right).sum()),
        classes={
            label: ClassComparison(int(of.sum()), float(right[of].mean()), float(still_right[of].mean()))
            for index, label in enumerate(model.labels)
            if (of := truth == index).any()
        },
        **sizes,
    )


def check_gate(comparison: Comparison, max_drop: float) -> None:
    """Raise ConversionError where int8 costs more than `max_drop` points.

    Both networks saw the same photos, so what counts is the difference of those that only one of them gets right. One
    photo is no evidence, however few there are: a difference of one passes.
    """
    if comparison.drop <= max_drop:
        return
    if comparison.lost is None or comparison.gained is None:
        raise ConversionError(
            f"the int8 embeddings have a mean cosine of {comparison.embedding_cosine:.4f} to the float ones on "
            f"{comparison.images} images, which is {comparison.drop:.1f} points from 1 and more than {max_drop:g}",
            hint=_MEND,
        )
    if comparison.lost - comparison.gained > 1:
        raise ConversionError(
            f"int8 loses {comparison.drop:.1f} points of accuracy, more than {max_drop:g}: of {comparison.images} test "
            f"photos float alone gets {comparison.lost} right, and int8 alone {comparison.gained}",
            hint=_MEND,
        )


def embedding(inference: Inference) -> NDArray[np.float32]:
    """Return the embedding of an inference. Raises ConversionError where the model has none."""
    if inference.embedding is None:
        raise ConversionError("the network has no output called embedding", hint="train again")
    return inference.embedding.dequantize()


def _cosine(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    return float(a @ b / max(float(np.linalg.norm(a) * np.linalg.norm(b)), 1e-12))
