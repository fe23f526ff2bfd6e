"""The commands of the device, each in a process of its own."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.commands import COMMAND, EdgeCls, good

FIELDS = ["schema", "frame", "timestamp", "label", "score", "known", "unknown", "unsure", "state", "camera", "source",
          "latency_ms", "nearest"]  # fmt: skip


def lines_of(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_the_version_is_printed(edge_cls: EdgeCls) -> None:
    assert good(edge_cls("--version")).startswith("edge-cls ")


@pytest.mark.parametrize(
    "command",
    [
        pytest.param("--version", marks=pytest.mark.slow),
        pytest.param("classify", marks=pytest.mark.slow),
        "classify tiny.tflite red.png --json",
        "classify tiny.tflite no.jpg",
        pytest.param("inspect tiny.tflite", marks=pytest.mark.slow),
    ],
)
def test_a_process_of_its_own_says_the_same(edge_cls: EdgeCls, folder: Path, command: str) -> None:
    """The command is installed, and native libraries, which greet the first caller in a process, are kept quiet."""
    done = subprocess.run([COMMAND, *command.split()], cwd=folder, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == edge_cls(*command.split())


HEAVY = """
    PIL ai_edge_litert cv2 flatbuffers imagehash jax jinja2 keras libcamera matplotlib numpy picamera2 pooch
    pydantic requests rich scipy skimage sklearn tensorflow tflite_runtime torch
"""


def test_answering_at_once_loads_all_commands_and_none_of_the_libraries() -> None:
    script = f"""
import sys
from edge_cls.cli import main
sys.argv = ["edge-cls", "--help"]
try:
    main()
except SystemExit as done:
    assert not done.code
