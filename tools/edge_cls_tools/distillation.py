"""Distillation: a small backbone learns, from random weights, to give the embeddings of a large one.

The student sees the very view that the teacher saw and learns the direction of its embedding: the square root of the
teacher's pooled features (they are sparse and heavy-tailed), centred, their leading principal components, at unit
length. The loss is 1 - cosine, after a linear layer that is thrown away afterwards: the pooled features before it are
the better embedding. (Consistent teaching: Beyer et al., "Knowledge distillation: A good teacher is patient and
consistent", 2022.)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from edge_cls.preprocess import resize
from edge_cls_tools.backbones import mobilenet_v2
from edge_cls_tools.view_cache import ViewCache

COMPONENTS = 256
BATCH = 256
PEAK_RATE = 3e-3
WARM_UP = 0.03
HELD_OUT = 0.02
SMALL_PHASE = 0.5
"""The share of the passes that run at two thirds of the size: more views a second while the network is still coarse."""


@dataclass(frozen=True)
class Recipe:
    """What the user chooses: width and input size of the student, passes over the cached views, seed."""

    alpha: float
    size: int
    epochs: int
    seed: int


@dataclass(frozen=True, eq=False)
class Distilled:
    """The student, its loss on the held-out views, and the indices of the views it learnt from and of the others."""

    student: keras.Model
    loss: float
    training: NDArray[np.int64]
    held_out: NDArray[np.int64]


Progress = Callable[[int, int, float], None]
"""Called after each batch with (batches done, batches in all, mean loss of this pass)."""


def principal_targets(embeddings: NDArray[np.float16], seed: int) -> NDArray[np.float32]:
    """Return the targets, float32 (n, min(COMPONENTS, dim)), each of unit length, of the teacher's embeddings."""
    rng = np.random.default_rng(seed)
    sample = _root(embeddings[np.sort(rng.choice(len(embeddings), min(len(embeddings), 20_000), replace=False))])
    mean = sample.mean(axis=0)
    _, vectors = np.linalg.eigh(np.cov(sample - mean, rowvar=False))
    basis = vectors[:, ::-1][:, :COMPONENTS].astype(np.float32)
    targets = np.empty((len(embeddings), basis.shape[1]), np.float32)
    for start in range(0, len(embeddings), 10_000):
        targets[start : start + 10_000] = (_root(embeddings[start : start + 10_000]) - mean) @ basis
    lengths = np.linalg.norm(targets, axis=1, keepdims=True)
    return np.asarray(targets / np.maximum(lengths, 1e-6), np.float32)


def _root(embeddings: NDArray[np.float16]) -> NDArray[np.float32]:
    values = embeddings.astype(np.float32)
    return np.asarray(np.sign(values) * np.sqrt(np.abs(values)), np.float32)


class _Pass(keras.utils.PyDataset):
    """One pass over the views in an order of its own, at one input size."""

    def __init__(self, cache: ViewCache, targets: NDArray[np.float32], indices: NDArray[np.int64], size: int) -> None:
        super().__init__()
        self._cache, self._targets, self._indices, self._size = cache, targets, indices, size

    def __len__(self) -> int:
        return max(1, len(self._indices) // BATCH)

    def __getitem__(self, index: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        chosen = np.sort(self._indices[index * BATCH : (index + 1) * BATCH])
        views = self._cache.views[chosen]
        if views.shape[1] != self._size:
            views = np.stack([resize(view, self._size, self._size) for view in views])
        return views, self._targets[chosen]


class _Report(keras.callbacks.Callback):
    def __init__(self, progress: Progress, before: int, total: int) -> None:
        super().__init__()
        self._progress, self._before, self._total = progress, before, total

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        self._progress(self._before + batch + 1, self._total, float((logs or {}).get("loss", 0.0)))


def distill(cache: ViewCache, recipe: Recipe, folder: Path, *, resume: bool, progress: Progress) -> Distilled:
    """Return the student: a backbone of `recipe.size` whose output is `embedding`.

    After each pass the whole state is saved in `folder`; with `resume` the training goes on from there.
    """
    keras.utils.set_random_seed(recipe.seed)
    targets = principal_targets(cache.embeddings, recipe.seed)
    held_out = max(1, int(cache.photos * HELD_OUT))
    photo = np.arange(len(targets)) % cache.photos
    training, validation = np.flatnonzero(photo >= held_out), np.flatnonzero(photo < held_out)
    steps = max(1, len(training) // BATCH)
    checkpoint = folder / "checkpoint.keras"
    passes = folder / "passes.txt"
    done = int(passes.read_text()) if resume and passes.is_file() else 0
    trainer = keras.saving.load_model(checkpoint) if done else _trainer(recipe, targets.shape[1], steps * recipe.epochs)
    if not done:
        (folder / "history.csv").unlink(missing_ok=True)
    small = max(32, recipe.size * 2 // 3 // 32 * 32)
    for epoch in range(done, recipe.epochs):
        order = np.random.default_rng([recipe.seed, epoch]).permutation(training)
        size = small if epoch < recipe.epochs * SMALL_PHASE else recipe.size
        trainer.fit(
            _Pass(cache, targets, order, size),
            callbacks=[_Report(progress, epoch * steps, recipe.epochs * steps)],
            shuffle=False,
            verbose=0,
        )
        temporary = folder / "checkpoint.new.keras"
        trainer.save(temporary)
        temporary.replace(checkpoint)
        passes.write_text(str(epoch + 1))
        loss = trainer.evaluate(_Pass(cache, targets, validation, size), verbose=0)
        with (folder / "history.csv").open("a") as history:
            history.write(f"{epoch + 1},{size},{loss:.5f}\n")
    loss = float(trainer.evaluate(_Pass(cache, targets, validation, recipe.size), verbose=0))
    return Distilled(_student(trainer, recipe), loss, training, validation)


def _trainer(recipe: Recipe, components: int, steps: int) -> keras.Model:
    backbone = mobilenet_v2(recipe.alpha, None)
    for layer in backbone.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            # keras.applications has 0.999, made for trainings of a million steps: the averages would lag behind.
            layer.momentum = 0.99
    views = keras.Input((None, None, 3), dtype="uint8")
    pixels = keras.layers.Rescaling(1 / 127.5, -1.0)(views)
    outputs = keras.layers.Dense(components, name="projection")(backbone(pixels))
    trainer = keras.Model(views, outputs)
    warm_up = max(1, int(steps * WARM_UP))
    rate = keras.optimizers.schedules.CosineDecay(
        0.0, max(1, steps - warm_up), warmup_target=PEAK_RATE, warmup_steps=warm_up
    )
    trainer.compile(keras.optimizers.AdamW(rate, weight_decay=0.02), loss=keras.losses.CosineSimilarity())
    return trainer


def _student(trainer: keras.Model, recipe: Recipe) -> keras.Model:
    """Return the trained backbone with a fixed input size and without the linear layer."""
    (trained,) = (layer for layer in trainer.layers if isinstance(layer, keras.Model))
    backbone = mobilenet_v2(recipe.alpha, recipe.size)
    backbone.set_weights(trained.get_weights())
    return keras.Model(backbone.input, {"embedding": backbone.output}, name="edge_embed")
