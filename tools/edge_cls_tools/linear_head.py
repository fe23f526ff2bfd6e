"""The head of a classifier in floating point: a linear layer on the embedding of a backbone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Embeddings = NDArray[np.float32]
Labels = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Head:
    """A linear classifier: logits = embedding @ kernel + bias, with kernel (dim, classes) and bias (classes,)."""

    kernel: NDArray[np.float32]
    bias: NDArray[np.float32]

    def logits(self, embeddings: Embeddings) -> NDArray[np.float32]:
        """Return the logits, float32 (n, classes), of embeddings (n, dim)."""
        return np.asarray(embeddings @ self.kernel + self.bias, np.float32)

    def probabilities(self, embeddings: Embeddings) -> NDArray[np.float32]:
        """Return the class probabilities, float32 (n, classes)."""
        logits = self.logits(embeddings)
        exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(exponentials / exponentials.sum(axis=1, keepdims=True), np.float32)

    def losses(self, embeddings: Embeddings, labels: Labels) -> NDArray[np.float64]:
        """Return the cross-entropy of each embedding, (n,)."""
        chosen = self.probabilities(embeddings)[np.arange(len(labels)), labels]
        return -np.log(np.maximum(chosen.astype(np.float64), 1e-7))

    def cooled(self, temperature: float) -> Head:
        """Return the head whose logits are divided by `temperature`."""
        return Head(np.asarray(self.kernel / temperature, np.float32), np.asarray(self.bias / temperature, np.float32))
