"""The content of an output is what it is computed from, whatever the bytes and the rest of the file are."""

from __future__ import annotations

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from edge_cls.errors import ModelError
from edge_cls.tflite.content import content_sha256
from edge_cls.tflite.edit import pack, portable_outputs
from edge_cls.tflite.graph import operators, unpack
from edge_cls.tflite.graph_writer import GraphWriter
from tests.networks import converted

NETWORK = converted()
CONTENT = content_sha256(NETWORK, "embedding")


def test_names_versions_buffers_and_other_outputs_do_not_matter() -> None:
    model = unpack(NETWORK, "tiny")
    graph = model.subgraphs[0]
    for number, tensor in enumerate(graph.tensors):
        if tensor.name != b"embedding":
            tensor.name = f"t{number}"
    for code in model.operatorCodes:
        code.version += 1
    graph.outputs = [index for index in graph.outputs if graph.tensors[index].name == b"embedding"]
    model.buffers.append(schema.BufferT())
    model.description = "another"
    changed = pack(model)
    assert changed != NETWORK
    assert content_sha256(changed, "embedding") == CONTENT


def test_a_conversion_at_the_end_does_not_matter() -> None:
    assert content_sha256(portable_outputs(NETWORK), "embedding") == CONTENT


def test_another_output_has_another_content() -> None:
    assert content_sha256(NETWORK, "probability") != CONTENT


def test_every_number_before_the_output_matters() -> None:
    seen = {CONTENT}
    convolution = next(one for one in operators(unpack(NETWORK, "tiny")) if one.name == "CONV_2D")
    kernel = convolution.inputs[1]
    assert kernel is not None
    for change in ("constant", "scale", "zero_point", "shape", "option", "axis"):
        model = unpack(NETWORK, "tiny")
        graph = model.subgraphs[0]
        tensor = graph.tensors[kernel.index]
        match change:
            case "constant":
                data = np.array(model.buffers[tensor.buffer].data, np.uint8)
                data[-1] ^= 1
                model.buffers[tensor.buffer].data = data
            case "scale":
                tensor.quantization.scale = np.nextafter(
                    np.asarray(tensor.quantization.scale, np.float32), np.float32(1)
                )
            case "zero_point":
                tensor.quantization.zeroPoint = np.asarray(tensor.quantization.zeroPoint, np.int64) + 1
            case "shape":
                tensor.shape = [*tensor.shape, 1]
            case "axis":
                tensor.quantization.quantizedDimension += 1
            case "option":
                next(one for one in graph.operators if one.outputs[0] == convolution.outputs[0].index
                     ).builtinOptions.strideH += 1  # fmt: skip
        seen.add(content_sha256(pack(model), "embedding"))
    assert len(seen) == 7


def test_two_networks_with_the_same_parts_in_another_arrangement_differ() -> None:
    def network(swapped: bool) -> bytes:
        writer = GraphWriter()
        image = writer.tensor("image", (1, 4), "float32")
        twice = writer.operator(
            "ADD", 1, [image, image], writer.tensor("twice", (1, 4), "float32"), schema.AddOptionsT()
        )
        pair = [image, twice] if swapped else [twice, image]
        end = writer.operator("SUB", 1, pair, writer.tensor("embedding", (1, 4), "float32"), schema.SubOptionsT())
        return writer.finish({"image": image}, {"embedding": end})

    assert content_sha256(network(True), "embedding") != content_sha256(network(False), "embedding")


def test_the_options_of_custom_operators_matter() -> None:
    def network(options: bytes) -> bytes:
        writer = GraphWriter()
        image = writer.tensor("image", (1, 4), "float32")
        end = writer.operator(
            "ADD", 1, [image, image], writer.tensor("embedding", (1, 4), "float32"), schema.AddOptionsT()
        )
        model = unpack(writer.finish({"image": image}, {"embedding": end}), "custom")
        model.subgraphs[0].operators[0].customOptions = list(options)
        return pack(model)

    assert content_sha256(network(b"one"), "embedding") != content_sha256(network(b"two"), "embedding")


def test_constants_outside_of_the_flatbuffer_are_refused() -> None:
    model = unpack(NETWORK, "tiny")
    for buffer in model.buffers[1:]:
        buffer.offset, buffer.size = 4096, 16
    with pytest.raises(ModelError, match="constants outside of its FlatBuffer"):
        content_sha256(pack(model), "embedding")


def test_an_absent_output_and_a_damaged_network_are_refused() -> None:
    with pytest.raises(ModelError, match="has no output features"):
        content_sha256(NETWORK, "features")
    with pytest.raises(ModelError, match="is damaged"):
        content_sha256(NETWORK[: len(NETWORK) // 2], "embedding")
