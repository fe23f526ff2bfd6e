"""What trains or converts Keras networks, through the commands as a user types them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge_cls.backends.litert import Interpreter
from edge_cls.core.manifest import Preprocessing
from edge_cls.model.file import read_model
from edge_cls.tflite.graph import float_operators
from edge_cls_tools.run_directory import Run, save_run
from tests.colors import write_colors
from tests.commands import COMMAND
from tests.random_photos import write_photos

pytestmark = pytest.mark.tensorflow
Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def edge_cls(tmp_path_factory: pytest.TempPathFactory) -> Command:
    """Runs the command with an empty cache, and without progress lines, which a slow machine would print."""
    environment = os.environ | {"XDG_CACHE_HOME": str(tmp_path_factory.mktemp("cache"))}

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [COMMAND, "--quiet", *map(str, arguments)], capture_output=True, text=True, env=environment, check=False
        )

    return run


@pytest.fixture(scope="module")
def trained(edge_cls: Command, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `colors/`, `tiny.keras` and `run/`, made by the commands."""
    import keras

    from tests.data.make_models import tiny_backbone

    folder = tmp_path_factory.mktemp("trained")
    write_colors(folder / "colors", count=20)
    tiny_backbone().save(folder / "tiny.keras")
    keras.backend.clear_session()
    done = edge_cls("train", folder / "colors", "-o", folder / "run", "--backbone", folder / "tiny.keras")
    assert (done.returncode, done.stderr) == (0, "")
    assert "3 classes, 39 train, 9 validation, 12 test" in done.stdout
    assert "on 12 test photos" in done.stdout
    assert "\nbank: none (open set falls back on a prior); give photos" in done.stdout
    return folder


def test_a_keras_backbone_is_converted_and_its_head_is_appended(trained: Path) -> None:
    file = read_model(trained / "run" / "model.tflite")
    assert float_operators(file.network) == []
    interpreter = Interpreter(file.network)
    assert (interpreter.input.name, interpreter.input.shape) == ("image", (1, 32, 32, 3))
    assert interpreter.input.dtype == np.uint8
    assert interpreter.input.scale == pytest.approx(2 / 255, rel=1e-4)
    # MediaPipe requires uint8 outputs, with the probabilities first.
    assert [(output.name, output.shape) for output in interpreter.outputs] == [
        ("probability", (1, 3)),
        ("embedding", (1, 16)),
    ]
    assert all(output.dtype == np.uint8 for output in interpreter.outputs)
    assert file.manifest is not None
    assert file.manifest.backbone == "tiny"
    assert file.manifest.calibration is not None
    assert file.manifest.calibration.images == 39
    assert file.manifest.stranger_distance is not None


def test_fine_tuning_is_chosen_if_it_helps_and_never_overwritten_without_resume(
    edge_cls: Command, trained: Path, tmp_path: Path
) -> None:
    """A random backbone cannot recognise faint stripes under noise; a fine-tuned one can."""
    rng = np.random.default_rng(0)
    for name in ("across", "down", "plain"):
        (tmp_path / "stripes" / name).mkdir(parents=True)
        for index in range(60):
            frame = rng.normal(128, 40, (40, 40, 3))
            frame[:: 4 if name == "across" else 40, :: 4 if name == "down" else 1] += 0 if name == "plain" else 60
            Image.fromarray(np.clip(frame, 0, 255).astype(np.uint8)).save(tmp_path / "stripes" / name / f"{index}.png")
    base = ["train", tmp_path / "stripes", "-o", tmp_path / "run", "--backbone", trained / "tiny.keras"]
    photos = write_photos(tmp_path / "else", 16)
    tuning = ["--fine-tune", "all", "--epochs", 8, "--rate", 0.02, "--class-weights", "--background", photos]
    done = edge_cls(*base, *tuning)
    assert (done.returncode, done.stderr) == (0, "")
    assert "chosen: the fine-tuned backbone" in done.stdout
    assert list((tmp_path / "run" / "logs").glob("events*"))
    for again in (base, [*base, *tuning], [*base, "--resume"]):
        refused = edge_cls(*again)
        assert (refused.returncode, refused.stderr.count("\n")) == (78, 1)
    assert edge_cls(*base, *tuning, "--resume").stdout == done.stdout
    assert sorted(path.suffix for path in (tmp_path / "run").iterdir() if path.is_file()) == [
        ".json",
        ".keras",
        ".npy",
        ".npz",
    ]
    # Forced: noise decides for a few of the 36 test photos, which may be more than the gate allows.
    quantize = ["quantize", tmp_path / "run", "-o", tmp_path / "model.tflite"]
    assert done.stdout.endswith(f"next: edge-cls quantize {tmp_path / 'run'} -o MODEL.tflite --background {photos}\n")
    assert "\nbank: none (open set falls back on a prior); give photos" in edge_cls(*quantize, "--force").stdout
    assert f"\nbank: 16 photos of {photos}\n" in edge_cls(*quantize, "--force", "--background", photos).stdout
    file = read_model(tmp_path / "model.tflite")
    assert file.bank is not None
    assert len(file.bank) == 16
    training = file.manifest.training  # type: ignore[union-attr]
    assert training is not None
    assert training.fine_tuned == "all"


