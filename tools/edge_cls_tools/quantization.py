"""From a training to the int8 model that ships."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from edge_cls import __version__
from edge_cls.core.manifest import Calibration, Manifest, Quantized
from edge_cls.core.temperature import with_temperature
from edge_cls.errors import ConversionError, DatasetError, ModelError
from edge_cls.golden import with_golden
from edge_cls.model import Inference, Model
from edge_cls.model_file import ModelFile, sha256, write_model
from edge_cls_tools.conversion import convert
from edge_cls_tools.pixels import Advance, Pixels, batches, normalize
from edge_cls_tools.run_directory import Run, load_network, load_run
from edge_cls_tools.temperature import fit_temperature

KNOWN_SHARE = 0.95
"""The share of validation photos that the threshold of `unknown` keeps known."""


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

    Raises ModelError where there is no training, and ConversionError, and writes nothing, where it does not convert.
    """
    run = load_run(folder)
    gone = [photo.path for photo in (*run.validation, *run.test) if not photo.path.is_file()]
    if gone:
        raise DatasetError(f"{len(gone)} photos are gone, the first is {gone[0]}", mend="put them back, or train again")
    network = load_network(folder)
    calibration = _load_pixels(folder / "calibration.npy")
    converted = convert(network, calibration)
    manifest = Manifest(
        name=target.stem,
        backbone=run.backbone,
        preprocessing=run.preprocessing,
        created_by=f"edge-cls {__version__}",
        calibration=Calibration(len(calibration), sha256(calibration.tobytes())),
        training=run.training,
    )
    trained_on = frozenset(bytes.fromhex(digest) for digest in run.trained_on)
    file = ModelFile(target, converted, manifest, run.labels, trained_on)
    model = Model(file)
    comparison = _compare(network, model, run, folder, advance)
    manifest = replace(
        manifest,
        stranger_distance=_stranger_distance(model, calibration),
        quantized=Quantized(
            images=comparison.images,
            embedding_cosine=comparison.embedding_cosine,
            float_accuracy=comparison.float_accuracy,
            int8_accuracy=comparison.int8_accuracy,
            agreement=comparison.agreement,
        ),
    )
    if run.labels:
        manifest = _calibrated(manifest, model, run)
    write_model(with_golden(replace(file, manifest=manifest)))
    return comparison


def _calibrated(manifest: Manifest, model: Model, run: Run) -> Manifest:
    """Return `manifest` with the temperature and the threshold of unknown that the validation photos ask for."""
    paths = [photo.path for photo in run.validation]
    outputs = [model.infer(p).probability for batch in batches(paths, run.preprocessing, lambda _: None) for p in batch]
    probabilities = np.stack([output for output in outputs if output is not None])
    temperature = fit_temperature(probabilities, np.array([photo.label for photo in run.validation]))
    confidences = with_temperature(probabilities, temperature).max(axis=1)
    return replace(manifest, temperature=temperature, unknown_below=float(np.quantile(confidences, 1 - KNOWN_SHARE)))


def _load_pixels(path: Path) -> Pixels:
    try:
        return np.asarray(np.load(path), np.uint8)
    except (OSError, ValueError, EOFError) as error:
        raise ModelError(f"{path} cannot be read ({error})", mend="train again") from error


def _compare(network: keras.Model, model: Model, run: Run, folder: Path, advance: Advance) -> Comparison:
    labels = np.array([photo.label for photo in run.test])
    if run.test:
        source = batches([photo.path for photo in run.test], run.preprocessing, advance)
    else:
        source = iter([_load_pixels(folder / "held-out.npy")])
    images, float_hits, int8_hits, same, cosines = 0, 0, 0, 0, 0.0
    for pixels in source:
        expected = network.predict_on_batch(normalize(pixels))
        for i, frame in enumerate(pixels):
            inference = model.infer(frame)
            cosines += _cosine(np.asarray(expected["embedding"][i]), _embedding(inference))
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
        float_bytes=4 * int(network.count_params()),
        int8_bytes=len(model.file.network),
    )


def _stranger_distance(model: Model, images: Pixels) -> float:
    """Return the median cosine distance between the embeddings of two different images."""
    vectors = np.stack([_embedding(model.infer(image)) for image in images])
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    distances = (1 - unit @ unit.T)[np.triu_indices(len(unit), k=1)]
    return float(np.median(distances)) if len(distances) else 0.0


def _embedding(inference: Inference) -> NDArray[np.float32]:
    if inference.embedding is None:
        raise ConversionError("the network has no output called embedding", mend="train again")
    return inference.embedding.dequantize()


def _cosine(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    return float(a @ b / max(float(np.linalg.norm(a) * np.linalg.norm(b)), 1e-12))
