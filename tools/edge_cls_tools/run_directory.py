"""The run directory RUN: the result of a training, and the input of quantisation.

run.json          the backbone, the data and the settings of the training

A classifier on a frozen backbone has, in the format `tflite`:

model.tflite      the finished int8 model
head.npz          its head in floating point, for the comparison

What was fine-tuned or distilled has, in the format `keras`:

model.keras       the float network: pixels in [-1, 1] to `embedding` and, for a classifier, `probability`
calibration.npy   pixels of training images, uint8 (n, height, width, 3), from which the int8 ranges are set
held-out.npy      pixels that were not trained on, for the comparison; a classifier uses its test photos instead
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from edge_cls.core.arrays import read_arrays
from edge_cls.core.manifest import Preprocessing, Training
from edge_cls.errors import ModelError
from edge_cls.files import write_whole
from edge_cls.model.file import ModelFile, write_model
from edge_cls_tools.backbones.keras_file import load_keras
from edge_cls_tools.io.batches import Pixels
from edge_cls_tools.linear_head import Head

if TYPE_CHECKING:
    import keras

CALIBRATION_IMAGES = 100
"""Number of calibration images. The int8 ranges are the extremes over these images: with more images, rare outliers
widen them, and all other values get a coarser step. With 500 and more, the embeddings of both backbones were farther
from the float ones."""
RUN, STAGING = "run.json", ".new"
CHECKPOINT = "checkpoint.npz"
"""The state of a fine-tuning, from which `--resume` continues."""
MODEL, HEAD = "model.tflite", "head.npz"
_FILES = {"tflite": (MODEL, HEAD), "keras": ("model.keras", "calibration.npy", "held-out.npy")}
"""The files of each format besides run.json."""


class RunPhoto(BaseModel):
    """A photo of the validation or test split: its path and the index of its class."""

    model_config = ConfigDict(frozen=True)
    path: Path
    label: int


class Run(BaseModel):
    """The contents of run.json. A run of a backbone has neither labels nor test photos.

    `format` says which files hold the network.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    backbone: str
    preprocessing: Preprocessing
    seed: int
    format: Literal["tflite", "keras"] = "keras"
    labels: tuple[str, ...] = ()
    validation: tuple[RunPhoto, ...] = ()
    test: tuple[RunPhoto, ...] = ()
    trained_on: tuple[str, ...] = ()
    epochs: int = 0
    training: Training | None = None


def save_run(
    folder: Path, run: Run, model: keras.Model, *, calibration: Pixels, held_out: Pixels | None = None
) -> None:
    """Write a run with a float network to `folder`, as `save_finished` does.

    `calibration` and `held_out` are uint8 (n, height, width, 3). Raises OSError if the disk is full.
    """

    def write(staging: Path) -> None:
        model.save(staging / "model.keras")
        np.save(staging / "calibration.npy", calibration)
        if held_out is not None:
            np.save(staging / "held-out.npy", held_out)

    _save(folder, run.model_copy(update={"format": "keras"}), write)


def save_finished(folder: Path, run: Run, model: ModelFile, head: Head) -> None:
    """Write a run with a finished int8 model and its float head to `folder`.

    At any moment, `load_run` finds either the previous run or all of this one. Raises OSError or OutputError if the
    disk is full.
    """

    def write(staging: Path) -> None:
        write_model(replace(model, path=staging / MODEL))
        np.savez(staging / HEAD, kernel=head.kernel, bias=head.bias)

    _save(folder, run.model_copy(update={"format": "tflite"}), write)


def _save(folder: Path, run: Run, write: Callable[[Path], None]) -> None:
    """Write the files of a run to a staging folder, run.json last, and then move them one by one.

    `folder` itself is not replaced, because it may exist and hold a checkpoint. If the move is interrupted, `load_run`
    completes it.
    """
    staging = folder / STAGING
    _put_in_place(folder)
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    write(staging)
    for path in staging.iterdir():
        with path.open("rb") as file:
            os.fsync(file.fileno())
    write_whole(staging / RUN, run.model_dump_json(indent=2).encode())
    _put_in_place(folder)


def _put_in_place(folder: Path) -> None:
    """Move the files of a complete staging folder to `folder`; run.json is last: it marks an unfinished move.

    Files of the other format belong to an earlier run and are deleted.
    """
    staging = folder / STAGING
    if not (staging / RUN).is_file():
        return
    for path in sorted(staging.iterdir(), key=lambda path: path.name == RUN):
        if path.name == RUN:
            kept = _FILES[Run.model_validate_json(path.read_bytes()).format]
            for name in {name for names in _FILES.values() for name in names} - set(kept):
                (folder / name).unlink(missing_ok=True)
        path.replace(folder / path.name)
    staging.rmdir()


def load_run(folder: Path) -> Run:
    """Return the contents of run.json in `folder`. Raises ModelError if it is missing or invalid."""
    _put_in_place(folder)
    try:
        return Run.model_validate_json((folder / RUN).read_bytes())
    except OSError:
        raise ModelError(
            f"{folder} is not a finished training", hint="run 'edge-cls train DATA -o RUN' first"
        ) from None
    except ValidationError as error:
        raise ModelError(
            f"{folder / 'run.json'} is invalid ({error.errors()[0]['msg']})", hint="train again"
        ) from error


def load_network(folder: Path) -> keras.Model:
    """Return the float network of a run. Raises ModelError if it cannot be loaded."""
    return load_keras(folder / "model.keras", hint="train again")


def load_head(folder: Path) -> Head:
    """Return the float head of a finished run. Raises ModelError if it cannot be read."""
    try:
        stored = read_arrays((folder / HEAD).read_bytes())
        return Head(np.asarray(stored["kernel"], np.float32), np.asarray(stored["bias"], np.float32))
    except (OSError, ValueError, LookupError) as error:
        raise ModelError(f"{folder / HEAD} cannot be read ({error})", hint="train again") from error
