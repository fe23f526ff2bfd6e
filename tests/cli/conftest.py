"""The command as a user types it, in a folder of photos, models and things that only look like them."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from edge_cls.images.reading import encode_jpeg
from edge_cls.memory.store import Memory
from tests import toy_model
from tests.colors import color_frame, write_colors
from tests.commands import EdgeCls
from tests.examples import teach
from tests.video import write_video


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
        teach(memory)
    return folder


@pytest.fixture
def edge_cls(edge_cls: EdgeCls, folder: Path, monkeypatch: pytest.MonkeyPatch) -> EdgeCls:
    """Runs the command in the folder."""
    monkeypatch.chdir(folder)
    return edge_cls
