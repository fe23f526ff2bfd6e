"""Follows the changes that other processes make to the memory, and retries if it cannot be read."""

from __future__ import annotations

import logging

from edge_cls.classifier import Classifier
from edge_cls.errors import LabelError, MemoryFileError
from edge_cls.memory.database import DamagedFile
from edge_cls.runtime.ports import Clock

log = logging.getLogger(__name__)

_FIRST_RETRY_S, _LONGEST_RETRY_S = 1.0, 30.0
"""Seconds between two attempts to read a memory that cannot be read; doubled after each failed attempt."""


class MemoryFollower:
    """Reloads the memory of a classifier if another process has changed it. Used by one thread.

    A damaged memory is repaired. If the memory cannot be read, the classifier keeps the examples that it has, the
    failure is logged once, and reading is tried again after 1 s, then after twice as long, up to 30 s.
    """

    def __init__(self, clock: Clock) -> None:
        self.problem: str | None = None
        """Why the memory cannot be read, one line for a person; None if it can."""
        self._clock = clock
        self._retry_at, self._retry_after = 0.0, _FIRST_RETRY_S

    def follow(self, classifier: Classifier) -> None:
        """Reload the changes of the memory of `classifier`, unless a failed attempt was too short a time ago."""
        now = self._clock.monotonic()
        if self.problem is not None and now < self._retry_at:
            return
        try:
            _reload(classifier)
        except (MemoryFileError, LabelError) as error:
            if self.problem is None:
                log.warning("%s; the classifier keeps the examples that it has", error)
            self.problem = str(error)
            self._retry_at = now + self._retry_after
            self._retry_after = min(2 * self._retry_after, _LONGEST_RETRY_S)
        else:
            if self.problem is not None:
                log.info("the memory can be read again")
            self.problem, self._retry_after = None, _FIRST_RETRY_S


def _reload(classifier: Classifier) -> None:
    try:
        classifier.reload_changes()
    except DamagedFile as error:
        log.error("%s", error)
        if classifier.memory is not None:
            classifier.memory.repair()
            log.warning("%s", classifier.memory.recovered)
        classifier.reload_changes()
