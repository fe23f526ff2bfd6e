"""Exports in the form of other tools, made of small models."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path

from edge_cls.tflite.edit import pack, set_outputs
from edge_cls.tflite.graph import text, unpack
from edge_cls.tflite.metadata import with_metadata
from edge_cls.tflite.metadata_schema import LABELS_OF_AXIS
from tests import toy_model
from tests.networks import converted

LABELS = "0 red things\n1 green things\n2 blue things\n"
PARSED = ("red things", "green things", "blue things")


def int8_network(tiny: Path) -> bytes:
    """Return the network of tiny.tflite as another tool would write it: one output, names of its own, no signature."""
    model = unpack(converted(tiny), "tiny")
    graph = model.subgraphs[0]
    (probability,) = (index for index in graph.outputs if text(graph.tensors[index].name) == "probability")
    set_outputs(model, {"Identity": probability})
    graph.tensors[graph.inputs[0]].name = "serving_default_input_1:0"
    model.signatureDefs = []
    return pack(model)


def float_network(folder: Path, *, softmax: bool = True) -> bytes:
    """Return the toy classifier of `tests.toy_model`."""
    return toy_model.write_classifier(folder / "toy.tflite", softmax=softmax).read_bytes()


def write_zip(path: Path, files: Mapping[str, bytes]) -> Path:
    """Write a ZIP of `files`."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def append_zip(network: bytes, files: Mapping[str, bytes]) -> bytes:
    """Return a network with `files` appended, as TFLite Metadata does it, each a file of labels."""
    named = [{"name": name, "type": LABELS_OF_AXIS} for name in files]
    metadata = {"subgraph_metadata": [{"output_tensor_metadata": [{"associated_files": named}]}]}
    buffer = io.BytesIO()
    buffer.write(with_metadata(network, metadata))
    with zipfile.ZipFile(buffer, "a") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def lobe_signature(**changes: object) -> bytes:
    """Return the `signature.json` of a Lobe export."""
    signature = {
        "doc_id": "00000000",
        "doc_name": "Things",
        "doc_version": "1",
        "format": "tf_lite",
        "version": 1,
        "filename": "saved_model.tflite",
        "inputs": {"Image": {"dtype": "float32", "shape": [None, 8, 8, 3], "name": "pixels"}},
        "outputs": {"Confidences": {"dtype": "float32", "shape": [None, 3], "name": "scores"}},
        "classes": {"Label": list(PARSED)},
        "export_model_version": 1,
    }
    return json.dumps(signature | changes).encode()
