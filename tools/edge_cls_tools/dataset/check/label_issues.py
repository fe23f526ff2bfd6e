"""Photos whose label is probably wrong, and outliers, found in embeddings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression

from edge_cls.core.unit_vectors import unit_rows
from edge_cls_tools.linear_head import Embeddings

FOLDS = 5
"""Folds of the cross-validation."""
MIN_RATIO = 20.0
"""Least ratio of the probability of the suggested class to that of the given one."""
_DIMENSIONS = 128
"""Principal components of the embeddings that the classifier sees."""
_NEIGHBOURS = 3
"""An outlier is far from its neighbour of this rank."""
_FAR = 3.0
"""Robust standard deviations above the median distance from which on a photo is an outlier."""
_BLOCK = 1024
"""Photos that are compared with all others in one matrix product, which bounds the memory."""


@dataclass(frozen=True)
class LabelIssue:
    """Photo `index` probably shows class `suggested`; both probabilities, in [0, 1], come from a model without it."""

    index: int
    suggested: int
    given_probability: float
    suggested_probability: float


def find_label_issues(
    embeddings: Embeddings, labels: NDArray[np.intp], groups: NDArray[np.intp], advance: Callable[[int], None]
) -> list[LabelIssue]:
    """Return the photos whose label is probably wrong, the most certain first.

    Confident learning (Northcutt, Jiang and Chuang, Journal of Artificial Intelligence Research 70, 2021): a logistic
    regression predicts each photo after training on the other folds; near duplicates, which share a number in
    `groups`, are always in one fold. A label is suspected if its probability is below the mean of the photos with that
    label, while the most probable class reaches the mean of its own photos. In addition, that class must be MIN_RATIO
    times more probable, so that a person who looks at the results finds more wrong labels than false alarms.
    Classes with fewer than FOLDS groups are skipped. `advance` is called with the number of folds done, FOLDS in all.
    """
    folds = _folds(labels, groups)
    used = np.flatnonzero(folds >= 0)
    classes, given = np.unique(labels[used], return_inverse=True)
    if len(classes) < 2:
        return []
    vectors = unit_rows(embeddings)[used]
    vectors = PCA(min(_DIMENSIONS, *vectors.shape), random_state=0).fit_transform(vectors)
    probability = np.zeros((len(used), len(classes)))
    for fold in range(FOLDS):
        out = folds[used] == fold
        model = LogisticRegression(C=10.0, tol=1e-3, max_iter=500).fit(vectors[~out], given[~out])
        probability[out] = model.predict_proba(vectors[out])
        advance(1)
    rows = np.arange(len(used))
    own = probability[rows, given]
    confidence = np.array([own[given == index].mean() for index in range(len(classes))])
    best = probability.argmax(axis=1)
    other = probability[rows, best]
    wrong = (own < confidence[given]) & (other >= confidence[best]) & (other >= MIN_RATIO * own)
    chosen = sorted(np.flatnonzero(wrong), key=lambda row: float(own[row] - other[row]))
    return [LabelIssue(int(used[i]), int(classes[best[i]]), float(own[i]), float(other[i])) for i in chosen]


def _folds(labels: NDArray[np.intp], groups: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the fold of each photo: the groups of a class get the folds in turn; -1 if it has too few groups."""
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
    # All photos of a class may be in groups that count for other classes; some fold then has none to train on.
    usable = [label for label in np.unique(labels) if len(np.unique(folds[(labels == label) & (folds >= 0)])) == FOLDS]
    return np.where(np.isin(labels, usable), folds, -1)


def find_outliers(embeddings: Embeddings) -> list[tuple[int, float]]:
    """Return the photos far from all others, with their cosine distance to the third nearest, the farthest first.

    A photo is far if its distance exceeds the median of these distances by more than three times their spread (the
    median absolute deviation, scaled as for a normal distribution).
    """
    if len(embeddings) <= _NEIGHBOURS:
        return []
    vectors = unit_rows(embeddings)
    distance = np.empty(len(vectors))
    for start in range(0, len(vectors), _BLOCK):
        cosine = vectors[start : start + _BLOCK] @ vectors.T
        # The nearest is the photo itself, so that the third neighbour has rank 4.
        distance[start : start + _BLOCK] = 1 - np.partition(cosine, -_NEIGHBOURS - 1, axis=1)[:, -_NEIGHBOURS - 1]
    median = np.median(distance)
    limit = median + _FAR * 1.4826 * np.median(np.abs(distance - median))
    far = np.flatnonzero(distance > max(limit, 1e-3))
    return [(int(i), float(distance[i])) for i in far[np.argsort(-distance[far])]]
