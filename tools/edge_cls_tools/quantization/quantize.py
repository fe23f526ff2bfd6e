"""From a run directory to the int8 model file: a finished one is copied, a float network is converted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edge_cls.core.arrays import read_array
from edge_cls.core.manifest import Calibration, Manifest, Quantized
from edge_cls.errors import ConfigError, DatasetError, ModelError
from edge_cls.model.background import BackgroundPhotos, MadeBank, with_bank
from edge_cls.model.file import ModelFile, read_model, sha256, write_model
from edge_cls.model.golden import with_golden
from edge_cls.model.model import Model
from edge_cls.model.temperature import unknown_threshold, with_temperature
from edge_cls.tflite.edit import portable_outputs
from edge_cls.version import __version__
from edge_cls_tools.io.batches import Advance, Pixels, batches
from edge_cls_tools.quantization.distances import median_distance
from edge_cls_tools.quantization.gate import Comparison, check_gate, compare, compare_head, embedding
from edge_cls_tools.quantization.layer_noise import LayerNoise, layer_noise
from edge_cls_tools.quantization.pixel_input import int8_contract
from edge_cls_tools.quantization.temperature import fit_temperature
from edge_cls_tools.run_directory import MODEL, Run, load_head, load_network, load_run

if TYPE_CHECKING:
    from edge_cls_tools.quantization.convert import Remedy

MAX_DROP = 1.0
"""Default for the accuracy that int8 may lose, in percentage points."""
NOISE_IMAGES = 8
"""Held-out images that the SQNR of the layers is measured on; they already give millions of values."""


@dataclass(frozen=True, eq=False)
class Quantization:
    """An int8 model with its measurements, not yet written to its file.

    There are neither remedies nor layers if nothing was converted. `made_bank` is the bank of the file, if it was made
    of a user's photos.
    """

    file: ModelFile
    comparison: Comparison
    remedies: tuple[Remedy, ...]
    layers: tuple[LayerNoise, ...]
    made_bank: MadeBank | None = None

    def check(self, max_drop: float) -> None:
        """Raise ConversionError if int8 loses more than `max_drop` percentage points."""
        check_gate(self.comparison, max_drop)

    def save(self, *, max_drop: float = MAX_DROP, force: bool = False) -> None:
        """Write the model file. Raises ConversionError, and writes nothing, if int8 loses too much and not `force`."""
        if not force:
            self.check(max_drop)
        write_model(self.file)


def quantize(
    folder: Path,
    target: Path,
    *,
    calibration: int | None = None,
    background: BackgroundPhotos | None = None,
    advance: Advance,
) -> Quantization:
    """Return the training in `folder` as a full int8 model for the file `target`, compared with the float one.

    A finished model is measured as it is. A float network is converted; its quantisation ranges are determined on the
    first `calibration` images of the run's calibration set, or on all. The bank is made of the photos of `background`;
    without them, a finished model keeps its own, and a converted one has none. Raises ModelError if there is no
    finished training, DatasetError if photos are missing, ConversionError if the network cannot be converted, and
    ConfigError if there are fewer images to calibrate with.
    """
    run = load_run(folder)
    missing = [photo.path for photo in (*run.validation, *run.test) if not photo.path.is_file()]
    if missing:
        raise DatasetError(
            f"{len(missing)} photos of the run are missing, the first is {missing[0]}",
            hint="restore them, or train again",
        )
    make = _finished if run.format == "tflite" else _converted
    made = make(run, folder, target, calibration, advance)
    file, made_bank = with_bank(made.file, background)
    return replace(made, file=file, made_bank=made_bank)


def _finished(run: Run, folder: Path, target: Path, calibration: int | None, advance: Advance) -> Quantization:
    if calibration is not None:
        raise ConfigError(
            f"{folder} contains a finished int8 model, and nothing to calibrate", hint="leave out --calibration"
        )
    file = read_model(folder / MODEL)
    if file.manifest is None:
        raise ModelError(f"{file.path} has no manifest", hint="train again")
    head, truth = load_head(folder), np.array([photo.label for photo in run.test], np.int64)
    comparison = compare_head(head, Model(file), _held_out(run, folder, advance), truth)
    copy = replace(file, path=target, manifest=replace(file.manifest, name=target.stem))
    return Quantization(copy, comparison, (), ())


def _converted(run: Run, folder: Path, target: Path, calibration: int | None, advance: Advance) -> Quantization:
    # Keras takes seconds to load.
    from edge_cls_tools.quantization.convert import convert

    network = load_network(folder)
    chosen = _calibration(folder, calibration)
    converted = convert(network, chosen)
    manifest = Manifest(
        name=target.stem,
        backbone=run.backbone,
        preprocessing=int8_contract(converted.int8, run.preprocessing),
        created_by=f"edge-cls {__version__}",
        calibration=Calibration(len(chosen), sha256(chosen.tobytes())),
        training=run.training,
    )
    trained_on = frozenset(bytes.fromhex(digest) for digest in run.trained_on)
    file = ModelFile(target, portable_outputs(converted.int8), manifest, run.labels, trained_on)
    model = Model(file)
    truth = np.array([photo.label for photo in run.test], np.int64)
    comparison = compare(converted.float32, model, _held_out(run, folder, advance), truth)
    manifest = replace(
        manifest,
        stranger_distance=median_distance(np.stack([embedding(model.infer(image)) for image in chosen])),
        quantized=Quantized(
            images=comparison.images,
            embedding_cosine=comparison.embedding_cosine,
            float_accuracy=comparison.float_accuracy,
            int8_accuracy=comparison.int8_accuracy,
            agreement=comparison.agreement,
            remedies=tuple(remedy.name for remedy in converted.remedies if remedy.kept),
        ),
    )
    if run.labels:
        manifest = _calibrated(manifest, model, run)
    images = next(_held_out(run, folder, lambda _: None))[:NOISE_IMAGES]
    noise = layer_noise(converted.float32, converted.int8, images)
    return Quantization(with_golden(replace(file, manifest=manifest)), comparison, converted.remedies, noise)


def _calibrated(manifest: Manifest, model: Model, run: Run) -> Manifest:
    """Return `manifest` with the temperature and the threshold of unknown, fitted on the validation photos."""
    paths = [photo.path for photo in run.validation]
    outputs = [model.infer(p).probability for batch in batches(paths, run.preprocessing, lambda _: None) for p in batch]
    probabilities = np.stack([output for output in outputs if output is not None])
    temperature = fit_temperature(probabilities, np.array([photo.label for photo in run.validation]))
    threshold = unknown_threshold(with_temperature(probabilities, temperature))
    return replace(manifest, temperature=temperature, unknown_below=threshold)


def _calibration(folder: Path, count: int | None) -> Pixels:
    stored = _load_pixels(folder / "calibration.npy")
    if count is not None and count > len(stored):
        raise ConfigError(
            f"{folder} contains {len(stored)} calibration images, {count} were requested",
            hint=f"use --calibration {len(stored)}",
        )
    return stored[:count]


def _load_pixels(path: Path) -> Pixels:
    try:
        return np.asarray(read_array(path.read_bytes()), np.uint8)
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} cannot be read ({error})", hint="train again") from error


def _held_out(run: Run, folder: Path, advance: Advance) -> Iterator[Pixels]:
    if run.test:
        return batches([photo.path for photo in run.test], run.preprocessing, advance)
    return iter([_load_pixels(folder / "held-out.npy")])
