"""The state of a fine-tuning: checkpoints, the best weights so far, and early stopping."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import keras
import numpy as np

from edge_cls_tools.training.checkpoint import Checkpoint, State, restore, values

PATIENCE = 5
"""Early stopping: the training ends after this many epochs without a lower validation loss."""


@dataclass(frozen=True)
class Epoch:
    """The result of an epoch: its number, from 1, and the validation loss and accuracy of the float network."""

    number: int
    loss: float
    accuracy: float


class TrainingState:
    """Everything a checkpoint holds: weights, optimizer, random state, the best weights so far, the epochs done."""

    def __init__(self, network: keras.Model, checkpoint: Checkpoint, *, chief: bool) -> None:
        self.epochs: list[Epoch] = []
        self.best = values(network.trainable_variables)
        self._network, self._checkpoint, self._chief = network, checkpoint, chief
        network.optimizer.build(network.trainable_variables)

    def begin(self, *, resume: bool) -> None:
        """Restore the checkpoint, if there is one. Raises ConfigError like `Checkpoint.load`."""
        state = self._checkpoint.load(resume=resume)
        if state is not None:
            restore(self._variables(), state.groups["variable"])
            self.best = list(state.groups["best"])
            self.epochs = [Epoch(**epoch) for epoch in state.progress["passes"]]

    @property
    def stopped(self) -> bool:
        """Whether the validation loss has not fallen for PATIENCE epochs (early stopping)."""
        best = min(self.epochs, key=lambda epoch: epoch.loss, default=None)
        return best is not None and len(self.epochs) - best.number >= PATIENCE

    def end_epoch(self, epoch: Epoch) -> None:
        """Append the result of an epoch, and save a checkpoint if this process is the chief."""
        if epoch.loss < min((earlier.loss for earlier in self.epochs), default=np.inf):
            self.best = values(self._network.trainable_variables)
        self.epochs.append(epoch)
        state = State(
            {"variable": values(self._variables()), "best": self.best},
            {"passes": [dataclasses.asdict(each) for each in self.epochs]},
        )
        if self._chief:
            self._checkpoint.save(state)

    def _variables(self) -> list[keras.Variable]:
        # The variables of a network include the state of its random generators and of its metrics.
        return [*self._network.variables, *self._network.optimizer.variables]
