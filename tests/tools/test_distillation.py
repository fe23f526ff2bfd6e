"""Distillation from a teacher of colours: the student learns, and a resumed training gives the same weights."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import numpy as np
import pytest

from edge_cls.core.manifest import Preprocessing
from edge_cls.errors import ConfigError
from tests import processes
from tests.colors import write_colors
from tests.commands import COMMAND
from tests.processes import InAProcess

pytestmark = pytest.mark.tensorflow
PHOTOS, ROUNDS, SIZE, BATCH = 100, 2, 32, 32
STEPS = (PHOTOS - 2) * ROUNDS // BATCH
"""Steps per epoch; two photos are held out."""


def train(folder: Path, *, epochs: int = 2, kill_at: int | None = None, resume: bool = False) -> list[float]:
    """Distill noisy photos of one colour each from a teacher whose embedding depends on the colour, or die at a step.

    Write `weights.npz` and `epochs.txt`. Return the loss after each step.
    """
    from edge_cls_tools.distillation.recipe import Recipe
    from edge_cls_tools.distillation.train import distill
    from edge_cls_tools.distillation.training_state import Progress
    from edge_cls_tools.distillation.view_cache import ViewCache

    rng = np.random.default_rng(0)
    colors = rng.uniform(0, 255, (PHOTOS, 1, 1, 3))
    views = np.concatenate([colors + rng.normal(0, 10, (PHOTOS, SIZE, SIZE, 3)) for _ in range(ROUNDS)])
    embeddings = np.abs(views.mean(axis=(1, 2)) @ rng.normal(size=(3, 8)))
    cache = ViewCache(np.clip(views, 0, 255).astype(np.uint8), embeddings.astype(np.float16), PHOTOS, "colours")
    losses = []

    def report(progress: Progress) -> None:
        losses.append(progress.loss)
        if progress.views == (kill_at or 0) * BATCH:
            os.kill(os.getpid(), signal.SIGKILL)

    done = distill(
        cache,
        Recipe(0.35, SIZE, epochs, seed=0),
        folder,
        resume=resume,
        report=report,
        epoch_done=lambda _: None,
        batch_size=BATCH,
        save_every=2,
    )
    np.savez(folder / "weights.npz", *done.student.get_weights())
    (folder / "epochs.txt").write_text("\n".join(map(str, done.epochs)))
    return losses


@pytest.fixture
def in_a_process(tmp_path: Path) -> InAProcess:
    """Runs `train` in a process of its own; returns its exit code."""
    return processes.in_a_process(train, tmp_path)


def test_killed_at_any_step_and_resumed_it_gives_the_same_weights(in_a_process: InAProcess, tmp_path: Path) -> None:
    assert in_a_process("whole") == 0
    # Before the first checkpoint, after one, and in the second epoch.
    for step in (1, 3, STEPS + 3):
        assert in_a_process("killed", kill_at=step, resume=True) == -signal.SIGKILL
        assert not (tmp_path / "killed" / "weights.npz").exists()
    assert in_a_process("killed", resume=True) == 0
    whole, killed = (np.load(tmp_path / name / "weights.npz") for name in ("whole", "killed"))
    assert whole.files == killed.files
    for name in whole.files:
        np.testing.assert_array_equal(whole[name], killed[name])
    assert (tmp_path / "whole" / "epochs.txt").read_text() == (tmp_path / "killed" / "epochs.txt").read_text()


def test_it_learns_and_only_its_own_checkpoint_resumes_it(tmp_path: Path) -> None:
    losses = train(tmp_path, epochs=3)
    assert losses[-1] < losses[0] - 0.2
    with pytest.raises(ConfigError, match="add --resume"):
        train(tmp_path, epochs=3)
    with pytest.raises(ConfigError, match="epochs changed"):
        train(tmp_path, epochs=4, resume=True)
    checkpoint = tmp_path / "checkpoint.npz"
    checkpoint.write_bytes(checkpoint.read_bytes()[:5000])
    with pytest.raises(ConfigError, match="cannot be read as a checkpoint"):
        train(tmp_path, epochs=3, resume=True)


def test_the_student_is_the_network_that_was_trained() -> None:
    import keras

    from edge_cls_tools.distillation.network import student_network, trained_network
    from edge_cls_tools.distillation.recipe import Recipe
    from edge_cls_tools.io.batches import normalize

    network = trained_network(0.35, 8, 10)
    views = np.random.default_rng(0).integers(0, 256, (20, SIZE, SIZE, 3), np.uint8)
    network.fit(views, np.ones((20, 8), np.float32), batch_size=5, epochs=2, verbose=0)
    student = student_network(network, Recipe(0.35, SIZE, 1, seed=0))
    expected = keras.Model(network.input, network.layers[-1].input).predict(views, verbose=0)
    given = student.predict(normalize(views), verbose=0)["embedding"]
    assert np.ptp(expected) > 0.01
    np.testing.assert_allclose(given, expected, atol=1e-4)


@pytest.mark.parametrize("epochs", [1, 2, 5, 10])
def test_the_resolution_grows_and_the_last_epoch_has_the_full_one(epochs: int) -> None:
    from edge_cls_tools.distillation.recipe import Recipe

    sizes = Recipe(0.35, 128, epochs, seed=0).sizes
    assert len(sizes) == epochs
    assert sizes == sorted(sizes)
    assert sizes[-1] == 128
    assert set(sizes) <= {64, 96, 128}


def test_it_runs_on_another_keras_backend(tmp_path: Path) -> None:
    """The command makes a run directory for 'quantize' from photos with JAX instead of TensorFlow."""
    from edge_cls_tools.run_directory import load_run
    from tests.data.make_models import tiny_backbone

    write_colors(tmp_path / "colors", count=10)
    tiny_backbone().save(tmp_path / "teacher.keras")
    arguments = ["--images", "colors", "--teacher", "teacher.keras", "--teacher-size", "96", "--size", "32"]
    done = subprocess.run(
        [COMMAND, "--quiet", "distill", *arguments, "--epochs", "1", "-o", "run"],
        env=os.environ | {"KERAS_BACKEND": "jax"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("epoch 1 at 32 px")
    assert load_run(tmp_path / "run").preprocessing == Preprocessing(32, 32)
