"""Convert a foreign model to a model file of edge-cls."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_cls.backends.names import BACKENDS, compiled_for
from edge_cls.backends.sandbox import probe
from edge_cls.core.manifest import Manifest, Preprocessing
from edge_cls.errors import ModelError
from edge_cls.model.background import BackgroundPhotos, MadeBank, with_bank
from edge_cls.model.file import ModelFile, space_of, write_model
from edge_cls.model.golden import with_golden
from edge_cls.model.importing.exports import Export, read_export
from edge_cls.model.importing.normalization import Normalization, of_metadata, of_quantized_input
from edge_cls.model.known_banks import known_bank
from edge_cls.model.labels_file import read_labels
from edge_cls.tflite.edit import add_softmax, pack, portable_outputs, set_outputs
from edge_cls.tflite.graph import Operator, TensorInfo, operators, tensor_info, unpack
from edge_cls.tflite.metadata import read_metadata
from edge_cls.tflite.outputs import find_embedding, gives_logits
from edge_cls.version import __version__

_USUAL = "--mean 127.5 --std 127.5 for [-1, 1] (MobileNet), --mean 0 --std 255 for [0, 1], --mean 0 --std 1 for bytes"


@dataclass(frozen=True)
class Imported:
    """The result of an import: the file, the tool that made the model, and the width of its embedding, if any.

    `made_bank` is the bank, if it was made of a user's photos.
    """

    file: ModelFile
    maker: str
    preprocessing: Preprocessing
    embedding: int | None
    edge_tpu: bool
    made_bank: MadeBank | None = None


def import_model(
    source: Path,
    target: Path,
    *,
    labels: Path | None = None,
    embedding: str = "none",
    mean: float | None = None,
    std: float | None = None,
    background: BackgroundPhotos | None = None,
) -> Imported:
    """Write the foreign model at `source` to `target` as a model file of edge-cls, and return the facts about it.

    `embedding` is `none`, `auto` (the pooled features become a second output), or the name of the tensor that becomes
    it. `labels`, `mean` and `std` take precedence over those of the model. The numbers that the model computes stay
    the same. The bank is made of the photos of `background`; without them it is the one that ships for this network, if
    there is one. Raises ModelError, LabelError or OutputError, and writes nothing, if the model cannot be imported, and
    DatasetError if too few of the photos can be read.
    """
    name = str(source)
    if background is not None and embedding == "none":
        raise ModelError(
            f"{name} is imported without an embedding, and a bank consists of embeddings",
            hint="give --embedding auto, or leave out --background",
        )
    export = read_export(source)
    found = read_labels(labels) if labels else export.labels
    if not found and embedding == "none":
        raise ModelError(
            f"{name} has no labels", hint="give them (--labels FILE), or import its embedding alone: --embedding auto"
        )
    model = unpack(export.network, name)
    graph = operators(model)
    pixels = _input(model, name)
    normalization = _normalization(pixels, export, mean, std, name)
    backend = compiled_for(export.network)
    vector = None
    if embedding != "none":
        if backend is not None:
            raise ModelError(
                f"{name} is compiled for {BACKENDS[backend].title}, which hides the tensors inside",
                hint="import the .tflite file that it was compiled from with --embedding, and compile that again",
            )
        vector = find_embedding(graph, embedding, name)
    scores = _scores(model, export.output, len(found), name) if found else None
    manifest = Manifest(
        name=target.stem,
        backbone=f"{export.maker} ({source.name})",
        preprocessing=Preprocessing(pixels.shape[2], pixels.shape[1], mean=normalization.mean, std=normalization.std),
        created_by=f"edge-cls {__version__}",
    )
    network = export.network if backend else _edited(model, graph, vector, scores)
    file = ModelFile(target, network, manifest, found, encoded_bank=known_bank(space_of(network)) if vector else b"")
    bank = None
    if backend is None:  # a compiled model cannot run on this machine's CPU
        probe(network, name=name)
        file, bank = with_bank(file, background)
        file = with_golden(file)
    write_model(file)
    size = None if vector is None else vector.size
    return Imported(file, export.maker, manifest.preprocessing, size, backend == "edgetpu", bank)


def _input(model: Any, name: str) -> TensorInfo:
    inputs = [tensor_info(model, index) for index in model.subgraphs[0].inputs]
    shape = inputs[0].shape if len(inputs) == 1 else ()
    if len(shape) != 4 or shape[0] != 1 or shape[3] != 3 or min(shape) < 1:
        raise ModelError(
            f"{name} takes {' and '.join(str(one.shape) for one in inputs) or 'nothing'}, "
            "not one RGB image (1, height, width, 3)",
            hint="use an image classification model that takes one RGB image",
        )
    if inputs[0].type not in ("UINT8", "INT8", "FLOAT32"):
        raise ModelError(f"{name} takes pixels of type {inputs[0].type}", hint="convert it with uint8 or float32 input")
    return inputs[0]


def _normalization(
    pixels: TensorInfo, export: Export, mean: float | None, std: float | None, name: str
) -> Normalization:
    found = export.normalization
    if mean is not None and std is not None:
        found = Normalization(mean, std)
    found = found or of_metadata(read_metadata(export.network) or {}, name)
    if found is None and pixels.scale:
        found = of_quantized_input(pixels.scale, pixels.zero_point, signed=pixels.type == "INT8")
    if found is None:
        raise ModelError(f"{name} does not say how its pixels are normalised", hint=f"give the two: {_USUAL}")
    if not math.isfinite(found.mean) or not 0 < abs(found.std) < math.inf:
        raise ModelError(f"{name} cannot take pixels as {found}", hint=f"give other numbers: {_USUAL}")
    return found


def _scores(model: Any, wanted: str, classes: int, name: str) -> TensorInfo:
    """Return the output with the classes."""
    outputs = [tensor_info(model, index) for index in model.subgraphs[0].outputs]
    if len(outputs) > 1:
        # If the export does not name it, it is the only output with a number for each label.
        named = [one for one in outputs if wanted and one.name.partition(":")[0] == wanted.partition(":")[0]]
        outputs = named or [one for one in outputs if one.size == classes]
    if len(outputs) != 1:
        raise ModelError(
            f"it is not clear which output of {name} has the {classes} classes", hint="use a model with one output"
        )
    if outputs[0].size != classes:
        raise ModelError(
            f"{name} has {outputs[0].size} classes, but {classes} labels",
            hint="give the labels file that belongs to this model (--labels)",
        )
    return outputs[0]


def _edited(model: Any, graph: list[Operator], vector: TensorInfo | None, scores: TensorInfo | None) -> bytes:
    """Return the network with the names of edge-cls for its input and outputs, and a softmax if it ends in logits."""
    outputs = {}
    if scores is not None:
        logits = gives_logits(graph, scores.index)
        outputs["probability"] = add_softmax(model, scores.index) if logits else scores.index
    if vector is not None:
        outputs["embedding"] = vector.index
    set_outputs(model, outputs)
    return portable_outputs(pack(model))
