"""The regression targets of the student: principal components of the teacher's embeddings."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

COMPONENTS = 256
"""Number of leading principal components that the student learns."""
PCA_SAMPLE = 20_000
"""Maximum number of embeddings that the principal components are estimated from."""
_CHUNK = 10_000


def principal_targets(embeddings: NDArray[np.float16], seed: int) -> NDArray[np.float32]:
    """Return unit-length targets, float32 (n, min(COMPONENTS, dim)), for the teacher's `embeddings`, (n, dim).

    A target is the signed square root of the embedding, centred and projected onto the leading principal components.
    `seed` draws the sample that mean and components are estimated from.
    """
    rng = np.random.default_rng(seed)
    chosen = rng.choice(len(embeddings), min(len(embeddings), PCA_SAMPLE), replace=False)
    sample = signed_sqrt(embeddings[np.sort(chosen)])
    mean = sample.mean(axis=0)
    _, vectors = np.linalg.eigh(np.cov(sample - mean, rowvar=False))
    basis = vectors[:, ::-1][:, :COMPONENTS].astype(np.float32)
    targets = np.empty((len(embeddings), basis.shape[1]), np.float32)
    for start in range(0, len(embeddings), _CHUNK):
        targets[start : start + _CHUNK] = (signed_sqrt(embeddings[start : start + _CHUNK]) - mean) @ basis
    lengths = np.linalg.norm(targets, axis=1, keepdims=True)
    return np.asarray(targets / np.maximum(lengths, 1e-6), np.float32)


def signed_sqrt(embeddings: NDArray[np.float16]) -> NDArray[np.float32]:
    """Return sign(x) * sqrt(|x|) of each value, as float32: it makes sparse, heavy-tailed features more even."""
    values = embeddings.astype(np.float32)
    return np.asarray(np.sign(values) * np.sqrt(np.abs(values)), np.float32)
