"""The state of a distillation: it averages the weights, saves checkpoints and reports the progress."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import keras
import numpy as np

from edge_cls_tools.distillation.held_out import Epoch
from edge_cls_tools.training.checkpoint import Checkpoint, State, restore, values

AVERAGE_EVERY = 10
"""Steps between two updates of the averaged weights."""
AVERAGE_DECAY = 0.99
"""Decay of the averaged weights per update: they span about AVERAGE_EVERY / (1 - AVERAGE_DECAY) steps."""


@dataclass(frozen=True)
class Progress:
    """Views processed, their total, and the mean loss of this epoch so far: minus the cosine to the targets."""

    views: int
    total: int
    loss: float


class TrainingState(keras.callbacks.Callback):
    """Everything a checkpoint holds: the weights, their running mean, the optimizer, and the epochs done.

    As a callback it counts the steps: it updates the running mean every AVERAGE_EVERY steps, saves a checkpoint every
    `save_every` steps, and calls `report` after each step. `steps` is the number of steps per epoch.
    """

    def __init__(
        self,
        network: keras.Model,
        checkpoint: Checkpoint,
        *,
        steps: int,
        epochs: int,
        batch_size: int,
        save_every: int,
        report: Callable[[Progress], None],
    ) -> None:
        super().__init__()
        self.step = 0
        self.epochs: list[Epoch] = []
        self._network, self._checkpoint, self._report = network, checkpoint, report
        self._steps, self._batch_size, self._save_every = steps, batch_size, save_every
        self._total = steps * epochs * batch_size
        network.optimizer.build(network.trainable_variables)
        self._mean = [np.array(weight) for weight in network.get_weights()]

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002
        """Count the step, and average, save and report if it is time to."""
        self.step += 1
        averaging = self.step % AVERAGE_EVERY == 0
        # The last step of an epoch is saved by `end_epoch`.
        saving = self.step % self._save_every == 0 and self.step % self._steps != 0
        if (averaging or saving) and keras.backend.backend() == "jax":
            self._network.jax_state_sync()  # JAX keeps the trained state outside of the network's variables
        if averaging:
            updates = self.step // AVERAGE_EVERY
            # The first means span fewer steps, so that the random initial weights are forgotten.
            share = max(1 - AVERAGE_DECAY, min(1.0, 5 / updates))
            for mean, weight in zip(self._mean, self._network.get_weights(), strict=True):
                mean += share * (weight - mean)
        if saving:
            self._save()
        self._report(Progress(self.step * self._batch_size, self._total, (logs or {})["loss"]))

    def end_epoch(self, epoch: Epoch) -> None:
        """Append the result of an epoch, and save a checkpoint."""
        self.epochs.append(epoch)
        self._save()

    @contextlib.contextmanager
    def averaged(self) -> Iterator[None]:
        """Set the network to the averaged weights inside the context."""
        weights = self._network.get_weights()
        self._network.set_weights(self._mean)
        yield
        self._network.set_weights(weights)

    def begin(self, *, resume: bool) -> None:
        """Restore the checkpoint, if there is one. Raises ConfigError like `Checkpoint.load`."""
        state = self._checkpoint.load(resume=resume)
        if state is None:
            return
        self._network.set_weights(state.groups["weight"])
        self._mean = list(state.groups["mean"])
        restore(self._network.optimizer.variables, state.groups["optimizer"])
        self.step = state.progress["step"]
        self.epochs = [Epoch(**epoch) for epoch in state.progress["passes"]]

    def _save(self) -> None:
        groups = {
            "weight": self._network.get_weights(),
            "mean": self._mean,
            "optimizer": values(self._network.optimizer.variables),
        }
        epochs = [dataclasses.asdict(epoch) for epoch in self.epochs]
        self._checkpoint.save(State(groups, {"step": self.step, "passes": epochs}))