assert "edge_cls_tools.cli.train" in sys.modules
print(*sys.modules.keys() & {set(HEAVY.split())}, file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stderr == "\n"


@pytest.mark.slow
def test_photos_are_examined_and_models_measured_without_tensorflow(folder: Path) -> None:
    """The fast tests of these commands may not load TensorFlow either, but do not run in a process of their own."""
    script = """
import sys
from edge_cls.cli import main
for command in sys.argv[1:]:
    sys.argv = ["edge-cls", *command.split()]
    try:
        main()
    except SystemExit as done:
        assert not done.code, done.code
print({"tensorflow", "keras", "jax", "torch"} & sys.modules.keys(), file=sys.stderr)
"""
    commands = [
        "evaluate tiny.tflite photos --report light --robustness --robustness-photos 2",
        "fewshot tiny.tflite photos --shots 1 --trials 1",
        "dataset check photos --report check.html",
    ]
    done = subprocess.run(
        [sys.executable, "-c", script, *commands], cwd=folder, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "set()\n")


def test_classify_prints_json_alone(edge_cls: EdgeCls) -> None:
    document = json.loads(good(edge_cls("classify", "tiny.tflite", "red.png", "green.png", "blue.png", "--json")))
    answers = document["photos"]
    assert [answer["file"] for answer in answers] == ["red.png", "green.png", "blue.png"]
    assert [answer["predictions"][0]["label"] for answer in answers] == ["red", "green", "blue"]
    for answer in answers:
        assert list(answer) == ["file", "predictions", "known", "unknown", "unsure", "nearest"]
        assert answer["nearest"] == []
        assert isinstance(answer["unknown"], bool)
        assert all(list(one) == ["label", "score"] for one in answer["predictions"])
        assert sum(one["score"] for one in answer["predictions"]) == pytest.approx(1, abs=0.02)


def test_classify_shows_as_many_classes_as_were_asked_for(edge_cls: EdgeCls) -> None:
    text = good(edge_cls("classify", "tiny.tflite", "red.png", "--top", "2"))
    assert [line.split()[-1] for line in text.splitlines()] == ["red.png", "red", "green"]
    (answer,) = json.loads(good(edge_cls("classify", "tiny.tflite", "red.png", "--top", "1", "--json")))["photos"]
    assert len(answer["predictions"]) == 1


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_the_other_photos_are_classified_if_one_is_bad(edge_cls: EdgeCls, options: list[str]) -> None:
    done = edge_cls("classify", "tiny.tflite", "red.png", "text.jpg", "blue.png", *options)
    assert done.returncode == 1
    assert done.stderr == "error: text.jpg is not an image of a known format; use JPEG, PNG, WebP or BMP files\n"
    assert "red.png" in done.stdout
    assert "blue.png" in done.stdout
    assert "text.jpg" not in done.stdout
    if options:
        assert [answer["file"] for answer in json.loads(done.stdout)["photos"]] == ["red.png", "blue.png"]


def test_taught_classes_are_recognised_in_a_folder(edge_cls: EdgeCls) -> None:
    for color in ("red", "blue"):
        photos = [f"photos/{color}/{index:02d}.png" for index in range(2)]
        said = good(edge_cls("teach", f"my {color}", *photos, "--memory", "new.db", "--model", "mean.tflite"))
        assert f"my {color}: 2 taught, 2 in all" in said
    assert "new.db: my red 2, my blue 2\nnot learnt yet: my red (too few), my blue (too few)\n" in said

    text = good(edge_cls("run", "--source", "photos", "--memory", "new.db", "--model", "mean.tflite", "--json"))
    lines = lines_of(text)
    assert [line["source"] for line in lines] == [
        f"photos/{color}/{index:02d}.png" for color in ("blue", "green", "red") for index in range(2)
    ]
    assert [line["frame"] for line in lines] == list(range(6))
    assert [line["label"] for line in lines if not line["unknown"]] == ["my blue"] * 2 + ["my red"] * 2
    assert all(list(line) == FIELDS for line in lines)


def test_teaching_a_bad_photo_stores_none_of_the_good_ones(edge_cls: EdgeCls, folder: Path) -> None:
    done = edge_cls("teach", "mug", "red.png", "text.jpg", "--memory", "none.db", "--model", "mean.tflite")
    assert done.returncode == 1
    assert not (folder / "none.db").exists()


def test_run_reads_a_video_up_to_the_frames_that_were_asked_for(edge_cls: EdgeCls) -> None:
    lines = lines_of(good(edge_cls("run", "--source", "red.avi", "--model", "tiny.tflite", "--json")))
    assert [line["frame"] for line in lines] == list(range(5))
    assert {line["label"] for line in lines} == {"red"}
    text = good(edge_cls("run", "--source", "red.avi", "--model", "tiny.tflite", "--max-frames", "3"))
    assert len(text.splitlines()) == 3


def test_run_notes_that_no_class_is_known(edge_cls: EdgeCls) -> None:
    done = edge_cls("run", "--source", "red.png", "--model", "mean.tflite", "--json")
    assert done.returncode == 0
    assert done.stderr.startswith("no class is known yet")
    (line,) = lines_of(done.stdout)
    assert (line["label"], line["unknown"]) == (None, True)


def test_frames_before_a_bad_photo_are_printed(edge_cls: EdgeCls, folder: Path) -> None:
    mixed = folder / "mixed"
    mixed.mkdir()
    (mixed / "a.png").write_bytes((folder / "red.png").read_bytes())
    (mixed / "b.jpg").write_text("no photo")
    done = edge_cls("run", "--source", "mixed", "--model", "tiny.tflite", "--json")
    assert done.returncode == 1
    assert [line["source"] for line in lines_of(done.stdout)] == ["mixed/a.png"]
    assert done.stderr.startswith("error: mixed/b.jpg is not an image")


def test_a_missing_memory_is_not_made_by_run(edge_cls: EdgeCls, folder: Path) -> None:
    done = edge_cls("run", "--source", "red.png", "--memory", "typo.db")
    assert done.returncode == 1
    assert done.stderr.startswith("error: typo.db does not exist; teach first: edge-cls teach")
    assert not (folder / "typo.db").exists()


def test_ctrl_c_ends_a_run_without_a_failure(folder: Path) -> None:
    command = [COMMAND, "run", "--source", "demo", "--model", "tiny.tflite", "--json"]
    running = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert running.stdout is not None
    first = running.stdout.readline()
    running.send_signal(signal.SIGINT)
    rest, errors = running.communicate()
    assert (running.returncode, errors) == (0, "")
    frames = [line["frame"] for line in lines_of(first + rest)]
    assert frames == sorted(set(frames))


def test_an_imported_model_is_described_and_classifies_without_options(edge_cls: EdgeCls) -> None:
    arguments = ("import-model", "mean.tflite", "--labels", "three.txt", "-o", "imported.tflite")
    assert json.loads(good(edge_cls(*arguments, "--json"))) == {
        "schema": 1,
        "file": "imported.tflite",
        "maker": "a .tflite file",
        "labels": ["one", "two", "three"],
        "width": 1,
        "height": 1,
        "color": "RGB",
        "mean": 0.0,
        "std": 255.0,
        "embedding": None,
        "bank": None,
        "edge_tpu": False,
    }
    text = good(edge_cls(*arguments, "--mean", "0", "--std", "255"))
    assert text.splitlines()[:2] == ["imported.tflite: from a .tflite file", "  input      1 x 1 RGB, (byte - 0) / 255"]
    assert good(edge_cls("classify", "imported.tflite", "green.png", "--top", "1")).splitlines()[1].endswith("  two")


@pytest.mark.parametrize("options", [["--mean", "0"], ["--std", "1"], ["--mean", "0", "--std", "0"]])
def test_half_a_normalisation_is_a_bad_setting(edge_cls: EdgeCls, options: list[str]) -> None:
    done = edge_cls("import-model", "mean.tflite", "-o", "half.tflite", *options)
    assert done.returncode == 78
    assert done.stderr.startswith("error: --mean and --std must be given together; ")
