"""The network of tiny.tflite as the converter leaves it, before its outputs are made uint8."""

from __future__ import annotations

from pathlib import Path

from edge_cls.model.file import read_model
from edge_cls.tflite.edit import pack, set_outputs
from edge_cls.tflite.graph import operators, unpack

TINY = Path(__file__).parent / "data" / "tiny.tflite"


def converted(path: Path = TINY) -> bytes:
    """Return the network of `path` with int8 outputs: `embedding`, then `probability`, the last to be computed."""
    model = unpack(read_model(path).network, path.name)
    graph = model.subgraphs[0]
    outputs = {}
    while operators(model)[-1].name == "QUANTIZE":
        last = graph.operators.pop()
        outputs[graph.tensors[last.outputs[0]].name.decode()] = last.inputs[0]
        # The last tensor is the one that was made for it.
        graph.tensors.pop(last.outputs[0])
    set_outputs(model, {name: outputs[name] for name in ("embedding", "probability")})
    return pack(model)
