"""Kernel ridge regression on the one-hot classes, with an intercept that is not penalised.

The kernel is a Gaussian of normalised embeddings: exp(-(1 - cosine) / width). The kernel width is the mean cosine
distance of examples of different classes. The solution a, b of

    [K + strength I  1] [a]   [Y]
    [1'              0] [b] = [0]

is that of the least-squares support vector machine (Suykens and Vandewalle, 1999); the intercept has the same effect as
centring in the feature space. If B is the inverse of that matrix, leaving out the examples g gives the residuals
inv(B_gg) a_g (Cawley and Talbot, "Fast exact leave-one-out cross-validation of sparse least-squares support vector
machines", 2004). Adding an example borders B and removing one reduces it: both take O(n^2).

Above `LIMIT` examples, a and b fit all examples, but with the kernels of only LIMIT landmarks (the "subset of
regressors" of Rifkin et al., "Regularized least-squares classification", 2003).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge_cls.learning.heads.examples import LIMIT, Examples, Query
from edge_cls.learning.heads.head import Scores
from edge_cls.learning.vectors import Vector

STRENGTH = 0.1
"""Default strength of the regularisation, where the diagonal of the kernel is 1."""
_STEPS = 4
"""The kernel width is rounded to a power of 2 with an exponent in multiples of 1 / _STEPS."""
_MIN_WIDTH = 2**-5
"""Minimum kernel width, a cosine distance. A kernel as narrow as the distance of near duplicates would learn single
frames, and the rounding errors of cosines."""
_JITTER = 1e-8
"""Added to the diagonal of the landmarks' normal equations per example, for numerical stability."""
Matrix = NDArray[np.float64]


class Ridge:
    """Scores are near 1 for the class of a vector and near 0 for the others.

    `strength` is added to the diagonal of the kernel, which is 1. `unknown_distance` is the kernel width if there is
    only one class. Raises ValueError unless `strength` is above 0.
    """

    def __init__(self, examples: Examples, strength: float = STRENGTH, unknown_distance: float = 0.5) -> None:
        if not strength > 0:
            raise ValueError(f"strength is {strength}, but must be above 0")
        self._examples = examples
        self._strength = strength
        self._unknown_distance = unknown_distance
        self.fit()

    def fit(self) -> None:
        """Discard the solution; the next prediction fits the examples."""
        self._width: float | None = None
        self._weights: Matrix | None = None
        self._inverse: Matrix | None = None
        self._landmarks: Landmarks | None = None

    def add(self) -> None:
        """Learn the last example."""
        count = len(self._examples) - 1
        self._weights = None
        if count == LIMIT:
            self.fit()
        elif self._landmarks is not None:
            self._landmarks.count_in(np.array([count]))
        elif self._width is not None:
            column = np.append(self._kernel(self._examples.cosines[count, :count]), 1.0)
            inverse = self._inverted(count)
            solved = inverse @ column
            rest = 1 + self._strength - column @ solved
            grown = np.empty((count + 2, count + 2))
            grown[:-1, :-1] = inverse + np.outer(solved, solved) / rest
            grown[-1, :-1] = grown[:-1, -1] = -solved / rest
            grown[-1, -1] = 1 / rest
            # The new row was appended after the intercept's, but belongs before it.
            order = [*range(count), count + 1, count]
            self._inverse = grown[np.ix_(order, order)]

    def remove(self, index: int) -> None:
        """Forget the example at `index`."""
        last = len(self._examples) - 1
        self._weights = None
        if last == 0:  # the remaining matrix is singular
            self.fit()
        elif self._landmarks is not None:
            if last == LIMIT or not self._landmarks.forget(index):
                self.fit()
        elif self._width is not None:
            order = np.arange(last + 2)
            order[index] = last
            order = np.delete(order, last)
            inverse = self._inverted(last + 1)
            column = inverse[index]
            reduced = inverse - np.outer(column, column) / column[index]
            self._inverse = reduced[np.ix_(order, order)]

    def predict(self, query: Query) -> Scores:
        """Return the score of each class, float64 (classes,)."""
        if not len(self._examples):
            return np.empty(0)
        weights = self._solved()
        known = query.cosines if self._landmarks is None else query.cosines[self._landmarks.indices]
        return np.asarray(self._kernel(known) @ weights[:-1] + weights[-1])

    def leave_one_out(self) -> Scores:
        """Return the leave-one-out scores in closed form, float64 (n, classes). See `Head.leave_one_out`."""
        examples = self._examples
        if not len(examples):
            return np.empty((0, 0))
        solution = self._solved()[:-1]
        return left_out_scores(examples, self._inverted(len(examples)), solution)

    def _solved(self) -> Matrix:
        """Return a and b, float64 (n + 1, classes), or (landmarks + 1, classes)."""
        examples = self._examples
        if self._weights is not None:
            return self._weights
        if len(examples) > LIMIT:
            if self._landmarks is None:
                indices = examples.spread(LIMIT)
                units = examples.units(indices)
                self._width = fitting_width(units @ units.T, examples.targets[indices], self._unknown_distance)
                self._landmarks = Landmarks(examples, indices, self._width)
                for chunk in examples.chunks():
                    self._landmarks.count_in(chunk)
            self._weights = self._landmarks.solve(self._strength)
            return self._weights
        width = fitting_width(examples.cosines, examples.targets, self._unknown_distance)
        if width != self._width:
            self._width, self._inverse = width, None
        if self._inverse is None:
            classes = np.pad(examples.one_hot(), ((0, 1), (0, 0)))
            self._weights = np.asarray(np.linalg.solve(self._bordered(len(examples)), classes), np.float64)
        else:
            self._weights = self._inverse[:, :-1] @ examples.one_hot()
        return self._weights

    def _bordered(self, count: int) -> Matrix:
        """Return the matrix of the first `count` examples, (count + 1, count + 1)."""
        bordered = np.ones((count + 1, count + 1))
        bordered[:-1, :-1] = self._kernel(self._examples.cosines[:count, :count])
        np.einsum("ii->i", bordered)[:-1] += self._strength
        bordered[-1, -1] = 0
        return bordered

    def _inverted(self, count: int) -> Matrix:
        """Return B. Only leave-one-out and updates need it: solving takes a third of the time of inverting."""
        if self._inverse is None:
            self._inverse = np.asarray(np.linalg.inv(self._bordered(count)), np.float64)
        return self._inverse

    def _kernel(self, cosines: Vector) -> Matrix:
        if self._width is None:
            raise AssertionError("the kernel width is not set")
        return gaussian(cosines, self._width)


