"""Distillation: a small backbone learns, from random weights, to give the embeddings of a large one.

The student sees the very view that the teacher saw and learns the direction of its embedding: the square root of the
teacher's pooled features (they are sparse and heavy-tailed), centred, their leading principal components, at unit
length. The loss is 1 - cosine, after a linear layer that is thrown away afterwards: the pooled features before it are
the better embedding. (Consistent teaching: Beyer et al., "Knowledge distillation: A good teacher is patient and
consistent", 2022.) The resolution grows (Howard, fast.ai DAWNBench, 2018; Tan and Le, "EfficientNetV2", 2021), and what
is kept is the running mean of the weights (Polyak averaging), batch statistics included.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans

from edge_cls.images.preprocess import resize
from edge_cls_tools.backbones.backbones import mobilenet_v2
from edge_cls_tools.distillation.batch_norm import FusedBatchNormalization
from edge_cls_tools.distillation.muon import PointwiseMuon
from edge_cls_tools.distillation.view_cache import ViewCache
from edge_cls_tools.evaluation.fewshot import EmbeddedSet, as_stored, few_shot
from edge_cls_tools.run_directory import CHECKPOINT
from edge_cls_tools.training.checkpoint import Checkpoint, State, restore, values

LOSS = keras.losses.CosineSimilarity()
COMPONENTS = 256
BATCH = 256
PEAK_RATE = 1e-2
WARM_UP = 0.03
WEIGHT_DECAY = 0.02
HELD_OUT = 0.02
PHASES = ((0.5, 0.5), (0.8, 0.75), (1.0, 1.0))
"""(until this share of the passes, at this share of the input size): coarse shapes are learnt from small views, of
which a second has more."""
AVERAGE_EVERY = 10
AVERAGE_DECAY = 0.99
"""The mean of the weights reaches back about AVERAGE_EVERY / (1 - AVERAGE_DECAY) steps."""
SAVE_EVERY = 200
"""Steps between two checkpoints."""
PHOTOS_PER_CLUSTER = 25


@dataclass(frozen=True)
class Recipe:
    """What the user chooses: width and input size of the student, passes over the cached views, seed."""

    alpha: float
    size: int
    epochs: int
    seed: int

    @property
    def sizes(self) -> list[int]:
        """The input size of each pass; that of the last is `size`."""
        shares = [(epoch + 1) / self.epochs for epoch in range(self.epochs)]
        scales = [next(scale for until, scale in PHASES if share <= until) for share in shares]
        return [max(32, round(self.size * scale / 16) * 16) for scale in scales]


@dataclass(frozen=True)
class Pass:
    """How a pass went: its number, from 1, its input size, and how the mean of the weights did on held-out photos.

    `cosine` is the mean cosine to the targets; `few_shot` the 10-way 5-shot accuracy of a kNN head where the classes
    are clusters of the teacher's embeddings, None where too few photos are held out.
    """

    number: int
    size: int
    cosine: float
    few_shot: float | None

    def __str__(self) -> str:
        accuracy = "" if self.few_shot is None else f", few-shot {self.few_shot:.1%}"
        return f"pass {self.number} at {self.size} px: held-out photos: cosine {self.cosine:.3f}{accuracy}"


@dataclass(frozen=True)
class Status:
    """Views seen, of how many, and the mean loss of this pass so far: minus the cosine to the targets."""

    views: int
    total: int
    loss: float


@dataclass(frozen=True, eq=False)
class Distilled:
    """The student, its passes, and the indices of the views it learnt from and of the held-out ones."""

    student: keras.Model
    passes: Sequence[Pass]
    training: NDArray[np.int64]
    held_out: NDArray[np.int64]


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


def distill(
    cache: ViewCache,
    recipe: Recipe,
    folder: Path,
    *,
    resume: bool,
    report: Callable[[Status], None],
    passed: Callable[[Pass], None],
) -> Distilled:
    """Return the student: a backbone of `recipe.size` whose output is `embedding`.

    The whole state is saved in `folder` every SAVE_EVERY steps. With `resume` the training goes on from there, and on
    a processor ends with the very weights of a training that was never stopped. `report` is called after each step,
    `passed` after each pass. Raises ConfigError where the training in `folder` has another recipe or other views, and
    where there is one but not `resume`.
    """
    keras.utils.set_random_seed(recipe.seed)
    targets = principal_targets(cache.embeddings, recipe.seed)
    held_out = max(1, int(cache.photos * HELD_OUT))
    photo = np.arange(len(targets)) % cache.photos
    training, validation = np.flatnonzero(photo >= held_out), np.flatnonzero(photo < held_out)
    steps = max(1, len(training) // BATCH)
    trainer = _trainer(recipe.alpha, targets.shape[1], steps * recipe.epochs)
    checks = _Validation(cache, targets, validation, trainer, recipe.seed)
    checkpoint = Checkpoint(folder / CHECKPOINT, dataclasses.asdict(recipe) | {"views": cache.digest})
    state = _Training(trainer, checkpoint, steps, steps * recipe.epochs * BATCH, report)
    state.begin(resume=resume)
    for epoch in range(state.step // steps, recipe.epochs):
        order = np.random.default_rng([recipe.seed, epoch]).permutation(training)[: steps * BATCH]
        rest = order[state.step % steps * BATCH :]
        size = recipe.sizes[epoch]
        trainer.fit(_Views(cache, targets, rest, size), callbacks=[state], shuffle=False, verbose=0)
        with state.averaged():
            done = checks.check(epoch + 1, size)
        state.end_pass(done)
        passed(done)
    with state.averaged():
        student = _student(trainer, recipe)
    return Distilled(student, state.passes, training, validation)


class _Views(keras.utils.PyDataset):
    """Batches of views, in the order of `indices`, at one input size, with their targets."""

    def __init__(self, cache: ViewCache, targets: NDArray[np.float32], indices: NDArray[np.int64], size: int) -> None:
        super().__init__()
        self._cache, self._targets, self._indices, self._size = cache, targets, indices, size

    def __len__(self) -> int:
        return -(-len(self._indices) // BATCH)

    def __getitem__(self, index: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        # Sorted: the views are read from a file that may be larger than the memory.
        chosen = np.sort(self._indices[index * BATCH : (index + 1) * BATCH])
        views = self._cache.views[chosen]
        if views.shape[1] != self._size:
            views = np.stack([resize(view, self._size, self._size) for view in views])
        return views, self._targets[chosen]


class _Training(keras.callbacks.Callback):
    """All that a training is: the weights, their mean, the optimizer, the passes done. Saves itself."""

    def __init__(
        self,
        trainer: keras.Model,
        checkpoint: Checkpoint,
        steps: int,
        total: int,
        report: Callable[[Status], None],
    ) -> None:
        super().__init__()
        self.step = 0
        self.passes: list[Pass] = []
        self._trainer, self._checkpoint, self._report = trainer, checkpoint, report
        self._steps, self._total = steps, total
        trainer.optimizer.build(trainer.trainable_variables)
        self._mean = [np.array(weight) for weight in trainer.get_weights()]

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002
        self.step += 1
        averaging = self.step % AVERAGE_EVERY == 0
        # The end of a pass is saved by `end_pass`.
        saving = self.step % SAVE_EVERY == 0 and self.step % self._steps != 0
        if (averaging or saving) and keras.backend.backend() == "jax":
            self._trainer.jax_state_sync()  # JAX trains on a state outside of the network's variables
        if averaging:
            count = self.step // AVERAGE_EVERY
            # A shorter reach to begin with: the random first weights must not linger.
            share = max(1 - AVERAGE_DECAY, min(1.0, 5 / count))
            for mean, weight in zip(self._mean, self._trainer.get_weights(), strict=True):
                mean += share * (weight - mean)
        if saving:
            self._save()
        self._report(Status(self.step * BATCH, self._total, (logs or {})["loss"]))

    def end_pass(self, done: Pass) -> None:
        """Add a pass, and save."""
        self.passes.append(done)
        self._save()

    @contextlib.contextmanager
    def averaged(self) -> Iterator[None]:
        """Put the mean of the weights into the network meanwhile."""
        weights = self._trainer.get_weights()
        self._trainer.set_weights(self._mean)
        yield
        self._trainer.set_weights(weights)

    def _save(self) -> None:
        groups = {
            "weight": self._trainer.get_weights(),
            "mean": self._mean,
            "optimizer": values(self._trainer.optimizer.variables),
        }
        passes = [dataclasses.asdict(done) for done in self.passes]
        self._checkpoint.save(State(groups, {"step": self.step, "passes": passes}))

    def begin(self, *, resume: bool) -> None:
        """Go on from the checkpoint, where there is one. Raises what `Checkpoint.load` raises."""
        state = self._checkpoint.load(resume=resume)
        if state is None:
            return
        self._trainer.set_weights(state.groups["weight"])
        self._mean = list(state.groups["mean"])
        restore(self._trainer.optimizer.variables, state.groups["optimizer"])
        self.step = state.progress["step"]
        self.passes = [Pass(**done) for done in state.progress["passes"]]


class _Validation:
    """The held-out views, and the clusters that the teacher's embeddings of their photos form."""

    def __init__(
        self,
        cache: ViewCache,
        targets: NDArray[np.float32],
        indices: NDArray[np.int64],
        trainer: keras.Model,
        seed: int,
    ) -> None:
        self._cache, self._targets, self._indices = cache, targets, indices
        self._network = keras.Model(trainer.input, [trainer.output, trainer.layers[-1].input])
        photos = indices[indices < cache.photos]
        self._clusters = None
        if len(photos) >= 4 * PHOTOS_PER_CLUSTER:
            means = KMeans(len(photos) // PHOTOS_PER_CLUSTER, random_state=seed).fit(targets[photos])
            self._clusters = means.labels_.astype(np.int64)

    def check(self, number: int, size: int) -> Pass:
        """Return how the network, as it is, sees the held-out views at this input size."""
        predicted, embeddings = self._network.predict(
            _Views(self._cache, self._targets, self._indices, size), verbose=0
        )
        lengths = np.maximum(np.linalg.norm(predicted, axis=1), 1e-6)
        cosine = float(np.mean(np.sum(predicted * self._targets[self._indices], axis=1) / lengths))
        accuracy = None
        if self._clusters is not None:
            photos = EmbeddedSet("held-out photos", as_stored(embeddings[: len(self._clusters)]), self._clusters)
            accuracy = few_shot(photos, ways=10, shots=5, heads=["knn"], trials=100)[0].accuracy
        return Pass(number, size, cosine, accuracy)


def _trainer(alpha: float, components: int, steps: int) -> keras.Model:
    backbone = keras.models.clone_model(mobilenet_v2(alpha, None), clone_function=_faster)
    views = keras.Input((None, None, 3), dtype="uint8")
    pixels = keras.layers.Rescaling(1 / 127.5, -1.0)(views)
    trainer = keras.Model(views, keras.layers.Dense(components, name="projection")(backbone(pixels)))
    warm_up = max(1, int(steps * WARM_UP))
    rate = keras.optimizers.schedules.CosineDecay(
        0.0, max(1, steps - warm_up), warmup_target=PEAK_RATE, warmup_steps=warm_up
    )
    optimizer = PointwiseMuon(rate, weight_decay=WEIGHT_DECAY, adam_weight_decay=WEIGHT_DECAY)
    trainer.compile(optimizer, loss=LOSS)
    return trainer


def _faster(layer: keras.Layer) -> keras.Layer:
    config = layer.get_config()
    if isinstance(layer, keras.layers.BatchNormalization):
        # keras.applications has 0.999, made for trainings of a million steps: the averages would lag behind.
        return FusedBatchNormalization.from_config(config | {"momentum": 0.95})
    return type(layer).from_config(config)


def _student(trainer: keras.Model, recipe: Recipe) -> keras.Model:
    """Return the trained backbone with a fixed input size, as plain Keras, and without the linear layer."""
    (trained,) = (layer for layer in trainer.layers if isinstance(layer, keras.Model))
    backbone = mobilenet_v2(recipe.alpha, recipe.size)
    backbone.set_weights(trained.get_weights())
    return keras.Model(backbone.input, {"embedding": backbone.output}, name="edge_embed")
