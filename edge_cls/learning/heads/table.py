"""The table of heads: one row per head. Selection, the learner, help texts and configuration all read it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from edge_cls.errors import ConfigError
from edge_cls.learning.heads.centroid import Centroid
from edge_cls.learning.heads.examples import Examples
from edge_cls.learning.heads.head import Head
from edge_cls.learning.heads.knn import KNN
from edge_cls.learning.heads.regression import KNNRegression
from edge_cls.learning.heads.ridge import STRENGTH, Ridge
from edge_cls.learning.vectors import Metric

AUTO = "auto"
"""The name that lets `selection.choose` compare the heads instead of asking for one of them."""
NO_SETTING = 0.0
"""The value of the hyperparameter of a head that has none."""
Make = Callable[[Examples, float, float], Head]
"""Makes a head from the examples, the value of its hyperparameter and `unknown_distance` (see `Ridge`)."""


@dataclass(frozen=True)
class HeadSpec:
    """One row of `HEADS`.

    `setting` formats the hyperparameter, and is empty if the head has none. `default` is its value if the head is asked
    for by name; `tried` are the values that `auto` compares, and is empty if `auto` never uses the head. `temperature`
    is the calibration temperature to expect of the head's scores. `is_regression`: labels must be numbers, and `make`
    returns a `RegressionHead`.
    """

    name: str
    make: Make
    setting: str = ""
    default: float = NO_SETTING
    tried: tuple[float, ...] = ()
    temperature: float = 1.0
    is_regression: bool = False


@dataclass(frozen=True)
class Plan:
    """A head, by its name in `HEADS`, with the value of its hyperparameter."""

    head: str
    setting: float = NO_SETTING

    def __str__(self) -> str:
        setting = HEADS[self.head].setting
        return f"{self.head} of {setting.format(self.setting)}" if setting else self.head

    @property
    def temperature(self) -> float:
        """The calibration temperature to expect of the head's scores."""
        return HEADS[self.head].temperature

    def make(self, examples: Examples, unknown_distance: float) -> Head:
        """Return the head, fitted to `examples`."""
        head = HEADS[self.head].make(examples, self.setting, unknown_distance)
        head.fit()
        return head


def _knn(metric: Metric) -> Make:
    return lambda examples, k, _: KNN(examples, int(k), metric)


_K = "k = {:g}"
_ROWS = (
    HeadSpec("ridge", Ridge, "strength {:g}", STRENGTH, tried=(STRENGTH, 0.03, 0.2, 0.4), temperature=0.12),
    HeadSpec("centroid", lambda examples, *_: Centroid(examples), tried=(NO_SETTING,), temperature=0.1),
    HeadSpec("knn", _knn("cosine"), _K, 3, tried=(1, 3, 7)),
    HeadSpec("knn-euclidean", _knn("euclidean"), _K, 3, tried=(1, 3, 7)),
    HeadSpec("knn-manhattan", _knn("manhattan"), _K, 3, tried=(1, 3, 7)),
    HeadSpec("knn-regression", lambda examples, k, _: KNNRegression(examples, int(k)), _K, 3, is_regression=True),
)
HEADS: dict[str, HeadSpec] = {row.name: row for row in _ROWS}
"""Every head by name. `names.HEAD_NAMES` lists the same names for modules that must not import numpy."""


def plans(name: str) -> tuple[Plan, ...]:
    """Return the plans that the head `name` may mean: one, or all that `auto` compares.

    Raises ConfigError if there is no such head.
    """
    if name == AUTO:
        return tuple(Plan(head.name, setting) for head in HEADS.values() for setting in head.tried)
    if name not in HEADS:
        raise ConfigError(f"there is no head {name!r}", hint=f"use one of {', '.join((AUTO, *HEADS))}")
    return (Plan(name, HEADS[name].default),)


def is_regression(name: str) -> bool:
    """Return whether the head `name` takes only numbers as labels."""
    return name in HEADS and HEADS[name].is_regression
