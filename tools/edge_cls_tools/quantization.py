"""From a training to the int8 model that ships."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_cls import __version__
from edge_cls.core.manifest import Calibration, Manifest
from edge_cls.errors import ConversionError, DatasetError, ModelError
from edge_cls.model import Model
from edge_cls.model_file import ModelFile, sha256, write_model
from edge_cls_tools.graph import float_operators, name_tensors
from edge_cls_tools.litert_converter import to_int8
from edge_cls_tools.pixels import Advance, Pixels, batches, normalize
from edge_cls_tools.run_directory import Run, load_network, load_run


@dataclass(frozen=True)
class Comparison:
    """The float network and the int8 model on the same held-out images. Accuracies are None for a backbone alone.

    `agreement` is the share of images that both give the same class (None for a backbone); `embedding_cosine` is the
    mean cosine between the two embeddings; sizes are in bytes.
    """

    images: int
    float_accuracy: float | None
    int8_accuracy: float | None
    agreement: float | None
    embedding_cosine: float
    float_bytes: int
    int8_bytes: int


def quantize(folder: Path, target: Path, *, advance: Advance) -> Comparison:
    """Convert the training in `folder` to a full int8 model at `target`, and compare the two.

    Raises ConversionError, and writes nothing, where an operator stayed in floating point or the input is not the
    plain byte of a pixel.
    """
    run = load_run(folder)
    network = load_network(folder)
    calibration = _load_pixels(folder / "calibration.npy")
    converted = _convert(network, calibration)
    model = ModelFile(
        target,
        converted,
        Manifest(
            name=target.stem,
            backbone=run.backbone,
            preprocessing=run.preprocessing,
            calibration=Calibration(len(calibration), sha256(calibration.tobytes())),
            flatbuffer_sha256=sha256(converted),
            created_by=f"edge-cls {__version__}",
            unknown_below=run.unknown_below,
        ),
        run.labels,
        frozenset(bytes.fromhex(digest) for digest in run.trained_on),
    )
    comparison = _compare(network, Model(model), run, folder, advance)
    write_model(model)
    return comparison


def _load_pixels(path: Path) -> Pixels:
    try:
        return np.asarray(np.load(path), np.uint8)
    except (OSError, ValueError, EOFError) as error:
        raise ModelError(f"{path} cannot be read ({error})", mend="train again") from error


def _convert(network: object, calibration: Pixels) -> bytes:
    try:
        converted = name_tensors(to_int8(network, lambda: _representative(calibration)), ["image"])
    except Exception as error:  # the converter raises kinds of its own, and bare ones
        raise ConversionError(
            f"the network cannot be converted to int8 ({error})", mend="use a backbone of standard layers"
        ) from error
    floats = float_operators(converted)
    if floats:
        raise ConversionError(
            f"{len(floats)} operators stayed in floating point: {', '.join(floats[:5])}",
            mend="use layers that TFLite has int8 kernels for",
        )
    return converted


def _representative(calibration: Pixels) -> Iterator[list[NDArray[np.float32]]]:
    """Yield the calibration images, the first with one black and one white pixel.

    They pin the range of the input to [-1, 1], so that its int8 values are the bytes of the pixels themselves, even
    where all photos are dark. Without that the device would have to rescale every frame, and would not know it.
    """
    pinned = calibration[:1].copy()
    pinned[0, 0, 0], pinned[0, -1, -1] = 0, 255
    yield [normalize(pinned)]
    for image in calibration[1:]:
        yield [normalize(image[None])]


def _compare(network: object, model: Model, run: Run, folder: Path, advance: Advance) -> Comparison:
    _check_input(model)
    labels = np.array([photo.label for photo in run.test])
    if run.test:
        missing = [photo.path for photo in run.test if not photo.path.is_file()]
        if missing:
            raise DatasetError(
                f"{len(missing)} test photos are gone, the first is {missing[0]}", mend="put them back, or train again"
            )
        source = batches([photo.path for photo in run.test], run.preprocessing, advance)
    else:
        source = iter([_load_pixels(folder / "held-out.npy")])
    images, float_hits, int8_hits, same, cosines = 0, 0, 0, 0, 0.0
    for pixels in source:
        expected = network.predict_on_batch(normalize(pixels))  # type: ignore[attr-defined] # keras is untyped
        for i, frame in enumerate(pixels):
            inference = model.infer(frame)
            if inference.embedding is None:
                raise ConversionError("the converted model lost its embedding", mend="report this as a bug")
            cosines += _cosine(np.asarray(expected["embedding"][i]), inference.embedding.dequantize())
            if inference.probability is not None:
                ours, theirs = int(inference.probability.argmax()), int(np.argmax(expected["probability"][i]))
                float_hits += theirs == labels[images]
                int8_hits += ours == labels[images]
                same += ours == theirs
            images += 1
    classifies = bool(run.test)
    return Comparison(
        images=images,
        float_accuracy=float(float_hits / images) if classifies else None,
        int8_accuracy=float(int8_hits / images) if classifies else None,
        agreement=same / images if classifies else None,
        embedding_cosine=cosines / images,
        float_bytes=4 * int(network.count_params()),  # type: ignore[attr-defined] # keras is untyped
        int8_bytes=len(model.file.network),
    )


def _check_input(model: Model) -> None:
    step = 2 / 255
    if abs(model.input.scale - step) > 0.01 * step or model.input.zero_point not in (127, 128):
        raise ConversionError(
            f"the int8 input is {model.input.scale} * (q - {model.input.zero_point}), not the byte of a pixel",
            mend="report this as a bug",
        )


def _cosine(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    return float(a @ b / max(float(np.linalg.norm(a) * np.linalg.norm(b)), 1e-12))
