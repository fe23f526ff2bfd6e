"""Fine-tuning trains only the chosen layers; a killed and resumed training gives the same weights."""

from __future__ import annotations

import json
import os
import signal
import socket
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_cls.errors import ConfigError
from tests import processes
from tests.processes import InAProcess

pytestmark = pytest.mark.tensorflow
PHOTOS, SIZE, EPOCHS = 70, 32, 3
STEPS = PHOTOS // 32


def small_backbone() -> Any:
    """Return a network of two resolutions, with batch normalisation and dropout."""
    import keras

    keras.utils.set_random_seed(1)
    pixels = keras.Input((SIZE, SIZE, 3))
    x = keras.layers.Conv2D(8, 3, strides=2, padding="same", name="fine")(pixels)
    x = keras.layers.BatchNormalization(name="fine_bn")(x)
    x = keras.layers.ReLU()(x)
    x = keras.layers.Conv2D(12, 3, strides=2, padding="same", name="coarse")(x)
    x = keras.layers.BatchNormalization(name="coarse_bn")(x)
    x = keras.layers.Dropout(0.2)(keras.layers.ReLU()(x))
    return keras.Model(pixels, keras.layers.GlobalAveragePooling2D()(x))


def train(
    folder: Path,
    *,
    layers: str = "all",
    kill_at: int | None = None,
    resume: bool = False,
    seed: int = 0,
    tf_config: str | None = None,
) -> list[float]:
    """Fine-tune on bright and dark, plain and striped pictures, or die at a step; write `weights.npz`.

    Return the validation loss after each epoch.
    """
    if tf_config is not None:
        os.environ["TF_CONFIG"] = tf_config
    from edge_cls_tools.backbones.backbones import Backbone
    from edge_cls_tools.linear_head import Head
    from edge_cls_tools.training.checkpoint import Checkpoint
    from edge_cls_tools.training.distribution import Distribution
    from edge_cls_tools.training.fine_tuning import Photos, fine_tune
    from edge_cls_tools.training.recipe import Recipe

    distribution = Distribution.named("none" if tf_config is None else "multiworker")
    rng = np.random.default_rng(0)
    recipe = Recipe(layers, EPOCHS, 1e-2, seed=seed)  # type: ignore[arg-type]
    backbone = Backbone("small", small_backbone())

    def photos(count: int, side: int) -> Photos:
        labels = rng.integers(0, 3, count)
        pixels = rng.integers(60, 190, (count, 1, 1, 3)) + rng.normal(0, 10, (count, side, side, 3))
        pixels[labels == 1, ::4] += 60
        pixels[labels == 2, :, ::4] += 60
        return Photos(np.clip(pixels, 0, 255).astype(np.uint8), labels, np.array([1.0, 1.0, 2.0]))

    def report(done: int, _: int) -> None:
        if done == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    done = fine_tune(
        backbone,
        Head(np.zeros((12, 3), np.float32), np.zeros(3, np.float32)),
        photos(PHOTOS, recipe.contract(backbone).width),
        photos(20, SIZE),
        recipe,
        Checkpoint(folder / "checkpoint.npz", {"layers": layers, "seed": seed}),
        resume=resume,
        distribution=distribution,
        logs=folder / "logs",
        report=report,
        epoch_done=lambda _: None,
    )
    np.savez(folder / "weights.npz", *done.backbone.model.get_weights(), done.head.kernel, done.head.bias)
    return [each.loss for each in done.epochs]


def same(a: Path, b: Path) -> bool:
    with np.load(a / "weights.npz") as first, np.load(b / "weights.npz") as second:
        return all(np.array_equal(first[name], second[name]) for name in first.files)


@pytest.fixture
def in_a_process(tmp_path: Path) -> InAProcess:
    """Runs `train` in a process of its own; returns its exit code."""
    return processes.in_a_process(train, tmp_path)


def test_killed_at_any_step_and_resumed_it_gives_the_same_weights(in_a_process: InAProcess, tmp_path: Path) -> None:
    for name, seed in (("whole", 0), ("other", 1)):
        (tmp_path / name).mkdir()
        train(tmp_path / name, seed=seed)
    # In the first epoch, before there is a checkpoint, and in a later one.
    for step in (1, STEPS + 1):
        assert in_a_process("killed", kill_at=step, resume=True) == -signal.SIGKILL
        assert not (tmp_path / "killed" / "weights.npz").exists()
    assert in_a_process("killed", resume=True) == 0
    assert same(tmp_path / "whole", tmp_path / "killed")
    assert not same(tmp_path / "whole", tmp_path / "other")


def test_it_learns_and_only_starts_over_if_the_checkpoint_is_deleted(tmp_path: Path) -> None:
    losses = train(tmp_path)
    assert min(losses) < losses[0]
    assert list((tmp_path / "logs").rglob("events*"))
    with pytest.raises(ConfigError, match="add --resume"):
        train(tmp_path)
    with pytest.raises(ConfigError, match="seed changed"):
        train(tmp_path, seed=1, resume=True)
    assert train(tmp_path, resume=True) == losses


def test_two_workers_train_one_network_and_the_chief_alone_writes(tmp_path: Path) -> None:
    with socket.socket() as one, socket.socket() as other:
        for listener in (one, other):
            listener.bind(("127.0.0.1", 0))
        workers = [f"127.0.0.1:{listener.getsockname()[1]}" for listener in (one, other)]
    processes = []
    for index in range(2):
        (tmp_path / str(index)).mkdir()
        config = json.dumps({"cluster": {"worker": workers}, "task": {"type": "worker", "index": index}})
        processes.append(
            get_context("spawn").Process(target=train, args=(tmp_path / str(index),), kwargs={"tf_config": config})
        )
        processes[-1].start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    assert same(tmp_path / "0", tmp_path / "1")
    with np.load(tmp_path / "0" / "weights.npz") as saved:
        assert not np.array_equal(saved[saved.files[0]], small_backbone().get_weights()[0])
    assert sorted(path.name for path in (tmp_path / "0").iterdir()) == ["checkpoint.npz", "logs", "weights.npz"]
    assert [path.name for path in (tmp_path / "1").iterdir()] == ["weights.npz"]


@pytest.mark.parametrize(
    "config", ["", "{}", '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 3}}']
)
def test_several_machines_need_a_tf_config_that_lists_them(monkeypatch: pytest.MonkeyPatch, config: str) -> None:
    from edge_cls_tools.training.distribution import Distribution

    monkeypatch.setenv("TF_CONFIG", config)
    with pytest.raises(ConfigError, match="TF_CONFIG"):
        Distribution.named("multiworker")


@pytest.mark.parametrize(("layers", "learnt"), [("last", {"coarse"}), ("all", {"fine", "coarse"})])
def test_only_the_chosen_layers_learn_and_batch_normalisation_never(
    tmp_path: Path, layers: str, learnt: set[str]
) -> None:
    import keras

    train(tmp_path, layers=layers)
    before = small_backbone()
    after = keras.models.clone_model(before)
    with np.load(tmp_path / "weights.npz") as saved:
        after.set_weights([saved[name] for name in saved.files[:-2]])
    changed = {
        one.name
        for one, other in zip(before.layers, after.layers, strict=True)
        for old, new in zip(one.get_weights(), other.get_weights(), strict=True)
        if not np.array_equal(old, new)
    }
    assert changed == learnt
