"""A classifier that is appended to a backbone computes what the float one does, and the embedding stays as it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge_cls.backends.litert import Interpreter
from edge_cls.core.quantization import dequantize
from edge_cls.errors import ModelError
from edge_cls.model.builtin import builtin_file
from edge_cls.model.file import ModelFile, read_model
from edge_cls.model.model import Model
from edge_cls.tflite.content import content_sha256
from edge_cls.tflite.graph import operators, tensor_info, unpack
from edge_cls.tflite.graph_writer import GraphWriter
from edge_cls.tflite.head import append_head
from tests import toy_model
from tests.networks import TINY, converted

NETWORK = read_model(TINY).network
DIM = 16
PIXELS = np.random.default_rng(0).integers(0, 256, (6, 32, 32, 3), np.uint8)


def outputs(network: bytes, pixels: NDArray[Any]) -> dict[str, NDArray[np.float32]]:
    """Return the real numbers of each output, float32 (frames, numbers), by its name."""
    interpreter = Interpreter(network)
    invoked = [interpreter.invoke(frame) for frame in pixels]
    return {
        tensor.name: np.stack([dequantize(one[place].reshape(-1), tensor.scale, tensor.zero_point) for one in invoked])
        for place, tensor in enumerate(interpreter.outputs)
    }


EMBEDDINGS = outputs(NETWORK, PIXELS)["embedding"]


def softmax(logits: NDArray[Any]) -> NDArray[np.float64]:
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def winning(logits: NDArray[Any]) -> tuple[float, float]:
    """Return the lowest and the highest logit of the predicted classes."""
    return float(logits.max(axis=1).min()), float(logits.max(axis=1).max())


def tolerance(embeddings: NDArray[Any], kernel: NDArray[Any], logits: NDArray[Any]) -> float:
    """Return how much a probability may differ, by the rounding of weights, logits and probabilities."""
    low, high = winning(logits)
    logit_step = (1.25 * (high - low) + 10) / 255
    kernel_step = np.abs(kernel).max() / 127
    rounding = (logit_step + kernel_step * np.abs(embeddings).sum(axis=1).max()) / 2
    return float(rounding / 2 + 1.5 / 256 + kernel.shape[1] * np.exp(-8))


@given(st.integers(0, 2**32 - 1), st.sampled_from([2, 3, 7, 40, 300]), st.floats(1e-3, 30), st.floats(-1e3, 1e3))
def test_probabilities_are_those_of_the_float_head(seed: int, classes: int, size: float, offset: float) -> None:
    rng = np.random.default_rng(seed)
    kernel, bias = rng.normal(0, size, (DIM, classes)), offset + rng.normal(0, size, classes)
    logits = EMBEDDINGS @ kernel + bias
    given = outputs(append_head(NETWORK, kernel, bias, winning(logits)), PIXELS)
    assert np.abs(given["probability"] - softmax(logits)).max() <= tolerance(EMBEDDINGS, kernel, logits)
    np.testing.assert_array_equal(given["embedding"], EMBEDDINGS)


def head(classes: int = 4, dim: int = DIM) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    rng = np.random.default_rng(classes)
    return rng.normal(0, 3, (dim, classes)).astype(np.float32), rng.normal(0, 1, classes).astype(np.float32)


def test_other_photos_may_have_larger_logits() -> None:
    kernel, bias = head()
    logits = EMBEDDINGS @ kernel + bias
    # The logits of the frame with the lowest one alone; the others exceed them.
    low, high = winning(logits)
    network = append_head(NETWORK, kernel, bias, (low, low + 0.85 * (high - low)))
    given = outputs(network, PIXELS)["probability"]
    assert np.abs(given - softmax(logits)).max() <= tolerance(EMBEDDINGS, kernel, logits)


@pytest.mark.parametrize("constant", [0.0, 2.5, -1e4, 1e8])
def test_a_head_without_weights_gives_constant_probabilities(constant: float) -> None:
    bias = np.array([constant, constant, constant])
    given = outputs(append_head(NETWORK, np.zeros((DIM, 3)), bias, (constant, constant)), PIXELS)
    np.testing.assert_allclose(given["probability"], 1 / 3, atol=1 / 256)


def test_a_class_with_a_constant_logit() -> None:
    kernel, bias = head()
    kernel[:, 1], bias[1] = 0, 1.5
    logits = EMBEDDINGS @ kernel + bias
    given = outputs(append_head(NETWORK, kernel, bias, winning(logits)), PIXELS)
    assert np.abs(given["probability"] - softmax(logits)).max() <= tolerance(EMBEDDINGS, kernel, logits)


@pytest.mark.parametrize("size", [1e-30, 1e3, 1e7])
def test_extreme_logits_decide_as_the_float_head(size: float) -> None:
    kernel, bias = head()
    logits = (EMBEDDINGS @ kernel + bias) * size
    given = outputs(append_head(NETWORK, kernel * size, bias * size, winning(logits)), PIXELS)["probability"]
    if size > 1:
        assert given.argmax(axis=1).tolist() == logits.argmax(axis=1).tolist()
    else:
        np.testing.assert_allclose(given, 1 / 4, atol=1 / 256)


@pytest.mark.parametrize("network", [NETWORK, converted()], ids=["uint8 outputs", "int8 outputs"])
def test_outputs_are_portable_and_in_order(network: bytes, tmp_path: Path) -> None:
    made = append_head(network, *head(), (1, 5))
    tensors = [(tensor.name, str(tensor.dtype), tensor.shape) for tensor in Interpreter(made).outputs]
    assert tensors == [("probability", "uint8", (1, 4)), ("embedding", "uint8", (1, DIM))]
    model = Model(ModelFile(tmp_path / "m.tflite", made, read_model(TINY).manifest, ("a", "b", "c", "d")))
    assert model.classifies
    assert model.teachable
    graph = unpack(made, "made")
    (signature,) = graph.signatureDefs
    assert [entry.tensorIndex for entry in signature.outputs] == graph.subgraphs[0].outputs


def test_the_content_of_the_embedding_stays() -> None:
    made = append_head(NETWORK, *head(), (1, 5))
    assert content_sha256(made, "embedding") == content_sha256(NETWORK, "embedding")
    assert content_sha256(made, "embedding") == content_sha256(append_head(converted(), *head(), (1, 5)), "embedding")


def test_the_old_head_is_replaced_without_a_trace() -> None:
    once = append_head(append_head(NETWORK, *head(300), (1, 5)), *head(), (1, 5))
    assert [one.name for one in operators(unpack(once, "once"))].count("FULLY_CONNECTED") == 1
    assert once == append_head(NETWORK, *head(), (1, 5))
    assert len(once) < len(append_head(NETWORK, *head(300), (1, 5))) - 296 * DIM


def test_the_builtin_backbone_keeps_its_embedding() -> None:
    network = read_model(builtin_file("edge-embed.tflite")).network
    kernel, bias = head(3, 1280)
    made = append_head(network, kernel, bias, (1, 5))
    side = Interpreter(network).inputs[0].shape[1]
    pixels = np.random.default_rng(1).integers(0, 256, (2, side, side, 3), np.uint8)
    np.testing.assert_array_equal(outputs(made, pixels)["embedding"], outputs(network, pixels)["embedding"])
    assert content_sha256(made, "embedding") == content_sha256(network, "embedding")
    # The head reads the int8 embedding itself, without a conversion there and back.
    layer = next(one for one in operators(unpack(made, "made")) if one.name == "FULLY_CONNECTED")
    assert layer.inputs[0] is not None
    assert layer.inputs[0].name == "embedding_int8"


@pytest.mark.parametrize(
    "name",
    [
        "tf2_mobilenet_v2_1.0_224_ptq.tflite",
        "mobilenet_v1_1.0_224_quant_embedding_extractor.tflite",
        "mobilenet_v1_0.25_128_quant.tflite",
    ],
)
def test_a_published_network_gets_a_head_on_its_pooled_features(shared: Path, name: str) -> None:
    network = (shared / "models" / name).read_bytes()
    size = next(
        tensor.size
        for one in reversed(operators(unpack(network, name)))
        if one.name in ("MEAN", "AVERAGE_POOL_2D")
        for tensor in one.outputs
    )
    kernel, bias = head(5, size)
    kernel /= 30
    side = Interpreter(network).inputs[0].shape[1]
    pixels = np.random.default_rng(1).integers(0, 256, (2, side, side, 3), np.uint8)
    embeddings = outputs(append_head(network, kernel, bias, (0, 5)), pixels)["embedding"]
    logits = embeddings @ kernel + bias
    given = outputs(append_head(network, kernel, bias, winning(logits)), pixels)
    assert np.abs(given["probability"] - softmax(logits)).max() <= tolerance(embeddings, kernel, logits)
    assert list(given) == ["probability", "embedding"]


def uint8_pool() -> bytes:
    """Return a network of uint8 from end to end: the mean colour of 4 x 4 pixels."""
    writer, scale = GraphWriter(), np.float32(1 / 128)
    image = writer.tensor("image", (1, 4, 4, 3), "uint8", scale=scale, zero_point=128)
    pool = schema.Pool2DOptionsT()
    pool.padding, pool.strideW, pool.strideH, pool.filterWidth, pool.filterHeight = 1, 1, 1, 4, 4
    pooled = writer.tensor("pooled", (1, 1, 1, 3), "uint8", scale=scale, zero_point=128)
    return writer.finish({"image": image}, {"pooled": writer.operator("AVERAGE_POOL_2D", 1, [image], pooled, pool)})


def test_a_uint8_network_gets_a_conversion_to_int8() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (4, 4, 4, 3), np.uint8)
    features = outputs(uint8_pool(), pixels)["pooled"]
    kernel, bias = head(3, 3)
    logits = features @ kernel + bias
    made = append_head(uint8_pool(), kernel, bias, winning(logits))
    given = outputs(made, pixels)
    np.testing.assert_array_equal(given["embedding"], features)
    assert np.abs(given["probability"] - softmax(logits)).max() <= tolerance(features, kernel, logits)
    assert append_head(made, kernel, bias, winning(logits)) == made


@pytest.mark.parametrize(
    ("kernel", "bias", "logits", "message"),
    [
        (np.zeros((15, 3)), np.zeros(3), (0, 1), "expected (16, classes) and (classes,)"),
        (np.zeros((16, 3)), np.zeros(4), (0, 1), "a kernel (16, 3) and a bias (4,) do not fit"),
        (np.zeros((16, 1)), np.zeros(1), (0, 1), "with 2 classes or more"),
        (np.zeros(16), np.zeros(1), (0, 1), "do not fit an embedding of 16 numbers"),
        (np.full((16, 3), np.nan), np.zeros(3), (0, 1), "not finite"),
        (np.zeros((16, 3)), np.full(3, np.inf), (0, 1), "not finite"),
        (np.full((16, 3), 1e10), np.zeros(3), (0, 1), "not below 1e+09"),
        (np.zeros((16, 3)), np.zeros(3), (0, float("nan")), "not finite"),
        (np.zeros((16, 3)), np.zeros(3), (2, 1), "(2, 1) ends before it begins"),
    ],
)
def test_a_head_that_does_not_fit_is_refused(
    kernel: NDArray[Any], bias: NDArray[Any], logits: tuple[float, float], message: str
) -> None:
    with pytest.raises(ModelError) as caught:
        append_head(NETWORK, kernel, bias, logits)
    assert message in str(caught.value)


def test_a_float_network_and_one_without_an_embedding_are_refused(tmp_path: Path) -> None:
    network = toy_model.write_classifier(tmp_path / "float.tflite").read_bytes()
    with pytest.raises(ModelError, match="FLOAT32 and has no scale"):
        append_head(network, np.zeros((3, 2)), np.zeros(2), (0, 1))
    network = toy_model.write_mean_color(tmp_path / "colour.tflite").read_bytes()
    with pytest.raises(ModelError, match="does not pool its features"):
        append_head(network, np.zeros((3, 2)), np.zeros(2), (0, 1))


def test_a_removed_head_leaves_no_tensor_that_nothing_uses() -> None:
    model = unpack(append_head(NETWORK, *head(), (1, 5)), "made")
    used = {tensor.index for one in operators(model) for tensor in one.tensors}
    assert used == set(range(len(model.subgraphs[0].tensors)))
    buffers = {tensor_info(model, index).index: model.subgraphs[0].tensors[index].buffer for index in used}
    named = {0, *buffers.values(), *(entry.buffer for entry in model.metadata)}
    assert named == set(range(len(model.buffers)))
