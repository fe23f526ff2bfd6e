"""To study beside the frames: what was taught is worked out in a thread of its own."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import replace

from edge_cls.core.quantization import QuantizedVector
from edge_cls.learning.learner import HeadPrediction, Learner

_CLOSE_TIMEOUT_S = 1.0


class BackgroundLearner:
    """Judges by a copy of `learner` that was prepared in a thread of its own, while the next copy is being prepared.

    The learner is always current; all that changes it is done `with study.changing()`. Judgements follow as soon as
    the thread has caught up, and however many changes came meanwhile, one more round catches up with all. A class that
    is no longer taught is not judged any more at once, and where nothing was studied yet, the first judgement waits.
    All but the thread's own work is for one thread.
    """

    def __init__(self, learner: Learner) -> None:
        self._learner = learner
        self._judging = None if len(learner) else learner.copy()
        self._taught = 1  # how many changes there were, and how many of them `_judging` knows
        self._studied = 0
        self._failure: BaseException | None = None
        self._closed = False
        self._turn = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="study", daemon=True)
        self._thread.start()

    @contextlib.contextmanager
    def changing(self) -> Iterator[None]:
        """Let the learner be changed within, and study it afterwards."""
        with self._turn:
            try:
                yield
            finally:
                self._taught += 1
                self._turn.notify_all()

    def predict(self, embedding: QuantizedVector) -> HeadPrediction:
        """Return what `embedding` is taken for by what was studied. Raises what went wrong in the thread."""
        with self._turn:
            self._turn.wait_for(lambda: self._judging is not None or self._over)
            self._check()
            judging, behind = self._judging, self._studied < self._taught
        if judging is None:  # closed before its first round
            return self._learner.predict(embedding)
        prediction = judging.predict(embedding)
        return _without_forgotten(prediction, self._learner) if behind else prediction

    def settle(self) -> None:
        """Return once judgements come from all that was taught. Raises what went wrong in the thread."""
        with self._turn:
            self._turn.wait_for(lambda: self._studied == self._taught or self._over)
            self._check()

    def close(self) -> None:
        """End the thread. A round that is not done in a second ends with the process. Closing twice is safe."""
        with self._turn:
            self._closed = True
            self._turn.notify_all()
        self._thread.join(_CLOSE_TIMEOUT_S)

    @property
    def _over(self) -> bool:
        return self._closed or self._failure is not None

    def _check(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        try:
            while (copied := self._copy()) is not None:
                taught, judging = copied
                judging.prepare()
                with self._turn:
                    self._judging, self._studied = judging, taught
                    self._turn.notify_all()
        except BaseException as error:  # noqa: BLE001 - it is raised again in the thread that judges
            with self._turn:
                self._failure = error
                self._turn.notify_all()

    def _copy(self) -> tuple[int, Learner] | None:
        """Return how many changes there were, once there is a new one, and a copy that knows them; None at the end."""
        with self._turn:
            self._turn.wait_for(lambda: self._studied < self._taught or self._closed)
            return None if self._closed else (self._taught, self._learner.copy())


def _without_forgotten(prediction: HeadPrediction, learner: Learner) -> HeadPrediction:
    """Return `prediction` without the classes that `learner` has not: what was taken for one of them is unknown."""
    known = learner.classes()
    scores = {label: score for label, score in prediction.scores.items() if label in known}
    if len(scores) == len(prediction.scores):
        return prediction
    best = max(prediction.scores, key=prediction.scores.__getitem__)
    return replace(prediction, scores=scores, unknown=prediction.unknown or best not in known)
