"""The tests of tests/lanes/camera, in a root with the real libcamera and Picamera2: make test-camera.

CAMERA_ROOT may name a root that testbed/camera.sh has set up before.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from tests.lanes.roots import cached_root, make_root, usable_script

pytestmark = pytest.mark.camera

REPOSITORY = Path(__file__).parents[2]
PYTHON = "/opt/venv/bin/python"


def requirements() -> list[str]:
    """Return the requirements of the device, of Picamera2 and of the tests, which are installed in the root."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    device = [*project["dependencies"], *project["optional-dependencies"]["gpio"]]
    return [*device, "picamera2", "gpiozero>=2.0.1", "pytest>=8.2", "hypothesis>=6.136", "threadpoolctl"]


@pytest.fixture(scope="module")
def script(shared: Path) -> Path:
    """The testbed's script, if it can run."""
    return usable_script(shared, "camera.sh")


@pytest.fixture(scope="module")
def root(script: Path) -> Path:
    """The root. If there is none, it is set up in the cache folder, which needs a Debian mirror and a package index."""
    if "CAMERA_ROOT" in os.environ:
        root = Path(os.environ["CAMERA_ROOT"])
        install(root)
        return root
    if (root := cached_root("camera-root")).is_dir():
        install(root)
    else:
        make_root(root, lambda folder: run(["bash", str(script), "setup", str(folder), *requirements()]))
    return root


def run(command: list[str], **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command, with all of its output in `stdout`."""
    environment = {name: value for name, value in os.environ.items() if name not in ("PIP_FIND_LINKS", "PIP_CERT")}
    return subprocess.run(
        command,
        env=environment | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def install(root: Path) -> None:
    """Install the missing requirements in an existing root. If none is missing, no network is needed."""
    done = run(["chroot", str(root), PYTHON, "-m", "pip", "install", "--quiet", *requirements()])
    if done.returncode != 0:
        pytest.skip(f"the packages in the testbed's root cannot be brought up to date: {done.stdout.strip()}")


def put_photos(shared: Path, root: Path) -> None:
    """Copy two photos of objects to the folder that tests/lanes/camera/test_application.py reads."""
    known = root / "opt" / "known"
    known.mkdir(exist_ok=True)
    for label, kind in (("first", "glass"), ("second", "metal")):
        shutil.copyfile(sorted((shared / "data" / "trash6" / kind).glob("*.jpg"))[0], known / f"{label}.jpg")


def test_the_tests_of_the_camera_pass_in_its_root(script: Path, root: Path, shared: Path) -> None:
    put_photos(shared, root)
    command = [PYTHON, "-m", "pytest", "--rootdir=/src", "-c", "/src/pyproject.toml", "-p", "no:cacheprovider"]
    variables = ["PYTHONDONTWRITEBYTECODE=1", "LIBCAMERA_LOG_LEVELS=*:FATAL"]
    inside = ["env", *variables, *command, "-v", "/src/tests/lanes/camera"]
    done = run(["bash", str(script), "run", str(root), *inside], SRC=str(REPOSITORY))
    print(done.stdout)  # noqa: T201 - pytest shows it if the test fails, and with -s
    assert done.returncode == 0, "see the output of the tests in the root, above"
    assert " passed" in done.stdout
    assert " skipped" not in done.stdout
