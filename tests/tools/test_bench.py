"""`edge-cls bench memory` runs, and tells whether what was found is right."""

from __future__ import annotations

import json

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_cls.learning.vectors import Vectors
from tests.commands import EdgeCls, good

pytest.importorskip("faiss", reason="faiss-cpu, a development dependency, is what the bench compares with")


SMALL = ("--stored", "10,30", "--dim", "64", "--rounds", "2")


def test_the_command_prints_a_row_for_each_size(edge_cls: EdgeCls) -> None:
    tables = json.loads(good(edge_cls("bench", "memory", "--examples", "20,300", *SMALL, "--json")))
    assert [row["examples"] for row in tables["search"]] == [20, 300]
    assert all(row["identical"] and min(row[key] for key in row if "_to_" in key) > 0 for row in tables["search"])
    assert [row["examples"] for row in tables["store"]] == [10, 30]
    assert all(row["disk"] > 1 and row["load"] > 1 and row["follow_reads"] in (0, None) for row in tables["store"])
    text = good(edge_cls("bench", "memory", "--examples", "20", *SMALL)).splitlines()
    assert [line.split()[0] for line in text] == ["examples", "20", "stored", "10", "30"]
    assert text[1].split()[-2] == "yes"


def test_wrong_neighbours_are_told(edge_cls: EdgeCls, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(self: Vectors, query: NDArray[np.float32], count: int) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
        rows = np.arange(count)
        return rows, self.cosines(query)[rows]

    monkeypatch.setattr(Vectors, "nearest", wrong)
    done = good(edge_cls("bench", "memory", "--examples", "300", *SMALL, "--json"))
    assert json.loads(done)["search"][0]["identical"] is False


@pytest.mark.parametrize("option", ["--examples", "--stored"])
@pytest.mark.parametrize("counts", ["", "many", "100,3"])
def test_sizes_that_make_no_sense_are_refused(edge_cls: EdgeCls, option: str, counts: str) -> None:
    done = edge_cls("bench", "memory", option, counts)
    assert (done.returncode, done.stdout) == (78, "")
    assert done.stderr.startswith(f"error: {option}")
