"""Fits the heads in a background thread, so that classification is not delayed."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import replace

from edge_cls.core.quantization import QuantizedVector
from edge_cls.learning.learner import HeadPrediction, Learner

_CLOSE_TIMEOUT_S = 1.0
"""Seconds that `close` waits for the thread."""


class BackgroundLearner:
    """Predicts with a copy of `learner` that a background thread has fitted, while it fits the next copy.

    The learner itself is always current; change it only inside `with background.changing()`. Predictions use a change
    once the thread has fitted it; several changes in the meantime are fitted together. A class that has been removed is
    no longer predicted, at once. The first prediction waits until the examples known at the start are fitted. All
    methods are for one thread.
    """

    def __init__(self, learner: Learner) -> None:
        self._learner = learner
        self._ready = None if len(learner) else learner.copy()
        self._changes = 1
        self._ready_changes = 0  # the number of changes that `_ready` includes
        self._failure: BaseException | None = None
        self._closed = False
        self._condition = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="learn", daemon=True)
        self._thread.start()

    @contextlib.contextmanager
    def changing(self) -> Iterator[None]:
        """Allow changes of the learner in this block, and fit it in the background afterwards."""
        with self._condition:
            try:
                yield
            finally:
                self._changes += 1
                self._condition.notify_all()

    def predict(self, embedding: QuantizedVector) -> HeadPrediction:
        """Return the prediction for `embedding` by the last fitted copy. Raises the exception that ended the thread."""
        with self._condition:
            self._condition.wait_for(lambda: self._ready is not None or self._stopped)
            self._raise_failure()
            ready, behind = self._ready, self._ready_changes < self._changes
        if ready is None:  # closed before the first copy was fitted
            return self._learner.predict(embedding)
        prediction = ready.predict(embedding)
        return _without_removed(prediction, self._learner) if behind else prediction

    def settle(self) -> None:
        """Wait until predictions use all changes. Raises the exception that ended the thread."""
        with self._condition:
            self._condition.wait_for(lambda: self._ready_changes == self._changes or self._stopped)
            self._raise_failure()

    def close(self) -> None:
        """End the thread. If a fit takes longer than a second, it ends with the process. Closing twice is safe."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()
        self._thread.join(_CLOSE_TIMEOUT_S)

    @property
    def _stopped(self) -> bool:
        return self._closed or self._failure is not None

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        try:
            while (copied := self._copy()) is not None:
                changes, prepared = copied
                prepared.prepare()
                with self._condition:
                    self._ready, self._ready_changes = prepared, changes
                    self._condition.notify_all()
        except BaseException as error:  # noqa: BLE001 - it is raised again by `predict` and `settle`
            with self._condition:
                self._failure = error
                self._condition.notify_all()

    def _copy(self) -> tuple[int, Learner] | None:
        """Wait for a change, and return the number of changes and a copy of the learner; None once closed."""
        with self._condition:
            self._condition.wait_for(lambda: self._ready_changes < self._changes or self._closed)
            return None if self._closed else (self._changes, self._learner.copy())


def _without_removed(prediction: HeadPrediction, learner: Learner) -> HeadPrediction:
    """Return `prediction` without the examples and classes that `learner` no longer has.

    It is unknown if the best class is one of those.
    """
    prediction = replace(prediction, nearest=tuple(one for one in prediction.nearest if one.id in learner))
    known = learner.classes()
    scores = {label: score for label, score in prediction.scores.items() if label in known}
    if len(scores) == len(prediction.scores):
        return prediction
    best = max(prediction.scores, key=prediction.scores.__getitem__)
    return replace(prediction, scores=scores, known=prediction.known if best in known else 0.0)
