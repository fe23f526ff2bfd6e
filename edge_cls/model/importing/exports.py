"""Read an export: a Teachable Machine ZIP, a Lobe folder, or a `.tflite` file with its labels."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from edge_cls.core.labels import check_label, parse_labels
from edge_cls.errors import LabelError, ModelError
from edge_cls.model.file import read_model
from edge_cls.model.importing.files import Files, open_files, read_file, zip_files
from edge_cls.model.importing.normalization import Normalization
from edge_cls.tflite.graph import tensor_info, unpack

_TEACHABLE_MACHINE = ("model_unquant.tflite", "model.tflite", "model_edgetpu.tflite")
_SYMMETRIC = Normalization(127.5, 127.5)


@dataclass(frozen=True)
class Export:
    """A foreign model: the tool that made it, its FlatBuffer, and the facts that the export states about it.

    `labels` is empty and `normalization` None if the export does not state them. `output` is the name of the tensor
    with the classes; it may be "" if the model has only one output.
    """

    maker: str
    network: bytes
    labels: tuple[str, ...] = ()
    normalization: Normalization | None = None
    output: str = ""


def read_export(source: Path) -> Export:
    """Return the model at `source`.

    Raises ModelError if it is not an export of a known tool, or damaged; LabelError if its labels are not valid.
    """
    if source.is_dir():
        return _of_files(open_files(source))
    content = read_file(source)
    if content[4:8] == b"TFL3":
        return _bare(source)
    if content.startswith(b"PK"):
        return _of_files(zip_files(str(source), content))
    raise ModelError(
        f"{source} is neither a .tflite model nor a ZIP",
        hint="give a Teachable Machine ZIP, a Lobe folder, or a .tflite file with --labels",
    )


def _of_files(files: Files) -> Export:
    if "signature.json" in files.names:
        return _lobe(files)
    models = sorted(name for name in files.names if name.endswith(".tflite"))
    if len(models) == 1 and models[0] in _TEACHABLE_MACHINE and "labels.txt" in files.names:
        return _teachable_machine(files, models[0])
    if any(name.endswith(".zip") for name in files.names) and not models:
        raise ModelError(f"{files.place} holds another ZIP", hint="unpack it, and give the one inside")
    found = ", ".join(models[:5]) or "no .tflite file"
    raise ModelError(
        f"{files.place} is not an export of Teachable Machine (TensorFlow Lite) or Lobe: it holds {found}",
        hint="give the .tflite file itself, with --labels",
    )


def _bare(source: Path) -> Export:
    file = read_model(source)
    if file.manifest is not None:
        raise ModelError(f"{source} is a model of edge-cls already", hint="use it as it is")
    return Export("a .tflite file", file.network, file.labels)


def _teachable_machine(files: Files, model: str) -> Export:
    network = files.read(model)
    labels = _parse(files.read("labels.txt"), f"labels.txt in {files.place}")
    graph = unpack(network, f"{model} in {files.place}")
    if model == "model.tflite" and tensor_info(graph, graph.subgraphs[0].inputs[0]).type == "FLOAT32":
        # Teachable Machine's model.tflite is quantised; this one has only its name.
        return Export("a .tflite file", network, labels)
    return Export("Teachable Machine", network, labels, _SYMMETRIC)


def _lobe(files: Files) -> Export:
    try:
        signature = json.loads(files.read("signature.json"))
        filename, labels = signature["filename"], signature["classes"]["Label"]
        output = signature["outputs"]["Confidences"].get("name", "")
        labels = tuple(check_label(label) for label in labels)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise ModelError(
            f"signature.json in {files.place} is not a signature of Lobe ({error!r})", hint="export the model again"
        ) from error
    if not str(filename).endswith(".tflite") or filename not in files.names:
        raise ModelError(
            f"{files.place} is a Lobe export without its .tflite model ({str(filename)[:100]!r})",
            hint="export it again as TensorFlow Lite",
        )
    # Lobe's networks take colours in [0, 1].
    return Export("Lobe", files.read(filename), labels, Normalization(0.0, 255.0), str(output))


def _parse(content: bytes, name: str) -> tuple[str, ...]:
    try:
        return parse_labels(content.decode())
    except UnicodeDecodeError as error:
        raise LabelError(
            f"{name} is not a UTF-8 text file ({error})", hint="write one label per line, UTF-8"
        ) from error
