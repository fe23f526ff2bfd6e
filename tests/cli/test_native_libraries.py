"""A process that runs a model leaves the processors to the interpreter, and its children their surroundings."""

from __future__ import annotations

import subprocess
import sys

import pytest

SCRIPT = """
import os
from edge_cls.cli.native_libraries import spare_the_interpreter
spare_the_interpreter()
import numpy as np
np.ones((600, 600)) @ np.ones((600, 600))
print(os.environ.get("OPENBLAS_NUM_THREADS"), len(os.listdir("/proc/self/task")))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="threads are counted in /proc")
def test_matrices_are_multiplied_in_one_thread_and_children_do_not_inherit_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["None", "1"]


def test_a_value_of_the_user_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "2")
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    assert done.stdout.split()[0] == "2"
