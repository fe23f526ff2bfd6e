"""Multinomial logistic regression with a penalty on large coefficients."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge_cls_tools.linear_head import Labels
from edge_cls_tools.training.lbfgs import Point, minimized

TOLERANCE = 1e-3
"""Largest element of the gradient at the end; the loss is the mean of the examples. A lower one gives no better
heads, in several times the time."""
ITERATIONS = 300


class SoftmaxRegression:
    """Fits kernel and bias of softmax(features @ kernel + bias) to labels.

    `features` are float32 (n, dim), `labels` int64 (n,), and `weights`, (n,), are those of the examples. What is
    minimised is scikit-learn's `C * sum(weights * losses) + sum(kernel ** 2) / 2`, with the cross-entropy as loss.
    """

    def __init__(self, features: NDArray[np.float32], labels: Labels, weights: NDArray[np.float64], classes: int):
        # A feature that is always 1 makes the bias a row of the kernel.
        self._features = np.hstack([features, np.ones((len(features), 1), np.float32)])
        self._transposed = np.ascontiguousarray(self._features.T)
        self._labels, self._targets = labels, np.eye(classes, dtype=np.float32)[labels]
        self._total = float(weights.sum())
        self._weights = (weights / self._total).astype(np.float32)
        self._found = np.zeros((self._features.shape[1], classes), np.float32)

    def fit(self, c: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return the kernel, float32 (dim, classes), and the bias, float32 (classes,), for scikit-learn's C.

        The search starts from the result of the previous call.
        """
        penalty = np.float32(1 / (c * self._total))

        def loss(coefficients: Point) -> tuple[float, Point]:
            logits = self._features @ coefficients
            logits -= logits.max(axis=1, keepdims=True)
            powers = np.exp(logits)
            sums = powers.sum(axis=1)
            losses = np.log(sums) - logits[np.arange(len(logits)), self._labels]
            errors = self._weights[:, None] * (powers / sums[:, None] - self._targets)
            gradient = self._transposed @ errors
            kernel = coefficients[:-1]
            gradient[:-1] += penalty * kernel
            penalised = 0.5 * float(penalty) * float(np.vdot(kernel, kernel))
            return float(np.vdot(self._weights, losses)) + penalised, gradient

        self._found = minimized(loss, self._found, tolerance=TOLERANCE, iterations=ITERATIONS)
        return self._found[:-1], self._found[-1]