def test_dark_photos_do_not_shift_the_input(edge_cls: Command, trained: Path, tmp_path: Path) -> None:
    """The calibration set has no bright pixels, but the quantised input still equals the byte of the pixel."""
    for photo in (trained / "colors").rglob("*.png"):
        target = tmp_path / "dark" / photo.parent.name / photo.name
        target.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.asarray(Image.open(photo)) // 4).save(target)
    done = edge_cls("train", tmp_path / "dark", "-o", tmp_path / "run", "--backbone", trained / "tiny.keras")
    assert (done.returncode, done.stderr) == (0, "")
    assert Interpreter(read_model(tmp_path / "run" / "model.tflite").network).input.scale == pytest.approx(
        2 / 255, rel=1e-4
    )


def test_a_backbone_with_an_operator_that_tflite_lacks_is_refused_and_nothing_written(
    edge_cls: Command, trained: Path, tmp_path: Path
) -> None:
    import keras

    pixels = keras.Input((32, 32, 3))
    x = keras.layers.Conv2D(4, 3, activation="relu")(pixels)
    x = keras.layers.GlobalAveragePooling2D()(x)
    odd = keras.Model(pixels, keras.ops.erf(x))
    odd.save(tmp_path / "odd.keras")
    done = edge_cls("train", trained / "colors", "-o", tmp_path / "run", "--backbone", tmp_path / "odd.keras")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("error: the network cannot be converted to int8")
    # The same network, as a run directory of an older version.
    run = Run(backbone="odd", preprocessing=Preprocessing(32, 32), seed=0)
    save_run(tmp_path / "run", run, odd, calibration=np.zeros((2, 32, 32, 3), np.uint8))
    done = edge_cls("quantize", tmp_path / "run", "-o", tmp_path / "odd.tflite")
    assert done.returncode == 1
    assert done.stderr.startswith("error: the network cannot be converted to int8")
    assert not (tmp_path / "odd.tflite").exists()


@pytest.mark.parametrize(
    ("backbone", "says"),
    [
        ("nowhere.keras", "neither a file nor a known backbone"),
        ("coral_mobilenet_v1_1.0_224_embedding", "has no Keras network to fine-tune or to distill"),
    ],
)
def test_a_network_that_cannot_be_fine_tuned_is_reported(
    edge_cls: Command, trained: Path, tmp_path: Path, backbone: str, says: str
) -> None:
    run = tmp_path / "run"
    done = edge_cls("train", trained / "colors", "-o", run, "--backbone", backbone, "--fine-tune", "all")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert done.stderr.startswith("error: ")
    assert says in done.stderr


def test_a_small_pool_is_distilled_resumed_and_quantised(edge_cls: Command, trained: Path, tmp_path: Path) -> None:
    """The student becomes an int8 backbone and works with 'train'; resuming a finished training changes nothing."""
    base = ["distill", "--images", trained / "colors", "--teacher", trained / "tiny.keras", "--teacher-size", 96]
    base += ["--size", 32, "--views", 5, "-o", tmp_path / "student"]
    done = edge_cls(*base, "--epochs", 2)
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.split(":")[0] for line in done.stdout.splitlines()[:2]] == ["epoch 1 at 32 px", "epoch 2 at 32 px"]
    again = edge_cls(*base, "--epochs", 2, "--resume")
    assert (again.returncode, again.stderr) == (0, "")
    assert again.stdout == "".join(done.stdout.splitlines(keepends=True)[2:])
    other = edge_cls(*base, "--epochs", 3, "--resume")
    assert (other.returncode, "epochs changed" in other.stderr) == (78, True)
    # After two epochs on a few photos the int8 student is too different from the float one for the gate.
    done = edge_cls("quantize", tmp_path / "student", "-o", tmp_path / "student.tflite", "--force")
    assert (done.returncode, done.stderr) == (0, "")
    outputs = Interpreter(read_model(tmp_path / "student.tflite").network).outputs
    assert [(output.name, output.shape) for output in outputs] == [("embedding", (1, 1280))]
    done = edge_cls(
        "train", trained / "colors", "-o", tmp_path / "run", "--backbone", tmp_path / "student" / "model.keras"
    )
    assert (done.returncode, done.stderr) == (0, "")
