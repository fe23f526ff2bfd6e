"""A distillation from EfficientNet-Lite0, and one with a time limit."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from edge_cls.errors import ConfigError
from edge_cls_tools.distillation.recipe import Recipe
from edge_cls_tools.distillation.view_cache import ViewCache
from tests.commands import EdgeCls

if TYPE_CHECKING:
    import keras

SIZE, VIEWS = 32, 400


def colored_views() -> ViewCache:
    """Return views of one colour each, with embeddings of three values that depend on the colour."""
    colors = np.random.default_rng(0).integers(0, 256, (VIEWS, 1, 1, 3))
    views = np.broadcast_to(colors, (VIEWS, SIZE, SIZE, 3)).astype(np.uint8)
    return ViewCache(views, (colors.reshape(VIEWS, 3) / 255).astype(np.float16), VIEWS, "colours")


@pytest.mark.tensorflow
def test_lite0_gives_the_embeddings_that_its_own_preprocessing_gives(tmp_path: Path) -> None:
    from edge_cls.backends.litert import Interpreter
    from edge_cls.model.lite0.weights import read_weights, weights_path
    from edge_cls_tools.cli.progress import progress_display
    from edge_cls_tools.distillation.photo_pool import find_photos
    from edge_cls_tools.distillation.teacher import load_teacher
    from edge_cls_tools.distillation.view_cache import cache_views
    from edge_cls_tools.quantization.lite0 import float_network, normalized
    from tests.colors import write_colors

    write_colors(tmp_path, count=1)
    with progress_display() as display:
        teacher = load_teacher("lite0-128", 96, display)
    cache = cache_views(
        find_photos([tmp_path]), teacher.network, tmp_path / "run", views=1, size=96, seed=0, progress=lambda *_: None
    )
    network = Interpreter(float_network(read_weights(weights_path()), 96))
    expected = [network.invoke(normalized(view))[0].reshape(-1) for view in cache.views]
    assert np.ptp(expected) > 1
    np.testing.assert_allclose(cache.embeddings, expected, rtol=1e-3, atol=1e-3)


@pytest.mark.tensorflow
@pytest.mark.parametrize(("seconds", "epochs"), [(17, 1), (26, 1), (28, 2)])
def test_as_many_epochs_are_chosen_as_fit_into_the_time(
    monkeypatch: pytest.MonkeyPatch, seconds: float, epochs: int
) -> None:
    """Each look at the clock is a second later: the trial takes 4 s, compiling 1 s, and an epoch 11 s."""
    from edge_cls_tools.distillation import time_limit

    monkeypatch.setattr(time_limit, "trained_network", _tiny_network)
    monkeypatch.setattr("time.monotonic", itertools.count().__next__)
    recipe = Recipe(0.35, SIZE, 1, seed=0)
    assert time_limit.fitting_epochs(colored_views(), recipe, seconds, batch_size=8) == epochs
    with pytest.raises(ConfigError, match=r"400 views does not fit into 0\.2 minutes: it takes 0\.2"):
        time_limit.fitting_epochs(colored_views(), recipe, 12, batch_size=8)


def _tiny_network(alpha: float, components: int, steps: int) -> keras.Model:
    import keras

    del alpha, steps
    views = keras.Input((None, None, 3))
    network = keras.Model(views, keras.layers.Dense(components)(keras.layers.GlobalAveragePooling2D()(views)))
    network.compile("sgd", "mse", run_eagerly=True)
    return network


@pytest.mark.parametrize("other", [["--epochs", "3"], ["--resume"]])
def test_a_time_limit_alone_chooses_the_epochs(edge_cls: EdgeCls, tmp_path: Path, other: list[str]) -> None:
    done = edge_cls("distill", "--images", tmp_path, "-o", tmp_path / "run", "--minutes", "3", *other)
    assert done.returncode == 78
    assert done.stderr == (
        "error: --minutes chooses the number of epochs, and cannot be used with --epochs or --resume; "
        "resume with the --epochs that the training printed\n"
    )


@pytest.mark.tensorflow
def test_the_small_sizes_of_the_first_epochs_are_counted_as_such() -> None:
    from edge_cls_tools.distillation.time_limit import longest

    seconds = {64: 1.0, 96: 2.0, 128: 10.0}
    recipe = Recipe(0.35, 128, 1, seed=0)
    assert [longest(recipe, seconds, limit) for limit in (9.9, 10.0, 11.0, 30.9, 31.0)] == [0, 1, 2, 9, 10]
