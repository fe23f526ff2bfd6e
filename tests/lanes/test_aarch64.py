"""A backbone is built, and a model is made of a memory, on 64-bit ARM: tests/lanes/aarch64_job.py under qemu.

AARCH64_ROOT may name a root that testbed/arm64.sh has set up before.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from edge_cls.model.file import read_model
from edge_cls.model.golden import check_golden
from edge_cls.model.model import Model
from edge_cls.model.names import SPACES
from tests.lanes.aarch64_job import BACKBONE, PATTERNS, picture
from tests.lanes.roots import cached_root, make_root, usable_script

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).parents[2]


def requirements() -> list[str]:
    """Return the requirements of the device on aarch64."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    return [line.partition(";")[0].strip() for line in project["dependencies"] if "== 'armv7l'" not in line]


@pytest.fixture(scope="module")
def script(shared: Path) -> Path:
    """The testbed's script, if it can run."""
    return usable_script(shared, "arm64.sh")


@pytest.fixture(scope="module")
def root(script: Path) -> Path:
    """The root. If there is none, it is set up in the cache folder, which needs a Debian mirror and a package index."""
    if "AARCH64_ROOT" in os.environ:
        return Path(os.environ["AARCH64_ROOT"])
    if not (root := cached_root("aarch64-root")).is_dir():
        make_root(
            root,
            lambda folder: subprocess.run(
                ["bash", str(script), "setup", str(folder), *requirements()],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            ),
        )
    return root


@pytest.fixture
def folder(root: Path) -> Path:
    """An empty folder in the root."""
    folder = root / "opt" / "job"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def test_a_backbone_and_a_model_of_a_memory_are_made_on_aarch64(script: Path, root: Path, folder: Path) -> None:
    code = (
        "import sys; from pathlib import Path; sys.path.append('/src/tools');"
        "from tests.lanes.aarch64_job import main; main(Path('/opt/job'))"
    )
    # Compiled modules are kept in the root, as pip leaves them on a device; compiling them takes longer than all else.
    python = ["python3", "-X", "pycache_prefix=/opt/pycache"]
    done = subprocess.run(
        ["bash", str(script), "run", str(root), *python, "-c", code],
        env=os.environ | {"SRC": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout.splitlines()[-1])
    assert results["machine"] == "aarch64"
    assert results["space"] == results["content"] == SPACES[BACKBONE]
    assert results["right"] == 2 * len(PATTERNS)
    # The model that was made there is one here, too.
    model = Model(read_model(folder / "taught.tflite"))
    check_golden(model)
    assert model.space == SPACES[BACKBONE]
    for pattern in PATTERNS:
        probability = model.infer(picture(pattern, 200)).probability
        assert probability is not None
        assert model.labels[probability.argmax()] == pattern
