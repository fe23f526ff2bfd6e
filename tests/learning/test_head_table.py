"""The table of heads is the only place that knows which heads exist."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from edge_cls.core.labeled_embedding import LabeledEmbedding
from edge_cls.core.quantization import QuantizedVector
from edge_cls.errors import ConfigError, LabelError
from edge_cls.learning.heads.examples import Examples, Query
from edge_cls.learning.heads.head import Scores
from edge_cls.learning.heads.names import HEAD_NAMES
from edge_cls.learning.heads.table import AUTO, HEADS, NO_SETTING, HeadSpec, plans
from edge_cls.learning.learner import Learner


class Always:
    """A head that predicts its last class."""

    def __init__(self, examples: Examples) -> None:
        self._examples = examples

    def fit(self) -> None: ...

    def add(self) -> None: ...

    def remove(self, index: int) -> None: ...

    def predict(self, query: Query) -> Scores:
        return np.arange(len(self._examples.classes), dtype=np.float64)

    def leave_one_out(self) -> Scores:
        return np.tile(np.arange(len(self._examples.classes), dtype=np.float64), (len(self._examples), 1))


class AlwaysNumber(Always):
    """A regression that predicts 42."""

    def value(self, query: Query) -> float:
        return 42.0


def labeled(number: int, label: str) -> LabeledEmbedding:
    values = np.zeros(8, np.int8)
    values[number % 8] = 100
    return LabeledEmbedding(str(number), label, QuantizedVector(values, 1.0, 0))


def test_the_names_are_those_of_the_table() -> None:
    assert (AUTO, *HEADS) == HEAD_NAMES
    assert [row.name for row in HEADS.values()] == list(HEADS)


def test_the_names_are_readable_without_numpy() -> None:
    code = "import sys, edge_cls.learning.heads.names; print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize("row", HEADS.values(), ids=HEADS)
def test_a_row_describes_its_head(row: HeadSpec) -> None:
    examples = Examples()
    for number, label in enumerate("112"):
        examples.append(labeled(number, label).embedding, label)
    (plan,) = plans(row.name)
    head = plan.make(examples, 0.5)
    assert hasattr(head, "value") == row.is_regression
    assert head.predict(examples.query(np.ones(8, np.float32))).shape == (2,)
    assert str(plan).startswith(row.name)
    assert "{" not in str(plan)


def test_a_new_head_is_one_class_and_one_row(monkeypatch: pytest.MonkeyPatch) -> None:
    row = HeadSpec("always", lambda examples, *_: Always(examples), tried=(NO_SETTING,))
    monkeypatch.setitem(HEADS, row.name, row)
    learner = Learner(head="always")
    learner.fit(labeled(number, label) for number, label in enumerate("aabb"))
    scores = learner.predict(labeled(0, "a").embedding).scores
    choice = learner.choice()
    assert scores["b"] > scores["a"]
    assert choice is not None
    assert (choice.plan.head, choice.reason) == ("always", "always was asked for")
    learner = Learner(head=AUTO)
    learner.fit(labeled(number, label) for number, label in enumerate("aabb"))
    choice = learner.choice()
    assert choice is not None
    assert "always" in {str(one.plan) for one in choice.candidates}
    with pytest.raises(ConfigError, match=r"there is no head 'best'; use one of auto, ridge, .*, always"):
        Learner(head="best")


def test_a_new_regression_is_one_class_and_one_row(monkeypatch: pytest.MonkeyPatch) -> None:
    row = HeadSpec("always-number", lambda examples, *_: AlwaysNumber(examples), is_regression=True)
    monkeypatch.setitem(HEADS, row.name, row)
    learner = Learner(head=row.name)
    learner.fit([labeled(0, "1"), labeled(1, "2")])
    assert learner.predict(labeled(0, "1").embedding).value == 42
    with pytest.raises(LabelError, match="the label 'red' is not a number"):
        learner.add(labeled(2, "red"))
    assert row.name not in {plan.head for plan in plans(AUTO)}
