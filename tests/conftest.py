"""Fixtures and settings of all tests."""

from __future__ import annotations

import gc
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import gpiozero
import pytest
from gpiozero.pins.mock import MockFactory
from hypothesis import HealthCheck, settings
from threadpoolctl import threadpool_limits

from edge_cls.cli import main
from edge_cls.model.backbones import backbone_path, expected_path
from edge_cls.model.names import DEFAULT
from tests.colors import color_frame
from tests.commands import Done, EdgeCls
from tests.file_server import FileServer
from tests.panels.pressers import PRESSERS, Presser
from tests.pins import WatchedPin
from tests.sources.mjpeg_server import MjpegServer

# Tests assert no durations, and a red run is caused by a change, not by other random numbers.
settings.register_profile(
    "all", deadline=None, derandomize=True, max_examples=60, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("sample", settings.get_profile("all"), max_examples=12)
settings.load_profile("all")


def pytest_configure(config: pytest.Config) -> None:
    """Let the fast tests, which leave the slow ones out, take a sample of the examples of each property."""
    if "not slow" in config.getoption("markexpr"):
        settings.load_profile("sample")


def pytest_collection_finish() -> None:
    """Fail if collecting has loaded TensorFlow, because the fast tests are collected with all others."""
    if "tensorflow" in sys.modules:
        raise pytest.UsageError(
            "TensorFlow was loaded while the tests were collected; import it inside the tests that use it"
        )
    # The loaded modules stay: if they are scanned at every garbage collection, the tests take a tenth longer.
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """Let linear algebra use one thread, because the matrices of tests are small and threads would only wait."""
    with threadpool_limits(1):
        yield


@pytest.fixture(autouse=True)
def no_tensorflow(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail if a test without the marker `tensorflow` loads it: that takes seconds, and not every machine has it."""
    allowed = "tensorflow" in sys.modules or request.node.get_closest_marker("tensorflow") is not None
    yield
    assert allowed or "tensorflow" not in sys.modules, "this test loads TensorFlow; mark it with `tensorflow`"


@pytest.fixture(scope="session")
def tiny() -> Path:
    """A real two-output int8 model of 32 x 32 pixels with the classes blue, green and red: data/make_models.py."""
    return Path(__file__).parent / "data" / "tiny.tflite"


@pytest.fixture(scope="session")
def built_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's cache folder in which the default backbone is built."""
    cache = tmp_path_factory.mktemp("cache")
    backbone_path(DEFAULT, cache=cache / "edge-cls" / "backbones")
    return cache


@pytest.fixture
def default_backbone(built_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The path of the default backbone, which commands find in the user's cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(built_cache))
    return expected_path(DEFAULT)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of published models, photos and videos that may stand beside the checkout."""
    folder = Path(__file__).parents[2] / "shared"
    if not folder.is_dir():
        pytest.skip(f"{folder} is absent: published models, photos and videos are not part of the repository")
    return folder


@pytest.fixture
def restored_log() -> Iterator[None]:
    """Leaves the log of later tests as it is."""
    root, ours = logging.getLogger(), logging.getLogger("edge_cls")
    handlers, levels = list(root.handlers), (root.level, ours.level)
    yield
    root.handlers = handlers
    root.setLevel(levels[0])
    ours.setLevel(levels[1])


@pytest.fixture
def edge_cls(capfd: pytest.CaptureFixture[str]) -> EdgeCls:
    """A function that runs the command in this process. The output of native libraries is captured as well."""

    def run(*arguments: str) -> Done:
        root, ours = logging.getLogger(), logging.getLogger("edge_cls")
        handlers, levels = list(root.handlers), (root.level, ours.level)
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        root.handlers = handlers
        root.setLevel(levels[0])
        ours.setLevel(levels[1])
        return Done(int(ended.value.code or 0), *capfd.readouterr())

    return run


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """A function that mounts a real disk of a given size, or changes its size."""
    mount, umount, place = shutil.which("mount"), shutil.which("umount"), tmp_path / "disk"
    if os.geteuid() != 0 or mount is None or umount is None:
        pytest.skip("mounting a small disk needs root")
    place.mkdir()

    def resize(size: str) -> Path:
        options = f"size={size},remount" if place.is_mount() else f"size={size}"
        done = subprocess.run([mount, "-t", "tmpfs", "-o", options, "tmpfs", place], capture_output=True, check=False)
        if done.returncode:
            pytest.skip(f"mounting is not allowed here: {done.stderr.decode()}")
        return place

    yield resize
    if place.is_mount():
        subprocess.run([umount, place], check=True)


@pytest.fixture
def file_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    """A web server on loopback with an empty file, reached without a proxy."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with FileServer(b"") as server:
        yield server


@pytest.fixture
def red_camera() -> Iterator[MjpegServer]:
    """A network camera that sees red."""
    with MjpegServer([color_frame("red", side=64)]) as server:
        yield server


@pytest.fixture
def pins(monkeypatch: pytest.MonkeyPatch) -> Iterator[MockFactory]:
    """Pins that tests drive."""
    factory = MockFactory(pin_class=WatchedPin)
    monkeypatch.setattr(gpiozero.Device, "pin_factory", factory)
    yield factory
    factory.close()


@pytest.fixture(params=PRESSERS, ids=lambda kind: kind.__name__)
def presser(request: pytest.FixtureRequest, tmp_path: Path, pins: MockFactory) -> Iterator[Presser]:
    """Each kind of command source in turn, with fingers on its buttons."""
    del pins
    presser: Presser = request.param(tmp_path)
    yield presser
    presser.source.close()
    presser.close()
