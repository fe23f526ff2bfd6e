"""Photos that do not look like their class, or like anything else in the set: judged on embeddings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression

from edge_cls.core.unit_vectors import unit_rows
from edge_cls_tools.backbones.embedding_cache import Embeddings

FOLDS = 5
MIN_RATIO = 20.0
"""How many times more probable than the given class another one must be."""
_DIMENSIONS = 128
_NEIGHBOURS = 3
_FAR = 3.0
_BLOCK = 1024


@dataclass(frozen=True)
class Suspicion:
    """Photo `index` is probably of class `suggested`; the two probabilities are those of a model that never saw it."""

    index: int
    suggested: int
    given_probability: float
    suggested_probability: float


def suspected_labels(
    embeddings: Embeddings, labels: NDArray[np.intp], groups: NDArray[np.intp], advance: Callable[[int], None]
) -> list[Suspicion]:
    """Return the photos whose label is probably wrong, the surest first.

    Each photo is judged by a logistic regression on the others, by which near duplicates, of the same number in
    `groups`, are left out too. Suspected is, after confident learning (Northcutt, Jiang and Chuang, Journal of
    Artificial Intelligence Research 70, 2021), who is less probable as its class than the photos of that class are on
    average, while another class, the most probable, reaches the average of its own; and, so that a person who looks at
    them finds more faults than false alarms, MIN_RATIO times more probable. Classes of fewer than FOLDS groups are not
    judged. `advance` counts the folds done, FOLDS in all.
    """
    folds = _folds(labels, groups)
    judged = np.flatnonzero(folds >= 0)
    classes, given = np.unique(labels[judged], return_inverse=True)
    if len(classes) < 2:
        return []
    vectors = unit_rows(embeddings)[judged]
    vectors = PCA(min(_DIMENSIONS, *vectors.shape), random_state=0).fit_transform(vectors)
    probability = np.zeros((len(judged), len(classes)))
    for fold in range(FOLDS):
        out = folds[judged] == fold
        model = LogisticRegression(C=10.0, tol=1e-3, max_iter=500).fit(vectors[~out], given[~out])
        probability[out] = model.predict_proba(vectors[out])
        advance(1)
    rows = np.arange(len(judged))
    own = probability[rows, given]
    confidence = np.array([own[given == index].mean() for index in range(len(classes))])
    best = probability.argmax(axis=1)
    other = probability[rows, best]
    wrong = (own < confidence[given]) & (other >= confidence[best]) & (other >= MIN_RATIO * own)
    chosen = sorted(np.flatnonzero(wrong), key=lambda row: float(own[row] - other[row]))
    return [Suspicion(int(judged[i]), int(classes[best[i]]), float(own[i]), float(other[i])) for i in chosen]


def _folds(labels: NDArray[np.intp], groups: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the fold of each photo: the groups of a class are dealt out in turn; -1 for classes too small for that."""
    folds = np.full(len(labels), -1)
    order = np.random.default_rng(0).permutation(groups.max(initial=-1) + 1)
    _, first = np.unique(groups, return_index=True)
    label_of_group = labels[first]
    for label in np.unique(label_of_group):
        members = order[label_of_group[order] == label]
        if len(members) >= FOLDS:
            fold_of_group = np.full(len(order), -1)
            fold_of_group[members] = np.arange(len(members)) % FOLDS
            folds = np.maximum(folds, fold_of_group[groups])
    # A class may also stand in other classes' groups only; it then has no photo to learn from in some fold.
    whole = [label for label in np.unique(labels) if len(np.unique(folds[(labels == label) & (folds >= 0)])) == FOLDS]
    return np.where(np.isin(labels, whole), folds, -1)


def outliers(embeddings: Embeddings) -> list[tuple[int, float]]:
    """Return the photos far from all others, with their cosine distance to the third nearest, the farthest first.

    Far is more than three times the usual spread (the median absolute deviation, scaled as for a normal distribution)
    above the median of these distances.
    """
    if len(embeddings) <= _NEIGHBOURS:
        return []
    vectors = unit_rows(embeddings)
    distance = np.empty(len(vectors))
    for start in range(0, len(vectors), _BLOCK):
        cosine = vectors[start : start + _BLOCK] @ vectors.T
        # The nearest of all is the photo itself.
        distance[start : start + _BLOCK] = 1 - np.partition(cosine, -_NEIGHBOURS - 1, axis=1)[:, -_NEIGHBOURS - 1]
    median = np.median(distance)
    limit = median + _FAR * 1.4826 * np.median(np.abs(distance - median))
    far = np.flatnonzero(distance > max(limit, 1e-3))
    return [(int(i), float(distance[i])) for i in far[np.argsort(-distance[far])]]
