"""Backbones by name: built once, whole or not at all, whoever else builds at the same time."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from edge_cls.errors import MissingDependency, ModelError, OutputError
from edge_cls.model import backbones
from edge_cls.model.backbones import backbone_path, expected_path, load_model, read_backbone
from edge_cls.model.file import read_model
from edge_cls.model.golden import check_golden
from edge_cls.model.lite0 import build, weights
from edge_cls.model.model import Model
from edge_cls.model.names import DEFAULT, LITE0, NAMES, SPACES, name_of_space
from edge_cls.tflite.content import content_sha256
from tests.commands import COMMAND, EdgeCls


def test_the_built_in_backbone_is_a_name_too() -> None:
    assert backbone_path("builtin").name == "edge-embed.tflite"
    assert NAMES == ("default", "builtin", "lite0-128", "lite0-160", "lite0-192", "lite0-224")


def test_the_default_is_a_name_of_one_of_them(tmp_path: Path) -> None:
    assert expected_path("default", cache=tmp_path) == expected_path(DEFAULT, cache=tmp_path)
    assert read_backbone("default", cache=tmp_path, keep=False).path == expected_path(DEFAULT, cache=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_spaces_of_the_backbones_are_known_before_they_are_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "with_golden", lambda file: file)  # it runs the networks, which says nothing here
    assert SPACES.keys() == {*NAMES} - {"default"}
    for name, space in SPACES.items():
        model = Model(read_backbone(name, cache=tmp_path, keep=False))
        assert content_sha256(model.file.network, "embedding") == model.space == space
        assert model.input.shape[1] == LITE0.get(name, 128)
        assert name_of_space(space) == name
    assert (name_of_space(None), name_of_space("another")) == (None, None)


def test_a_name_is_a_backbone_and_a_path_a_file(
    tmp_path: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch, default_backbone: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("builtin", "mine"):
        (tmp_path / name).write_bytes(tiny.read_bytes())
    assert load_model("builtin").path.name == "edge-embed.tflite"
    assert load_model(tmp_path / "builtin").labels == load_model("mine").labels == read_model(tiny).labels
    assert load_model(None).path == load_model("default").path == default_backbone
    assert load_model(None, space=SPACES["builtin"]).path.name == "edge-embed.tflite"
    assert load_model(None, space="another").path == default_backbone
    with pytest.raises(
        ModelError, match=r"lite0-1600 does not exist; did you mean lite0-160\? give a .tflite file or "
    ):
        load_model(tmp_path / "lite0-1600")
    with pytest.raises(ModelError, match=r"gone.tflite does not exist; check the path"):
        load_model("gone.tflite")


def test_a_service_keeps_its_backbones_with_its_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", f"{tmp_path}:/another")
    assert expected_path(DEFAULT).parent == tmp_path / "backbones"


def test_a_backbone_is_built_once_and_serves(tmp_path: Path) -> None:
    path = backbone_path("lite0-128", cache=tmp_path / "deep" / "cache")
    assert path == expected_path("lite0-128", cache=tmp_path / "deep" / "cache")
    before = path.stat()
    assert backbone_path("lite0-128", cache=path.parent) == path
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    model = Model(read_model(path))
    assert (model.teachable, model.classifies, model.labels) == (True, False, ())
    check_golden(model)
    manifest = model.file.manifest
    assert manifest is not None
    assert (manifest.backbone, manifest.preprocessing.mean, manifest.preprocessing.std) == (
        "efficientnet-lite0",
        127,
        128,
    )
    assert manifest.calibration is not None
    assert manifest.calibration.images == 100
    embedding = model.infer(np.full((240, 320, 3), 90, np.uint8)).embedding
    assert embedding is not None
    assert embedding.values.shape == (1280,)
    assert len(model.file.golden) == 3


def test_a_damaged_file_in_the_cache_is_built_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = read_backbone("lite0-128", cache=tmp_path)
    path, whole = made.path, made.path.read_bytes()
    monkeypatch.setattr(build, "built", lambda *_: made)
    for damaged in (b"", whole[: len(whole) // 2], whole[:5000] + b"x" + whole[5001:]):
        path.write_bytes(damaged)
        assert backbone_path("lite0-128", cache=tmp_path) == path
        assert path.read_bytes() == whole


def test_another_calibration_or_method_is_another_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = expected_path("lite0-128", cache=tmp_path)
    monkeypatch.setattr(backbones, "BUILDER", backbones.BUILDER + 1)
    assert expected_path("lite0-128", cache=tmp_path) != before


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("lite0-161", "did you mean lite0-160? the names are default, builtin"),
        ("gpt", "the names are default, builtin"),
    ],
)
def test_an_unknown_name_is_refused(name: str, hint: str) -> None:
    with pytest.raises(ModelError) as caught:
        backbone_path(name)
    assert caught.value.hint.startswith(hint)


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(
        OutputError,
        match=r"lite0-128 cannot be kept: .*No space left.*; free some .* use the backbone builtin",
    ):
        backbone_path("lite0-128", cache=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_read_only_cache_is_used_but_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = backbone_path("lite0-128", cache=tmp_path)

    def read_only(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(Path, "mkdir", read_only)
    assert backbone_path("lite0-128", cache=tmp_path) == path
    with pytest.raises(OutputError, match="Read-only file system"):
        backbone_path("lite0-128", cache=tmp_path / "other")


def test_a_cache_that_is_a_file_is_reported_on_one_line(
    tmp_path: Path, edge_cls: EdgeCls, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    code, out, err = edge_cls("models", "path", "lite0-128")
    assert (code, out) == (1, "")
    assert err.startswith("error: the backbone lite0-128 cannot be kept: ")
    assert err.count("\n") == 1


def test_missing_or_exchanged_weights_are_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "w.pth").write_bytes(b"other weights")
    monkeypatch.setattr(backbones, "weights_path", lambda: tmp_path / "w.pth")
    with pytest.raises(ModelError, match="is not the published file"):
        backbone_path("lite0-128", cache=tmp_path / "cache")
    monkeypatch.undo()
    monkeypatch.setattr(weights, "_MODULE", "no_such_package_of_weights")
    with pytest.raises(MissingDependency, match="are not installed; run: "):
        backbone_path("lite0-128", cache=tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


@pytest.mark.slow
def test_two_processes_at_once_both_get_the_whole_file(tmp_path: Path) -> None:
    command = [COMMAND, "models", "path", "lite0-128"]
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    both = [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    done = [one.communicate() for one in both]
    path = expected_path("lite0-128", cache=tmp_path / "edge-cls" / "backbones")
    assert done == [(f"{path}\n", "")] * 2
    assert [one.returncode for one in both] == [0, 0]
    assert list(path.parent.iterdir()) == [path]
    check_golden(Model(read_model(path)))


def test_the_command_prints_the_file_and_the_list_says_that_it_is_here(
    tmp_path: Path, edge_cls: EdgeCls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    def here() -> dict[str, str | None]:
        return {one["name"]: one["here"] for one in json.loads(edge_cls("models", "list", "--json").stdout)["models"]}

    assert here()["lite0-128"] is None
    code, out, err = edge_cls("models", "path", "lite0-128")
    assert (code, err) == (0, "")
    assert out == f"{expected_path('lite0-128')}\n"
    assert out.startswith(str(tmp_path))
    found = here()
    assert (found["builtin"], found["lite0-128"], found["lite0-160"]) == ("shipped", "built", None)
    code, out, err = edge_cls("models", "fetch", "lite0-128")
    assert (code, err) == (0, "lite0-128 is already here; the sha256 of its weights matches the registry\n")
    listed = json.loads(edge_cls("models", "list", "--json").stdout)["models"]
    assert [one["name"] for one in listed if one["default"]] == [DEFAULT]
    assert edge_cls("models", "path", "default").stdout == f"{expected_path(DEFAULT)}\n"
    assert "; the default\n" in edge_cls("models", "list").stdout
    code, out, err = edge_cls("models", "path", "lite0-1600")
    assert (code, out) == (1, "")
    assert "did you mean lite0-160?" in err


def test_teaching_goes_on_with_the_backbone(tmp_path: Path, edge_cls: EdgeCls, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = backbone_path("lite0-128")
    from edge_cls.images.reading import encode_png

    for number in range(3):
        for name, color in (("red", (200, 20, 20)), ("blue", (20, 20, 200))):
            frame = np.full((100, 140, 3), color, np.uint8) + np.uint8(number)
            (tmp_path / f"{name}{number}.png").write_bytes(encode_png(frame))
    for name in ("red", "blue"):
        photos = [str(tmp_path / f"{name}{number}.png") for number in range(3)]
        code, _, _ = edge_cls("teach", name, *photos, "--model", str(path), "--memory", str(tmp_path / "m.db"))
        assert code == 0
    code, out, _ = edge_cls(
        "run",
        "--source",
        str(tmp_path / "red0.png"),
        "--model",
        str(path),
        "--memory",
        str(tmp_path / "m.db"),
        "--json",
    )
    assert code == 0
    assert "red" in out


def test_the_device_needs_no_library_of_the_workstation(
    tmp_path: Path, edge_cls: EdgeCls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for name in ("pooch", "requests", "platformdirs", "tensorflow", "keras"):
        monkeypatch.setitem(sys.modules, name, None)  # importing it raises ModuleNotFoundError
    for name in ("store", "download", "places"):
        monkeypatch.delitem(sys.modules, f"edge_cls_tools.backbones.{name}", raising=False)
    assert edge_cls("models", "list").returncode == 0
    assert edge_cls("models", "path", "builtin").returncode == 0
    assert edge_cls("models", "path", "lite0-128").returncode == 0
    code, out, err = edge_cls("models", "path", "mobilenet_v2_1.0_224")
    assert (code, out) == (1, "")
    assert err.startswith("error: this command needs pooch, which is not installed; ")


def test_without_the_schema_of_tflite_one_line_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "edge_cls.model.lite0.build", raising=False)
    monkeypatch.setitem(sys.modules, "edge_cls.tflite.content", None)
    with pytest.raises(MissingDependency, match="lite0-128 cannot be built without ai-edge-litert"):
        backbone_path("lite0-128", cache=tmp_path)
    assert list(tmp_path.iterdir()) == []