class Landmarks:
    """The normal equations of a ridge on landmarks: sums over all examples, updated for each added or removed one."""

    def __init__(self, examples: Examples, indices: NDArray[np.intp], width: float) -> None:
        self.indices = indices
        self._examples = examples
        self._units = examples.units(indices)
        self._width = width
        self._squares: Matrix = np.zeros((len(indices) + 1, len(indices) + 1))
        self._targets: Matrix = np.zeros((len(indices) + 1, 0))

    def count_in(self, indices: NDArray[np.intp], sign: int = 1) -> None:
        """Add the examples at `indices` to the sums, or subtract them if `sign` is -1."""
        missing = len(self._examples.classes) - self._targets.shape[1]
        if missing > 0:
            self._targets = np.pad(self._targets, ((0, 0), (0, missing)))
        kernels = np.ones((len(indices), len(self.indices) + 1))
        kernels[:, :-1] = gaussian(self._examples.units(indices) @ self._units.T, self._width)
        self._squares += sign * (kernels.T @ kernels)
        np.add.at(self._targets.T, self._examples.targets[indices], sign * kernels)

    def forget(self, index: int) -> bool:
        """Subtract the example at `index`, whose place the last one takes; return False if the sums must be rebuilt.

        That is so if it is a landmark or the last example of its class.
        """
        last = len(self._examples) - 1
        target = self._examples.targets[index]
        if index in self.indices or self._examples.counts[target] == 1:
            return False
        self.count_in(np.array([index]), -1)
        self.indices[self.indices == last] = index
        return True

    def solve(self, strength: float) -> Matrix:
        """Return the weights of the landmarks' kernels and, last, the intercepts, float64 (landmarks + 1, classes)."""
        penalty = np.zeros_like(self._squares)
        penalty[:-1, :-1] = strength * gaussian(self._units @ self._units.T, self._width)
        # For identical landmarks only the sum of their weights is determined.
        np.einsum("ii->i", penalty)[:-1] += _JITTER * len(self._examples)
        return np.asarray(np.linalg.solve(self._squares + penalty, self._targets), np.float64)


def left_out_scores(examples: Examples, inverse: Matrix, solution: Matrix) -> Scores:
    """Return the leave-one-out scores of a ridge, float64 (n, classes). See `Head.leave_one_out`.

    `inverse` is B, and `solution` is a, both as in the docstring of the module; the diagonal of the regularisation may
    have another strength for each example.
    """
    one_hot, counts = examples.one_hot(), examples.counts
    # The diagonal is 0 only for a single example, whose group leaves no other example.
    diagonal = np.diag(inverse)[:-1, None]
    scores = one_hot - solution / np.where(diagonal > 0, diagonal, 1.0)
    for group in examples.groups():
        if len(group) == len(examples):
            scores[group] = -np.inf
            continue
        if len(group) > 1:
            scores[group] = one_hot[group] - np.linalg.solve(inverse[group[:, None], group], solution[group])
        own = examples.targets[group[0]]
        if counts[own] == len(group):
            scores[group, own] = -np.inf
    return scores


def gaussian(cosines: Vector, width: float) -> Matrix:
    """Return the Gaussian kernel, float64, of vector pairs with these `cosines`."""
    kernel = cosines.astype(np.float64)
    kernel -= 1
    kernel /= width
    return np.exp(kernel, out=kernel)


def fitting_width(cosines: Vector, targets: NDArray[np.intp], unknown_distance: float) -> float:
    """Return the kernel width: the mean cosine distance of examples of different classes.

    Each pair of classes has the same weight. If there is only one class, it is `unknown_distance`. The width is rounded
    to a power of 2 ** (1 / 4), so that one more example rarely changes it.
    """
    counts = np.bincount(targets)
    classes = np.flatnonzero(counts)
    means = np.asarray(targets[:, None] == classes, np.float32) / counts[classes].astype(np.float32)
    if len(classes) > 1:
        among = means.T @ cosines @ means
        others = len(classes) * (len(classes) - 1)
        unknown_distance = 1 - float(among.sum() - np.trace(among)) / others
    return float(2 ** (np.round(_STEPS * np.log2(max(unknown_distance, _MIN_WIDTH))) / _STEPS))
