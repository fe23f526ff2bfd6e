"""Backbones that are int8 files: the built-in one, those built on this machine, published ones, and `.tflite` files.

A head is appended to such a file, so that training on it needs no Keras.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edge_cls.core.manifest import Manifest, Preprocessing
from edge_cls.errors import ModelError
from edge_cls.model.backbones import read_backbone
from edge_cls.model.file import ModelFile, read_model
from edge_cls.model.importing.normalization import of_quantized_input
from edge_cls.model.model import Model
from edge_cls.model.names import NAMES, actual_name
from edge_cls.version import __version__
from edge_cls_tools.backbones.embedding_cache import teachable_model
from edge_cls_tools.backbones.registry import KerasWeights, known_models

if TYPE_CHECKING:
    from edge_cls_tools.backbones.download import Progress

KERAS_SUFFIXES = (".keras", ".weights.h5")
"""The names of files that Keras reads end like this."""


def int8_file(spec: str, progress: Progress | None = None) -> ModelFile | None:
    """Return the int8 model file of the backbone `spec`, built or fetched if it is not on this machine yet.

    `spec` is a name in `models/registry.toml`, or the path of a `.tflite` file with an embedding. Its manifest says how
    frames are preprocessed, names the backbone, and has the space of its embeddings, also if the file has no manifest.
    Return None for a Keras backbone, which `load_backbone` loads. `progress` is called with the bytes of a download.
    Raises ModelError if there is no such backbone or if it has no embedding, and the errors of `read_backbone` and
    `store.fetch`.
    """
    model = known_models().get(spec)
    if spec in NAMES:
        return _described(read_backbone(spec), actual_name(spec))
    if isinstance(model, KerasWeights) or (model is None and spec.endswith(KERAS_SUFFIXES)):
        return None
    if model is not None:
        # It loads the libraries for downloads, which evaluation and the built backbones do not need.
        from edge_cls_tools.backbones.store import fetch

        path = fetch(model, progress).path if progress else fetch(model).path
    elif (path := Path(spec)).suffix != ".tflite" and not path.is_file():
        raise ModelError(
            f"{spec} is neither a file nor a known backbone",
            hint=f"use {', '.join(known_models())}, or the path of a .tflite, .keras or .weights.h5 file",
        )
    return _described(read_model(path), spec if model is not None else "")


def _described(file: ModelFile, name: str) -> ModelFile:
    """Return `file` with a manifest of the backbone alone, which is called `name`, or by the file if that is empty."""
    model = teachable_model(file)
    found = file.manifest
    own = found.backbone if found and file.labels else file.path.stem
    return ModelFile(
        path=file.path,
        network=file.network,
        manifest=Manifest(
            name=name or own,
            backbone=name or own,
            preprocessing=found.preprocessing if found else _preprocessing(model),
            created_by=f"edge-cls {__version__}",
            calibration=found.calibration if found else None,
            space=model.space,
            stranger_distance=found.stranger_distance if found else None,
        ),
        labels=file.labels,
        # Photos that the head was trained on do not matter to the backbone, unless it was trained with the head.
        trained_on=file.trained_on if found and found.training and found.training.fine_tuned else frozenset(),
        encoded_bank=file.encoded_bank,
    )


def _preprocessing(model: Model) -> Preprocessing:
    """Return the preprocessing of a model without a manifest, whose input takes the bytes of the pixels."""
    pixels, contract = model.input, model.contract
    if not pixels.scale:
        return contract
    normalization = of_quantized_input(pixels.scale, pixels.zero_point, signed=pixels.dtype.kind == "i")
    return Preprocessing(contract.width, contract.height, mean=normalization.mean, std=normalization.std)
