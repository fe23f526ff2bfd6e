"""The samples of the README do what they say, on photographs."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import cv2
import pytest
from PIL import Image

from edge_cls.sources.demo import VirtualCamera
from tests.commands import COMMAND, EdgeCls

README = Path(__file__).parents[1] / "README.md"


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files that the README talks of: cups of coffee are the mugs, bricks the plants."""
    folder = tmp_path_factory.mktemp("readme")
    camera = VirtualCamera(("coffee", "bricks", "cat"))
    for label, name in (("mug", "coffee"), ("plant", "bricks")):
        (folder / "photos" / label).mkdir(parents=True)
        for moment in range(12):
            Image.fromarray(camera.view(name, moment)).save(folder / "photos" / label / f"{moment}.jpg")
        for moment in (1, 2, 3):
            Image.fromarray(camera.view(name, 20 + moment)).save(folder / f"{label}{moment}.jpg")
    Image.fromarray(camera.view("coffee", 30)).save(folder / "one.jpg")
    Image.fromarray(camera.view("cat", 30)).save(folder / "two.jpg")
    video = cv2.VideoWriter(str(folder / "clip.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 10, (320, 240))
    for moment in range(12):
        video.write(cv2.cvtColor(camera.view("bricks", 40 + moment), cv2.COLOR_RGB2BGR))
    video.release()
    return folder


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README.read_text(), re.DOTALL)


@pytest.mark.tensorflow
def test_every_command_and_the_python_of_the_readme_work(photos: Path) -> None:
    environment = os.environ | {"XDG_CACHE_HOME": str(photos / "cache")}
    lines = [line for block in blocks("bash") for line in block.splitlines()]
    assert len(lines) == 22
    outputs = {}
    for line in lines:
        command = [COMMAND, *shlex.split(line)[1:]]
        done = subprocess.run(command, cwd=photos, env=environment, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, ""), line
        outputs[line] = done.stdout
    stream = [json.loads(line) for line in outputs[next(line for line in lines if "--max-frames" in line)].splitlines()]
    assert [result["label"] for result in stream] == ["plant"] * 10
    (python,) = blocks("python")
    done = subprocess.run([sys.executable, "-c", python], cwd=photos, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("mug ")
    assert done.stdout.endswith(" False\n")


def test_every_command_that_the_readme_names_exists(edge_cls: EdgeCls) -> None:
    named = set(re.findall(r"edge-cls ([a-z-]+)", README.read_text()))
    shown = edge_cls("--help").stdout
    assert named - {"turns", "did"} <= set(re.findall(r"^  ([a-z-]+) ", shown, re.MULTILINE))
