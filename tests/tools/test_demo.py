"""The demonstration runs the whole workflow and reports its figures."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from tests.commands import COMMAND

pytestmark = pytest.mark.slow


def test_the_demo_trains_teaches_streams_and_reports(tmp_path: Path) -> None:
    done = subprocess.run(
        [COMMAND, "--quiet", "demo", "--out", str(tmp_path / "out")],
        env=os.environ | {"XDG_CACHE_HOME": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert set(summary) == {
        "float_accuracy",
        "int8_accuracy",
        "agreement",
        "model_bytes",
        "taught_classes",
        "stream_accuracy",
        "unknown_rejected",
        "frames",
        "fps",
    }
    assert summary["int8_accuracy"] >= 0.93
    assert summary["agreement"] >= 0.93
    assert summary["taught_classes"] == ["astronaut", "cat", "coffee", "rocket"]
    assert summary["frames"] == 4 * 60 + 8 * 30
    assert summary["stream_accuracy"] >= 0.95
    assert summary["unknown_rejected"] >= 0.9
    assert summary["model_bytes"] == (tmp_path / "out" / "digits.tflite").stat().st_size
    with Image.open(tmp_path / "out" / "contact-sheet.png") as sheet:
        assert min(sheet.size) > 500
