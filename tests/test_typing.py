"""A project that uses edge-cls sees its types, because the package is marked as typed (PEP 561)."""

from __future__ import annotations

import re
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

import edge_cls

PROGRAM = """\
from edge_cls import Classifier, Prediction, Score, __version__

with Classifier(memory="taught.db") as classifier:
    reveal_type(classifier)
    reveal_type(classifier.taught())
reveal_type(Classifier.classify)
reveal_type(Prediction.label)
reveal_type(Score.score)
reveal_type(__version__)
Classifier(memory=7)
"""


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """An environment of its own, in which this edge-cls and its libraries are installed."""
    venv.create(tmp_path / "venv", symlinks=True)
    (site,) = (tmp_path / "venv").glob("lib/python*/site-packages")
    (site / "edge_cls.pth").write_text(f"{Path(edge_cls.__file__).parents[1]}\n{sysconfig.get_path('purelib')}\n")
    return tmp_path / "venv" / "bin" / "python"


@pytest.mark.slow
def test_a_strict_project_sees_the_types_of_the_public_names(tmp_path: Path, python: Path) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "program.py").write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--python-executable", python, "program.py"],
        cwd=tmp_path / "project",
        env={"PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    revealed = re.findall(r'^program\.py:\d+: note: Revealed type is "(.*)"$', done.stdout, re.MULTILINE)
    classifier, taught, classify, label, score, version = (kind.replace("builtins.", "") for kind in revealed)
    assert classifier == "edge_cls.classifier.Classifier"
    assert classify.startswith("def (self: edge_cls.classifier.Classifier, frame: numpy.ndarray[")
    assert classify.endswith("-> edge_cls.prediction.Prediction")
    assert label == "def (self: edge_cls.prediction.Prediction) -> str | None"
    assert (taught, score, version) == ("dict[str, int]", "float", "str")
    errors = [line for line in done.stdout.splitlines() if ": error: " in line]
    assert len(errors) == 1, done.stdout
    assert '"memory" to "Classifier" has incompatible type "int"' in errors[0]
