"""The benchmarks for development run on tiny inputs, and report wrong search results."""

from __future__ import annotations

import json
import re
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import typer
from numpy.typing import NDArray
from typer.testing import CliRunner

from edge_cls.images.reading import encode_png
from edge_cls.learning.vectors import Vectors
from tests.commands import EdgeCls, good

SMALL = ("--stored", "10,30", "--dim", "64", "--rounds", "2")


def run(script: str, *arguments: str) -> tuple[int, str, str]:
    """Return the exit code, stdout and stderr of a script of tools/benchmarks."""
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.command()(import_module(f"benchmarks.{script}").main)
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def needs_faiss() -> None:
    pytest.importorskip("faiss", reason="faiss-cpu, a development dependency, is one of the compared libraries")


@pytest.mark.usefixtures("needs_faiss")
def test_the_memory_benchmark_prints_a_row_for_each_size() -> None:
    code, out, _ = run("memory", "--examples", "20,300", *SMALL, "--json")
    assert code == 0
    tables = json.loads(out)
    assert [row["examples"] for row in tables["search"]] == [20, 300]
    assert all(row["identical"] and min(row[key] for key in row if "_to_" in key) > 0 for row in tables["search"])
    assert [row["examples"] for row in tables["store"]] == [10, 30]
    assert all(row["disk"] > 1 and row["load"] > 1 and row["poll_bytes"] in (0, None) for row in tables["store"])
    text = run("memory", "--examples", "20", *SMALL)[1].splitlines()
    assert [line.split()[0] for line in text] == ["examples", "20", "stored", "10", "30"]
    assert text[1].split()[-2] == "yes"


@pytest.mark.usefixtures("needs_faiss")
def test_the_memory_benchmark_reports_wrong_neighbours(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(self: Vectors, query: NDArray[np.float32], count: int) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
        rows = np.arange(count)
        return rows, self.cosines(query)[rows]

    monkeypatch.setattr(Vectors, "nearest", wrong)
    code, out, _ = run("memory", "--examples", "300", *SMALL, "--json")
    assert (code, json.loads(out)["search"][0]["identical"]) == (0, False)


@pytest.mark.usefixtures("needs_faiss")
@pytest.mark.parametrize("option", ["--examples", "--stored"])
@pytest.mark.parametrize("counts", ["", "many", "100,3"])
def test_the_memory_benchmark_refuses_invalid_sizes(option: str, counts: str) -> None:
    code, out, err = run("memory", option, counts)
    assert (code, out) == (2, "")
    assert option in err
    assert "not a list of integers of at least 10" in err


@pytest.mark.parametrize(
    "script",
    ["accuracy_table", "distillation_table", "fixed_camera", "imagenet_agreement", "invoke_ratio", "open_set_table"],
)
def test_every_other_script_has_help(script: str) -> None:
    code, out, _ = run(script, "--help")
    assert code == 0
    assert "Print " in out


def test_no_benchmark_for_development_is_a_command(edge_cls: EdgeCls) -> None:
    assert "--examples" in good(edge_cls("bench", "--help"))
    commands = {line.split()[0] for line in good(edge_cls("--help")).splitlines() if line.startswith("  ")}
    assert "bench" in commands
    assert "bench.memory" not in commands


def test_the_fidelity_of_lite0_is_measured_on_labelled_photos(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    for number in range(3):
        pixels = np.random.default_rng(number).integers(0, 256, (40, 50, 3), np.uint8)
        (tmp_path / "images" / f"{number}.png").write_bytes(encode_png(pixels))
    (tmp_path / "labels.csv").write_text("file,index0_999\n" + "".join(f"{number}.png,5\n" for number in range(3)))
    code, out, _ = run("lite0_fidelity", str(tmp_path), "--sizes", "128", "--skip", "1")
    assert code == 0
    assert re.fullmatch(r"128 px, 2 photos: SQNR \d+\.\d\d dB, top-1 float .*%, int8 .*%, agreement .*%\n", out)


def test_the_codec_of_banks_is_compared_with_others(tiny: Path, tmp_path: Path) -> None:
    for number in range(40):
        picture = np.random.default_rng(number).integers(0, 256, (16, 16, 3), np.uint8)
        (tmp_path / f"{number:02}.png").write_bytes(encode_png(picture))
    code, out, _ = run("bank_codec", str(tmp_path), str(tiny), "--trials", "2")
    rows = [line.removeprefix(str(tiny)).split() for line in out.splitlines()[1:]]
    assert code == 0
    assert [row[0] for row in rows] == ["4", "2", "Bank.encode", "exact"]
    assert [float(row[-5]) for row in rows][-1] == 1
    assert float(rows[2][-5]) > float(rows[1][-5])
