"""Inspect any model file: its tensors, operators, metadata, files and golden frames."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from edge_cls.backends.names import BACKENDS, compiled_for
from edge_cls.core.manifest import Manifest
from edge_cls.errors import ModelError
from edge_cls.model.file import ModelFile, model_of, read_parts, sha256
from edge_cls.model.golden import check_golden
from edge_cls.model.model import Model
from edge_cls.tflite.graph import TensorInfo, operators, tensor_info, unpack
from edge_cls.tflite.metadata import read_metadata
from edge_cls.tflite.metadata_schema import Metadata


@dataclass(frozen=True)
class TensorFacts:
    """An input or output. If it has a scale of its own, real = scale * (q - zero_point); otherwise `scale` is 0."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    scale: float
    zero_point: int


@dataclass(frozen=True)
class Inspection:
    """The facts about a model file.

    `size` is in bytes. `network_sha256` is the checksum of the network as it is stored; if there is a manifest, it has
    the same one, because `inspect_model` refuses another. `operators` counts the operators by name, and
    `float_operators` are those that compute in floating point. `metadata` is the TFLite Metadata, and
    `metadata_problem` the reason if it cannot be read. `files` are the sizes in bytes, by name, of the files appended
    to the network. `trained_on` is the number of photos whose hash is inside, `bank` that of the photos in the bank,
    None without one, and `golden` that of the golden frames. `golden_problem` says why they were not replayed, or, if
    `golden_failed`, how their outputs differ.
    """

    file: str
    size: int
    network_sha256: str
    subgraphs: int
    inputs: tuple[TensorFacts, ...]
    outputs: tuple[TensorFacts, ...]
    operators: dict[str, int]
    float_operators: tuple[str, ...]
    edge_tpu: bool
    metadata: Metadata | None
    metadata_problem: str | None
    manifest: Manifest | None
    labels: tuple[str, ...]
    files: dict[str, int]
    trained_on: int
    bank: int | None
    golden: int
    golden_problem: str | None
    golden_failed: bool


def inspect_model(path: Path) -> Inspection:
    """Return the facts about the model at `path`.

    The network is run only to replay golden frames, and only if it matches its checksum. Raises ModelError if the file
    is missing, damaged, or not a TFLite model.
    """
    stored, archive = read_parts(path)
    file = model_of(path, stored, archive)
    model = unpack(stored, str(path))
    graph = model.subgraphs[0]
    found = operators(model)
    metadata, metadata_problem = None, None
    try:
        metadata = read_metadata(stored)
    except ModelError as error:
        metadata_problem = str(error)
    names = Counter(operator.name for operator in found)
    backend = compiled_for(stored)
    golden_problem, failed = _replay(file, backend)
    return Inspection(
        file=str(path),
        size=path.stat().st_size,
        network_sha256=sha256(stored),
        subgraphs=len(model.subgraphs),
        inputs=tuple(_tensor(tensor_info(model, index)) for index in graph.inputs),
        outputs=tuple(_tensor(tensor_info(model, index)) for index in graph.outputs),
        operators=dict(names.most_common()),
        float_operators=tuple(one.label for one in found if one.computes_in_float),
        edge_tpu=backend == "edgetpu",
        metadata=metadata,
        metadata_problem=metadata_problem,
        manifest=file.manifest,
        labels=file.labels,
        files={info.filename: info.file_size for info in archive.members},
        trained_on=len(file.trained_on),
        bank=len(file.bank) if file.bank else None,
        golden=len(file.golden),
        golden_problem=golden_problem,
        golden_failed=failed,
    )


def _tensor(info: TensorInfo) -> TensorFacts:
    return TensorFacts(info.name, info.shape, info.type.lower(), info.scale, info.zero_point)


def _replay(file: ModelFile, backend: str | None) -> tuple[str | None, bool]:
    if not file.golden:
        return None, False
    if backend is not None:
        return f"not replayed: the model is compiled for {BACKENDS[backend].title}", False
    try:
        check_golden(Model(file))
    except ModelError as error:
        return str(error), True
    return None, False
