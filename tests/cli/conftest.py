"""The command as a user types it, in a folder of photos, models and things that only look like them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from edge_cls.images import encode_jpeg
from edge_cls.memory.store import Memory
from tests import toy_model
from tests.colors import color_frame, write_colors
from tests.examples import example
from tests.video import write_video

COMMAND = str(Path(sys.executable).with_name("edge-cls"))
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory, tiny: Path) -> Path:
    """A folder of good and bad files. What a test writes has a name of its own."""
    folder = tmp_path_factory.mktemp("cli")
    write_colors(folder / "photos", count=2)
    for color in ("red", "green", "blue"):
        Image.fromarray(color_frame(color, seed=9)).save(folder / f"{color}.png")
    (folder / "empty").mkdir()
    (folder / "tiny.tflite").write_bytes(tiny.read_bytes())
    (folder / "cut.tflite").write_bytes(tiny.read_bytes()[:2000])
    toy_model.write_mean_color(folder / "mean.tflite")
    toy_model.write_failing(folder / "failing.tflite")
    (folder / "two.txt").write_text("one\ntwo\n")
    (folder / "three.txt").write_text("one\ntwo\nthree\n")
    for name in ("text.jpg", "text.tflite", "text.db", "text.avi"):
        (folder / name).write_text("nothing but text\n")
    (folder / "cut.jpg").write_bytes(encode_jpeg(color_frame("red", side=100))[:-500])
    Image.new("RGB", (1, 1)).save(folder / "pixel.png")
    write_video(folder / "red.avi", count=5)
    with Memory(folder / "other.db") as memory:
        memory.add(example())
    return folder


@pytest.fixture(scope="session")
def edge_cls(folder: Path) -> Run:
    """Runs the command in the folder."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([COMMAND, *arguments], cwd=folder, capture_output=True, text=True, check=False)

    return run
