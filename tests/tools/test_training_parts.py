"""The faster replacements of Keras parts in a distillation give the same results as Keras."""

from __future__ import annotations

import numpy as np
import pytest

pytestmark = pytest.mark.tensorflow


def test_fused_batch_normalization_trains_as_the_one_of_keras() -> None:
    import keras

    from edge_cls_tools.distillation.batch_norm import FusedBatchNormalization

    rng = np.random.default_rng(0)
    pixels = rng.normal(3, 2, (16, 8, 8, 4)).astype(np.float32)
    targets = rng.normal(size=(16, 8, 8, 4)).astype(np.float32)
    weights, outputs = [], []
    for layer in (keras.layers.BatchNormalization, FusedBatchNormalization):
        network = keras.Sequential([keras.Input((8, 8, 4)), layer(momentum=0.5)])
        network.compile(keras.optimizers.SGD(0.1), loss="mse")
        network.fit(pixels, targets, batch_size=8, epochs=5, shuffle=False, verbose=0)
        weights.append(network.get_weights())
        outputs.append(network.predict(pixels, verbose=0))
    # Only the moving variance differs: it follows the unbiased estimate, n / (n - 1).
    np.testing.assert_allclose(outputs[0], outputs[1], rtol=0.01, atol=1e-3)
    for name, expected, given in zip(("gamma", "beta", "mean", "variance"), *weights, strict=True):
        unbiased = 512 / 511 if name == "variance" else 1.0
        np.testing.assert_allclose(given, expected * unbiased, rtol=1e-3, atol=1e-5, err_msg=name)


def test_muon_moves_a_pointwise_kernel_as_it_moves_the_same_matrix() -> None:
    import keras

    from edge_cls_tools.distillation.muon import PointwiseMuon

    rng = np.random.default_rng(0)
    matrix, gradient = rng.normal(size=(2, 24, 6)).astype(np.float32)
    moved = []
    for shape in ((24, 6), (1, 1, 24, 6)):
        variable = keras.Variable(matrix.reshape(shape))
        optimizer = PointwiseMuon(0.01, weight_decay=0.02)
        for _ in range(3):
            optimizer.apply([keras.ops.convert_to_tensor(gradient.reshape(shape))], [variable])
        moved.append(keras.ops.convert_to_numpy(variable).reshape(24, 6))
    np.testing.assert_allclose(moved[0], moved[1], rtol=1e-5)
    # In a step of Muon all directions of the gradient have the same weight.
    lengths = np.linalg.svd(moved[1] - matrix, compute_uv=False)
    assert lengths.min() > 0.4 * lengths.max()


@pytest.mark.parametrize("shape", [(3, 3, 24, 1), (3, 3, 3, 16), (16,)])
def test_muon_uses_adamw_for_all_other_variables(shape: tuple[int, ...]) -> None:
    import keras

    from edge_cls_tools.distillation.muon import PointwiseMuon

    gradient = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    moved = []
    for optimizer in (PointwiseMuon(0.01, adam_weight_decay=None), keras.optimizers.Adam(0.01)):
        variable = keras.Variable(np.zeros(shape, np.float32))
        optimizer.apply([keras.ops.convert_to_tensor(gradient)], [variable])
        moved.append(keras.ops.convert_to_numpy(variable))
    np.testing.assert_allclose(moved[0], moved[1], rtol=1e-3)
