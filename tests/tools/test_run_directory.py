"""A run directory contains one whole run, even if its writing is interrupted."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest

from edge_cls.core.manifest import Preprocessing
from edge_cls.errors import ModelError
from edge_cls.model.file import read_model
from edge_cls_tools.linear_head import Head
from edge_cls_tools.run_directory import Run, load_head, load_network, load_run, save_finished, save_run

COLORS = ("blue", "green", "red")


class FakeNetwork:
    """Saves its name in place of a network."""

    def __init__(self, name: str) -> None:
        self.name = name

    def save(self, path: Path) -> None:
        path.write_text(self.name)


class Killed(BaseException):
    """As if the process had been killed."""


def save(folder: Path, name: str) -> None:
    run = Run(backbone=name, preprocessing=Preprocessing(4, 4), seed=0)
    pixels = np.full((1, 4, 4, 3), len(name), np.uint8)
    save_run(folder, run, FakeNetwork(name), calibration=pixels)


def names(folder: Path) -> set[str]:
    """Return the names of the runs that the files belong to."""
    size = int(np.load(folder / "calibration.npy")[0, 0, 0, 0])
    return {load_run(folder).backbone, (folder / "model.keras").read_text(), {3: "old", 5: "newer"}[size]}


@pytest.mark.parametrize("call", range(30))
def test_killed_at_any_call_it_contains_the_old_run_or_the_new_one(tmp_path: Path, call: int) -> None:
    save(tmp_path, "old")
    calls = 0

    def counted(original: object) -> object:
        def wrapper(*arguments: object, **options: object) -> object:
            nonlocal calls
            calls += 1
            if calls == call + 1:
                raise Killed
            return original(*arguments, **options)  # type: ignore[operator]

        return wrapper

    with (
        patch.object(Path, "replace", counted(Path.replace)),
        patch.object(Path, "mkdir", counted(Path.mkdir)),
        patch.object(Path, "rmdir", counted(Path.rmdir)),
        patch.object(np, "save", counted(np.save)),
        patch.object(FakeNetwork, "save", counted(FakeNetwork.save)),
    ):
        try:
            save(tmp_path, "newer")
        except Killed:
            killed = True
        else:
            killed = False
    run = load_run(tmp_path).backbone
    assert names(tmp_path) == {run}
    assert killed or run == "newer"
    save(tmp_path, "newer")
    assert names(tmp_path) == {"newer"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["calibration.npy", "model.keras", "run.json"]


def test_a_run_of_one_format_replaces_all_files_of_the_other(tmp_path: Path, tiny: Path) -> None:
    run = Run(backbone="tiny", preprocessing=Preprocessing(32, 32), seed=0)
    head = Head(np.eye(16, 3, dtype=np.float32), np.arange(3, dtype=np.float32))
    save(tmp_path, "old")
    (tmp_path / "held-out.npy").touch()
    save_finished(tmp_path, run, read_model(tiny), head)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["head.npz", "model.tflite", "run.json"]
    assert (load_run(tmp_path).format, read_model(tmp_path / "model.tflite").labels) == ("tflite", COLORS)
    np.testing.assert_array_equal(load_head(tmp_path).kernel, head.kernel)
    save(tmp_path, "newer")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["calibration.npy", "model.keras", "run.json"]


def test_a_damaged_head_is_reported_in_one_line(tmp_path: Path) -> None:
    for content in (b"", b"PK\x03\x04 and no more"):
        (tmp_path / "head.npz").write_bytes(content)
        with pytest.raises(ModelError, match=r"head\.npz cannot be read .*; train again"):
            load_head(tmp_path)


@pytest.mark.tensorflow
def test_a_damaged_network_is_reported_in_one_line(tmp_path: Path) -> None:
    import keras

    from edge_cls_tools.backbones.backbones import load_backbone

    path = tmp_path / "model.keras"
    keras.Sequential([keras.Input((4, 4, 3)), keras.layers.GlobalAveragePooling2D()]).save(path)
    content = bytearray(path.read_bytes())
    content[content.index(b"GlobalAverage")] ^= 1
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"model\.keras cannot be loaded as a Keras model .*; train again"):
        load_network(tmp_path)
    with pytest.raises(ModelError, match=r"cannot be loaded as a Keras model"):
        load_backbone(str(path))
