"""A linear classifier of embeddings, fitted to taught examples: what a fully connected layer of a network can compute.

It is the ridge regression of `edge_cls.learning.heads.ridge` on the one-hot classes, with a linear kernel instead of
the Gaussian one, and with a weight for each example that makes all classes count the same. It is fitted to normalised
embeddings; a network does not normalise, so that the mean length of the examples stands for that of every embedding.
Regularisation and temperature are those with the lowest leave-one-out loss, in the same closed form as there.

It needs no iterations, and is within two percentage points of softmax regression whose regularisation was chosen on the
test photos: `tools/benchmarks/linear_head.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_cls.learning.heads.calibration import class_weights, comparable, fitted_temperature, losses, probabilities
from edge_cls.learning.heads.examples import LIMIT, Examples
from edge_cls.learning.heads.head import Scores
from edge_cls.learning.heads.ridge import left_out_scores

STRENGTHS = (0.3, 0.1, 0.03, 1.0, 3.0, 10.0)
"""Strengths of the regularisation that are tried, as multiples of the mean squared distance from the mean embedding.
The first one is the default."""
_TEMPERATURE = 0.1
"""The temperature to expect, in units of the one-hot targets."""


@dataclass(frozen=True, eq=False)
class LeftOut:
    """The predictions of examples by the others: each was left out together with its near duplicates.

    `targets`, (n,), are the classes of those examples that have an other one of their class, and `probabilities`,
    float64 (n, classes), their class probabilities.
    """

    targets: NDArray[np.intp]
    probabilities: NDArray[np.float64]

    @property
    def accuracy(self) -> float | None:
        """The share of correct predictions, in [0, 1]; None if no example could be left out."""
        return float((self.probabilities.argmax(axis=1) == self.targets).mean()) if len(self.targets) else None

    @property
    def confidences(self) -> NDArray[np.float64]:
        """The probability of each predicted class, (n,)."""
        return np.asarray(self.probabilities.max(axis=1, initial=0.0))


@dataclass(frozen=True, eq=False)
class LinearHead:
    """A classifier: the class probabilities are softmax(embedding @ kernel + bias).

    `kernel`, float32 (dim, classes), and `bias`, float32 (classes,), contain the temperature. `logits` are the lowest
    and the highest logit of the predicted classes of all examples, also of left-out ones. `strength` and `temperature`
    are those that were chosen.
    """

    kernel: NDArray[np.float32]
    bias: NDArray[np.float32]
    logits: tuple[float, float]
    strength: float
    temperature: float
    left_out: LeftOut


def fit_linear(examples: Examples) -> LinearHead:
    """Return the linear classifier of `examples`, which must have two classes or more.

    Above `LIMIT` examples, leave-one-out evaluates a sample of them, and all are fitted.
    """
    sample = examples.subset(examples.spread(LIMIT))
    spread = max(1.0 - float(sample.cosines.mean()), 1e-6)  # of normalised vectors, the mean squared distance
    targets, results = sample.targets, []
    for order, share in enumerate(STRENGTHS):
        scores = _leave_one_out(sample, share * spread)
        temperature = fitted_temperature(scores, targets, _TEMPERATURE)
        compared = comparable(scores, targets)
        loss = class_weights(targets[compared]) @ losses(scores[compared], targets[compared], temperature)
        results.append((float(loss), order, temperature, scores))
    _, order, temperature, scores = min(results, key=lambda one: one[:2])
    strength = STRENGTHS[order]
    kernel, bias = _fitted(examples, strength * spread)
    kernel /= (float(examples.vectors.norms.mean()) or 1.0) * temperature
    bias /= temperature
    compared = comparable(scores, targets)
    winning = np.concatenate(
        [(examples.vectors.take(chunk).rows() @ kernel + bias).max(axis=1) for chunk in examples.chunks()]
        + [scores[compared].max(axis=1, initial=-np.inf) / temperature]
    )
    return LinearHead(
        np.asarray(kernel, np.float32),
        np.asarray(bias, np.float32),
        (float(winning.min()), float(winning.max())),
        strength,
        temperature,
        LeftOut(targets[compared], probabilities(scores[compared], temperature)),
    )


def _weights(examples: Examples) -> NDArray[np.float64]:
    """Return the weight of each example, (n,), with the mean 1: all classes count the same."""
    return class_weights(examples.targets) * len(examples)


def _bordered(examples: Examples, strength: float) -> NDArray[np.float64]:
    """Return the matrix of the dual problem, (n + 1, n + 1): see `edge_cls.learning.heads.ridge`."""
    bordered = np.ones((len(examples) + 1, len(examples) + 1))
    bordered[:-1, :-1] = examples.cosines
    np.einsum("ii->i", bordered)[:-1] += strength / _weights(examples)
    bordered[-1, -1] = 0
    return bordered


def _leave_one_out(examples: Examples, strength: float) -> Scores:
    """Return the leave-one-out scores, float64 (n, classes). The weights are those of all examples."""
    inverse = np.asarray(np.linalg.inv(_bordered(examples, strength)), np.float64)
    return left_out_scores(examples, inverse, inverse[:-1, :-1] @ examples.one_hot())


def _fitted(examples: Examples, strength: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return kernel and bias for normalised embeddings, float64 (dim, classes), (classes,)."""
    if len(examples) > LIMIT:
        return _by_normal_equations(examples, strength)
    # The system of a few examples is much smaller than that of an embedding's numbers.
    solution = np.linalg.solve(_bordered(examples, strength), np.pad(examples.one_hot(), ((0, 1), (0, 0))))
    kernel = examples.units(np.arange(len(examples))).T @ solution[:-1]
    return np.asarray(kernel, np.float64), np.asarray(solution[-1], np.float64)


def _by_normal_equations(examples: Examples, strength: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the same as `_fitted`, in a time that is linear in the number of examples."""
    dim, weights = examples.vectors.dim, _weights(examples)
    squares, sums = np.zeros((dim + 1, dim + 1)), np.zeros((dim + 1, len(examples.classes)))
    one_hot = examples.one_hot()
    for chunk in examples.chunks():
        rows = np.ones((len(chunk), dim + 1))
        rows[:, :-1] = examples.units(chunk)
        weighted = rows * weights[chunk, None]
        squares += weighted.T @ rows
        sums += weighted.T @ one_hot[chunk]
    np.einsum("ii->i", squares)[:-1] += strength
    solution = np.asarray(np.linalg.solve(squares, sums), np.float64)
    return solution[:-1], solution[-1]
