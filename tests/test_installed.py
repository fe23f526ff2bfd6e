"""A hint names the origin of this copy, and never a name on a package index."""

from __future__ import annotations

import json
import re
import shlex
import sys
from importlib.metadata import Distribution
from pathlib import Path
from typing import Any

import pytest

from edge_cls import errors
from edge_cls.installed import extra_hint, install_hint

PYTHON = "/opt/edge cls/bin/python"
UNKNOWN = "install the train extra of edge-cls the way edge-cls was installed"


def copy(folder: Path, direct_url: dict[str, Any] | str | None, installer: str = "pip") -> Distribution:
    """Return an installed edge-cls with the record of its installer."""
    info = folder / "edge_cls-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: edge-cls\nVersion: 0.1.0\n")
    (info / "INSTALLER").write_text(f"{installer}\n")
    if direct_url is not None:
        (info / "direct_url.json").write_text(direct_url if isinstance(direct_url, str) else json.dumps(direct_url))
    return Distribution.at(info)


@pytest.mark.parametrize(("editable", "option"), [(True, ["-e"]), (False, [])])
def test_a_checkout_is_installed_again_from_its_folder(tmp_path: Path, editable: bool, option: list[str]) -> None:
    folder = tmp_path / "my checkout"
    folder.mkdir()
    recorded = {"url": folder.as_uri(), "dir_info": {"editable": editable} if editable else {}}
    hint = extra_hint("train", copy=copy(tmp_path, recorded), python=PYTHON)
    command = shlex.split(hint.removeprefix("run: "))
    assert command == [PYTHON, "-m", "pip", "install", *option, f"{folder}[train]"]


def test_a_wheel_is_installed_again_from_its_file_with_the_extra(tmp_path: Path) -> None:
    wheel = tmp_path / "edge_cls-0.1.0-py3-none-any.whl"
    wheel.touch()
    recorded = {"url": wheel.as_uri(), "archive_info": {"hash": "sha256=00"}}
    hint = extra_hint("gpio", copy=copy(tmp_path, recorded, "uv"), python="/venv/bin/python")
    assert hint == f"run: uv pip install --python /venv/bin/python 'edge-cls[gpio] @ {wheel.as_uri()}'"


def test_a_repository_is_named_with_its_commit(tmp_path: Path) -> None:
    recorded = {"url": "https://example.org/edge-cls.git", "vcs_info": {"vcs": "git", "commit_id": "abc123"}}
    hint = extra_hint("train", copy=copy(tmp_path, recorded), python="python3")
    assert hint == "run: python3 -m pip install 'edge-cls[train] @ git+https://example.org/edge-cls.git@abc123'"


@pytest.mark.parametrize(
    ("direct_url", "installer"),
    [
        (None, "pip"),
        ("{", "pip"),
        ("[]", "pip"),
        ({"dir_info": {}}, "pip"),
        ({"url": "file:///gone/edge-cls", "dir_info": {"editable": True}}, "pip"),
        ({"url": "https://me:secret@example.org/edge_cls.whl", "archive_info": {}}, "pip"),
        ({"url": "file:///", "dir_info": {}}, "another installer"),
    ],
)
def test_without_a_recorded_origin_the_hint_names_none(
    tmp_path: Path, direct_url: dict[str, Any] | str | None, installer: str
) -> None:
    assert extra_hint("train", copy=copy(tmp_path, direct_url, installer), python=PYTHON) == UNKNOWN


def test_other_packages_are_installed_for_the_python_that_runs_this() -> None:
    hint = install_hint("numpy<2")
    python = shlex.quote(sys.executable)
    pip, uv = f"{python} -m pip install 'numpy<2'", f"uv pip install --python {python} 'numpy<2'"
    assert hint in (f"run: {pip}", f"run: {uv}")  # whichever has installed this environment


def test_no_hint_installs_edge_cls_from_an_index() -> None:
    package = Path(errors.__file__).parent
    found = [
        f"{path}: {line.strip()}"
        for folder in (package, package.parent / "tools")
        for path in folder.rglob("*.py")
        for line in path.read_text().splitlines()
        if re.search(r"(pip|uv|pipx) install.*edge-cls", line) and path.name != "installed.py"
    ]
    assert found == []
