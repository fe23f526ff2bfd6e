"""Twins: classes that cannot be distinguished, such as two names for one thing after a wrong button."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edge_cls.learning.gaussian_process import GaussianProcess

Array = NDArray[np.float64]
Groups = Sequence[NDArray[np.intp]]

CLEARLY = 0.2
"""Difference of the logarithms of familiarity by which the views of a twin must be more familiar than another view of
the class itself is: they show the views that were taught."""
ENOUGH_VIEWS = 3
"""Views of both classes from which `CLEARLY` is asked for: fewer say little about how a class looks."""
SAME_FRAME = 0.5
"""Logarithm of the familiarity of a frame that was taught almost alike: the reference for classes of one example."""


def one_class_each(process: GaussianProcess, views: Groups) -> NDArray[np.intp]:
    """Return a number for each class, from 0 on, (classes,); twins have the same.

    A class is the twin of another if its examples, left out with their whole class, are as familiar with the other
    class as frames of the same view are. `views`: the indices of the examples, grouped by views of one class.
    """
    members = process.members
    count = members.shape[1]
    numbers = np.arange(count)
    if count == 1:
        return numbers
    classes = [np.flatnonzero(of_class) for of_class in members.T]
    with_others = process.left_out(classes)
    own, counts = _own_level(process, classes, views)
    for label, rows in enumerate(classes):
        shown = np.median(with_others[rows], axis=0)
        for other in range(count):
            reference = next((level for level in own[[other, label]] if np.isfinite(level)), SAME_FRAME)
            clearly = CLEARLY if min(counts[label], counts[other]) >= ENOUGH_VIEWS else 0.0
            if other != label and shown[other] >= reference + clearly:
                numbers[numbers == numbers[label]] = numbers[other]
    return np.unique(numbers, return_inverse=True)[1].astype(np.intp)


def joined_views(views: Groups, targets: NDArray[np.intp], numbers: NDArray[np.intp]) -> list[NDArray[np.intp]]:
    """Return `views` with those of twins as one, if each of the twins has just one view.

    `targets`: the class of each example, from 0 on, (n,). `numbers`: those of `one_class_each`.
    """
    joined = []
    for number in range(numbers.max() + 1):
        of_class = [view for view in views if numbers[targets[view[0]]] == number]
        alone = len(of_class) == np.count_nonzero(numbers == number)
        joined += [np.concatenate(of_class)] if alone else of_class
    return joined


def _own_level(process: GaussianProcess, classes: Sequence[NDArray[np.intp]], views: Groups) -> tuple[Array, Array]:
    """Return how familiar the left-out examples of each class are with it, and the number of its views.

    That is the median of its views, each left out; of its frames, if it has one view; inf if it has one example.
    """
    members = process.members
    rows, own = np.arange(len(members)), members.argmax(axis=1)
    by_view = process.left_out(views)[rows, own]
    alone = process.left_out([np.array([row]) for row in rows])[rows, own]
    counts = members[[view[0] for view in views]].sum(axis=0)
    levels = [np.median(np.where(counts[own] > 1, by_view, alone)[examples]) for examples in classes]
    return np.where([len(examples) > 1 for examples in classes], levels, np.inf), counts
