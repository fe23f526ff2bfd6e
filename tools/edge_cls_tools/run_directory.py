"""What a training leaves behind, and quantisation takes up: the folder called RUN.

run.json          what was trained, on what, how well
model.keras       the float network: pixels in [-1, 1] to `embedding` and, of a classifier, `probability`
calibration.npy   pixels of training images, uint8 (n, height, width, 3), to set the int8 ranges with
held-out.npy      the same, never trained on, to compare with; a classifier has its test photos instead
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from edge_cls.core.manifest import Preprocessing, Training
from edge_cls.errors import ModelError
from edge_cls.files import write_whole
from edge_cls_tools.backbones.keras_file import load_keras
from edge_cls_tools.io.batches import Pixels

if TYPE_CHECKING:
    import keras

CALIBRATION_IMAGES = 100
"""The ranges are those of the extremes that calibration sees: with more images rare outliers widen them, and every
other value gets a coarser step. On both backbones the embeddings of 500 and more were farther from the float ones."""


RUN, STAGING = "run.json", ".new"
CHECKPOINT = "checkpoint.npz"
"""The state of a training that takes minutes, which `--resume` goes on from."""


class RunPhoto(BaseModel):
    """A photo of the validation or test split: its path and the index of its class."""

    model_config = ConfigDict(frozen=True)
    path: Path
    label: int


class Run(BaseModel):
    """The contents of run.json. A backbone alone has neither labels nor test photos."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    backbone: str
    preprocessing: Preprocessing
    seed: int
    labels: tuple[str, ...] = ()
    validation: tuple[RunPhoto, ...] = ()
    test: tuple[RunPhoto, ...] = ()
    trained_on: tuple[str, ...] = ()
    epochs: int = 0
    training: Training | None = None


def save_run(
    folder: Path, run: Run, model: keras.Model, *, calibration: Pixels, held_out: Pixels | None = None
) -> None:
    """Write all of a run into `folder`: at every moment `load_run` finds the run before, or this one whole.

    Everything is written aside, run.json last, and then put in place; where that is cut short, `load_run` ends it.
    """
    staging = folder / STAGING
    _put_in_place(folder)
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    model.save(staging / "model.keras")
    np.save(staging / "calibration.npy", calibration)
    if held_out is not None:
        np.save(staging / "held-out.npy", held_out)
    for path in staging.iterdir():
        with path.open("rb") as file:
            os.fsync(file.fileno())
    write_whole(staging / RUN, run.model_dump_json(indent=2).encode())
    _put_in_place(folder)


def _put_in_place(folder: Path) -> None:
    """Move what a whole staging folder holds into `folder`, run.json last: it tells that there is more to move."""
    staging = folder / STAGING
    if not (staging / RUN).is_file():
        return
    for path in sorted(staging.iterdir(), key=lambda path: path.name == RUN):
        path.replace(folder / path.name)
    staging.rmdir()


def load_run(folder: Path) -> Run:
    """Return what run.json in `folder` says. Raises ModelError where it is missing or not readable."""
    _put_in_place(folder)
    try:
        return Run.model_validate_json((folder / RUN).read_bytes())
    except OSError:
        raise ModelError(
            f"{folder} holds no finished training", hint="run 'edge-cls train DATA -o RUN' first"
        ) from None
    except ValidationError as error:
        raise ModelError(
            f"{folder / 'run.json'} cannot be understood ({error.errors()[0]['msg']})", hint="train again"
        ) from error


def load_network(folder: Path) -> keras.Model:
    """Return the float network of a run. Raises ModelError where it cannot be loaded."""
    return load_keras(folder / "model.keras", hint="train again")
