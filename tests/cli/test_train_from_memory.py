"""`edge-cls train --from-memory`: a model of what was taught, made with nothing but what the device has."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from edge_cls import Classifier
from edge_cls.cli.native_stderr import quiet_native_libraries
from edge_cls.memory.store import Memory
from edge_cls.model.file import read_model
from tests.colors import COLORS, color_frame
from tests.commands import EdgeCls, good
from tests.examples import vector
from tests.random_photos import write_photos

EXTRAS = "imagehash jax jinja2 keras matplotlib pooch requests scipy skimage sklearn tensorboard tensorflow torch"


@pytest.fixture
def taught(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A memory with two examples of each colour, in the working directory."""
    monkeypatch.chdir(tmp_path)
    with quiet_native_libraries(), Classifier(tiny, memory="taught.db") as classifier:
        for seed, tone in enumerate((0, 255)):
            for name in COLORS:
                frame = color_frame(name, seed)
                frame[:9] = tone
                classifier.teach(name, frame)
    return Path("taught.db")


def test_the_command_says_what_it_made_and_what_to_do_next(edge_cls: EdgeCls, taught: Path, tiny: Path) -> None:
    command = ("train", "--from-memory", str(taught), "-o", "colours.tflite", "--backbone", str(tiny))
    lines = good(edge_cls(*command)).splitlines()
    assert lines[0].startswith("3 classes, 6 examples (red 2, green 2, blue 2), backbone ")
    assert lines[1].startswith("too few different examples (red 2, green 2, blue 2): teach at least 5 different views")
    assert lines[2].startswith("cross-validated accuracy ")
    assert lines[3].endswith("(on 6 stored photos)")
    assert lines[4].startswith("colours.tflite: ")
    assert lines[5] == ("bank: none (open set falls back on a prior); give photos of everything else with --background")
    assert lines[6] == "next: edge-cls run --model colours.tflite --source picamera2"
    assert read_model(Path("colours.tflite")).labels == tuple(COLORS)


def test_a_model_of_a_memory_has_the_bank_of_the_photos(edge_cls: EdgeCls, taught: Path, tiny: Path) -> None:
    command = ("train", "--from-memory", str(taught), "-o", "colours.tflite", "--backbone", str(tiny))
    text = good(edge_cls(*command, "--background", str(write_photos(Path("else"), 16))))
    assert "\nbank: 16 photos of else\n" in text
    bank = read_model(Path("colours.tflite")).bank
    assert bank is not None
    assert len(bank) == 16


def test_none_of_the_optional_libraries_is_loaded(taught: Path, tiny: Path) -> None:
    script = f"""
import sys
sys.modules.update(dict.fromkeys({EXTRAS.split()}))  # importing one raises ModuleNotFoundError
from edge_cls.cli import main
sys.argv = ["edge-cls", "train", "--from-memory", {str(taught)!r}, "-o", "m.tflite", "--backbone", {str(tiny)!r}]
main()
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert Path("m.tflite").exists()


def test_the_backbone_is_found_by_the_space_of_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, edge_cls: EdgeCls
) -> None:
    monkeypatch.chdir(tmp_path)
    with quiet_native_libraries(), Classifier("builtin", memory="taught.db") as classifier:
        for name in COLORS:
            classifier.teach(name, color_frame(name))
    out = good(edge_cls("train", "--from-memory", "taught.db", "-o", "m.tflite"))
    assert "no class has two different examples: the accuracy is not known" in out
    file = read_model(Path("m.tflite"))
    assert file.manifest is not None
    assert file.manifest.preprocessing.width == 128


def failure(edge_cls: EdgeCls, *options: str) -> tuple[int, str]:
    done = edge_cls("train", "-o", "m.tflite", *options)
    assert done.stdout == ""
    assert not Path("m.tflite").exists()
    return done.returncode, done.stderr


def test_errors_are_one_line_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, edge_cls: EdgeCls, tiny: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert failure(edge_cls, "--from-memory", "no.db") == (
        1,
        "error: no.db does not exist; check the path, or teach first: 'edge-cls teach'\n",
    )
    assert not Path("no.db").exists()
    with Memory(Path("empty.db")):
        pass
    code, message = failure(edge_cls, "--from-memory", "empty.db", "--backbone", str(tiny))
    assert (code, message.count("\n")) == (1, 1)
    assert "empty.db has no taught examples" in message
    with Memory(Path("other.db")) as memory:
        for label in ("mug", "plant"):
            memory.add(label, vector(), space="f" * 64, crop=b"", taught_at=1.0)
    code, message = failure(edge_cls, "--from-memory", "other.db", "--backbone", str(tiny))
    assert (code, message.count("\n")) == (1, 1)
    assert "other.db was taught on another backbone (ffffffffffff)" in message


def test_a_folder_and_options_of_fine_tuning_do_not_apply(edge_cls: EdgeCls, taught: Path) -> None:
    for options, refused in ((["photos"], "FOLDER"), (["--epochs", "3"], "--epochs"), (["--resume"], "--resume")):
        code, message = failure(edge_cls, "--from-memory", str(taught), *options)
        assert code == 2
        assert f"{refused} does not apply to --from-memory" in message
    code, message = failure(edge_cls)
    assert code == 2
    assert "give a FOLDER of photos, or --from-memory" in message


def test_the_result_must_be_a_file(edge_cls: EdgeCls, taught: Path) -> None:
    done = edge_cls("train", "--from-memory", str(taught), "-o", "run")
    assert (done.returncode, done.stdout) == (78, "")
    assert done.stderr == "error: --out run is not the name of a model; give a file, such as --out model.tflite\n"
