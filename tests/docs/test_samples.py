"""The samples of the README, the tutorials and the how-tos do what they say, on photographs.

Each line of a `bash` block is run in a folder of its page's own, in the order of the page. Lines of `sh` blocks need
hardware, root, a network or much time, and are not run.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import pytest
from PIL import Image

from _ext import command_reference
from edge_cls.classifier import Classifier
from edge_cls.model.backbones import expected_path
from edge_cls.model.names import DEFAULT
from edge_cls.sources.demo import VirtualCamera
from tests.commands import COMMAND, EdgeCls, good

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "README.md",
    *sorted((ROOT / "docs").glob("tutorials/*.md")),
    *sorted((ROOT / "docs").glob("howto/*.md")),
]
WALKED = list(command_reference.walk())
PREPARED = ("edge-cls train photos -o runs/photos", "edge-cls quantize runs/photos -o photos.tflite --max-drop 1.0")
"""Commands that take long and stand on several pages: they are run once, for all of them."""


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(), re.DOTALL)


def lines(page: Path) -> list[str]:
    return [line for block in blocks(page, "bash") for line in block.splitlines()]


def needs_workstation(page: Path) -> bool:
    commands = {line.split()[1] for line in lines(page) if "train --from-memory" not in line}
    return bool(commands & {"dataset", "edgetpu", "evaluate", "fewshot", "quantize", "train"}) or any(
        "photos.tflite" in line for line in lines(page)
    )


SAMPLED = [page for page in PAGES if lines(page)]
OF_WORKSTATION = [page for page in SAMPLED if needs_workstation(page)]
OF_DEVICE = [page for page in SAMPLED if not needs_workstation(page)]


def name(page: Path) -> str:
    return page.stem


@pytest.fixture(scope="module")
def things(tmp_path_factory: pytest.TempPathFactory, built_cache: Path) -> Path:
    """A folder with the files that the pages name: cups of coffee are the mugs, bricks the plants."""
    folder = tmp_path_factory.mktemp("things")
    camera = VirtualCamera(("coffee", "bricks", "cat"))
    for label, thing in (("mug", "coffee"), ("plant", "bricks")):
        (folder / "photos" / label).mkdir(parents=True)
        for moment in range(12):
            Image.fromarray(camera.view(thing, moment)).save(folder / "photos" / label / f"{moment}.jpg")
        for moment in (1, 2, 3):
            Image.fromarray(camera.view(thing, 20 + moment)).save(folder / f"{label}{moment}.jpg")
    Image.fromarray(camera.view("coffee", 30)).save(folder / "one.jpg")
    Image.fromarray(camera.view("cat", 30)).save(folder / "two.jpg")
    video = cv2.VideoWriter(str(folder / "clip.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 10, (320, 240))
    for moment in range(12):
        video.write(cv2.cvtColor(camera.view("bricks", 40 + moment), cv2.COLOR_RGB2BGR))
    video.release()
    backbone = expected_path(DEFAULT, cache=built_cache / "edge-cls" / "backbones")
    with Classifier(backbone, memory=folder / "taught.db") as classifier:
        for label, thing in (("mug", "coffee"), ("plant", "bricks")):
            for moment in (31, 32, 33):
                classifier.teach(label, camera.view(thing, moment))
    return folder


@pytest.fixture
def copy(things: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, built_cache: Path) -> Path:
    """The folder, for one page, and the working directory."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(built_cache))
    shutil.copytree(things, tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")
    return tmp_path / "copy"


@pytest.fixture(scope="module")
def trained(things: Path) -> Iterator[Path]:
    """The folder with the results of the long commands, and a cache of its own."""
    for line in PREPARED:
        run(line, things)
    yield things
    shutil.rmtree(things / "cache")


def run(line: str, folder: Path) -> str:
    """Run a line of a page as a shell would, and return its output. It must succeed without warnings."""
    environment = os.environ | {"XDG_CACHE_HOME": str(folder / "cache")}
    command = [COMMAND, *shlex.split(line)[1:]]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, warnings_in(done.stderr)) == (0, ""), line
    return done.stdout


def warnings_in(stderr: str) -> str:
    """Return the lines of stderr, without progress displays."""
    return "".join(line for line in stderr.splitlines(keepends=True) if "warning" in line or "error" in line)


@pytest.mark.usefixtures("copy")
@pytest.mark.parametrize("page", OF_DEVICE, ids=name)
def test_every_sample_for_the_device_works(edge_cls: EdgeCls, page: Path) -> None:
    for line in lines(page):
        assert good(edge_cls(*shlex.split(line)[1:])), line


@pytest.mark.slow
@pytest.mark.usefixtures("trained")
@pytest.mark.parametrize("page", OF_WORKSTATION, ids=name)
def test_every_sample_for_the_workstation_works(copy: Path, page: Path) -> None:
    for line in lines(page):
        if line not in PREPARED:
            assert run(line, copy), line


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "python")], ids=name)
def test_the_python_samples_recognise_a_mug(copy: Path, page: Path) -> None:
    (python,) = blocks(page, "python")
    done = subprocess.run([sys.executable, "-c", python], cwd=copy, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("mug ")
    assert done.stdout.endswith(" False\n")


def test_samples_are_commands_of_edge_cls_on_both_machines() -> None:
    assert all(line.startswith("edge-cls ") for page in SAMPLED for line in lines(page))
    assert [page.stem for page in OF_DEVICE] == [
        "teach", "backbones", "events", "memories", "model-of-a-memory", "reembed", "service"
    ]  # fmt: skip
    assert len(OF_WORKSTATION) >= 5


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_command_that_a_page_names_exists(page: Path) -> None:
    spans = re.findall(r"`(edge-cls [^`\n]*)`", page.read_text())
    code = "\n".join([*blocks(page, "bash"), *blocks(page, "sh"), *spans])
    named = set(re.findall(r"(?:edge-cls|\$E) ([a-z][a-z-]*)", code))
    assert named <= {context.command_path.split()[1] for _, context in WALKED[1:]}
