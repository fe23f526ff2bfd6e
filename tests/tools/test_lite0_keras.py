"""The Keras network of EfficientNet-Lite0 computes what the one that is built without Keras computes."""

from __future__ import annotations

import numpy as np
import pytest

from edge_cls.backends.litert import Interpreter
from edge_cls.core.manifest import Preprocessing
from edge_cls.errors import ModelError
from edge_cls.model.lite0.weights import Tensors, read_weights, weights_path
from edge_cls.tflite.graph import operators, unpack
from edge_cls_tools.io.batches import Pixels, normalize
from edge_cls_tools.quantization.layers import Layers
from edge_cls_tools.quantization.lite0 import float_network, normalized
from edge_cls_tools.quantization.pixel_input import int8_contract
from edge_cls_tools.quantization.quantizer import to_int8
from edge_cls_tools.quantization.ranges import min_max_ranges, observe
from tests.scenes import scene

pytestmark = pytest.mark.tensorflow
SIZE = 96


@pytest.fixture(scope="module")
def tensors() -> Tensors:
    return read_weights(weights_path())


def photos() -> Pixels:
    return np.stack([scene(seed, SIZE) for seed in range(3)])


def test_the_embeddings_are_equal_to_those_of_the_float_network(tensors: Tensors) -> None:
    from edge_cls_tools.backbones.lite0_keras import lite0_network

    network = lite0_network(tensors, SIZE)
    exact = Interpreter(float_network(tensors, SIZE))
    expected = np.stack([exact.invoke(image)[0].reshape(-1) for image in normalized(photos())])
    found = np.asarray(network.predict_on_batch(normalize(photos())))
    assert found.shape == (3, 1280)
    np.testing.assert_allclose(found, expected, atol=1e-4 * float(expected.max()))


def test_batch_normalisation_is_a_layer_that_fine_tuning_keeps_frozen(tensors: Tensors) -> None:
    import keras

    from edge_cls_tools.backbones.backbones import load_backbone, resized
    from edge_cls_tools.training.network import _set_trainable

    backbone = load_backbone("lite0-128")
    assert (backbone.name, backbone.size, load_backbone("default").name) == ("lite0-128", 128, "lite0-160")
    network = resized(backbone.model, 64)
    norms = [layer for layer in network.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert len(norms) == 49
    _set_trainable(network, "last")
    trained = [layer.name for layer in network.layers if layer.trainable and layer.weights]
    assert "head_convolution" in trained
    assert "stem_convolution" not in trained
    assert not {norm.name for norm in norms} & set(trained)
    assert tensors["_bn1.weight"][7] == pytest.approx(float(norms[-1].get_weights()[0][7]))


def test_the_bytes_of_a_photo_are_the_input_of_the_int8_version(tensors: Tensors) -> None:
    from edge_cls_tools.backbones.lite0_keras import lite0_network
    from edge_cls_tools.quantization.converter import to_float

    exact = to_float(lite0_network(tensors, SIZE))
    int8 = to_int8(exact, min_max_ranges(observe(Layers(exact), photos())))
    image = Interpreter(int8).input
    assert (image.scale, image.zero_point) == (1 / 128, 127)
    assert int8_contract(int8, Preprocessing(SIZE, SIZE)) == Preprocessing(SIZE, SIZE, mean=127, std=128)
    # Nothing rescales before the first convolution.
    assert [one.name for one in operators(unpack(int8, "ours"))][:2] == ["QUANTIZE", "CONV_2D"]


def test_the_weights_of_another_network_are_refused(tensors: Tensors) -> None:
    from edge_cls_tools.backbones.lite0_keras import lite0_network

    with pytest.raises(ModelError, match=r"_bn0\.bias are missing"):
        lite0_network({name: one for name, one in tensors.items() if name != "_bn0.bias"}, SIZE)
