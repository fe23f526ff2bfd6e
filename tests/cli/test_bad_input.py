"""Every mistake of a user ends with one line that says what happened and how to correct it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.commands import COMMAND, EdgeCls, good
from tests.examples import labels_in

BAD: dict[str, tuple[str, str]] = {
    "a text named .jpg": ("classify tiny.tflite text.jpg", "text.jpg is not an image"),
    "a missing photo": ("classify tiny.tflite missing.jpg", "missing.jpg does not exist"),
    "a photo cut off": ("classify tiny.tflite cut.jpg", "cut.jpg cannot be decoded"),
    "a photo of one pixel": ("classify tiny.tflite pixel.png", "pixel.png has 1 x 1 pixels"),
    "a model cut off": ("classify cut.tflite red.png", "cut.tflite"),
    "a text named .tflite": ("classify text.tflite red.png", "text.tflite is not a TFLite model"),
    "a missing model": ("classify missing.tflite red.png", "missing.tflite does not exist"),
    "a failing model": ("classify failing.tflite red.png --labels three.txt", "failing.tflite fails when it runs"),
    "labels of another model": ("classify mean.tflite red.png --labels two.txt", "mean.tflite has 3 classes, but 2"),
    "no labels": ("classify mean.tflite red.png", "mean.tflite has no labels inside"),
    "missing labels": ("classify mean.tflite red.png --labels missing.txt", "missing.txt does not exist"),
    "to inspect a text": ("inspect text.tflite", "text.tflite is not a TFLite model"),
    "to inspect a model cut off": ("inspect cut.tflite", "cut.tflite"),
    "to inspect nothing": ("inspect missing.tflite --json", "missing.tflite does not exist"),
    "to export what is not there": ("export-labels mean.tflite", "mean.tflite has no labels inside"),
    "to export into a folder": ("export-labels tiny.tflite -o empty", "empty cannot be written"),
    "to teach a text": ("teach mug text.jpg --memory a.db --model mean.tflite", "text.jpg is not an image"),
    "to teach into a text": ("teach mug red.png --memory text.db --model mean.tflite", "text.db is not a memory"),
    "to teach into a folder": ("teach mug red.png --memory empty --model mean.tflite", "empty cannot be opened"),
    "to teach into no folder": ("teach mug red.png --memory no/a.db --model mean.tflite", "no/a.db cannot be opened"),
    "to teach another backbone": (
        "teach mug red.png --memory other.db --model mean.tflite",
        "other.db was taught with another backbone",
    ),
    "a label that is none": (f"teach {'x' * 101} red.png --memory b.db --model mean.tflite", "'xxx"),
    "a missing memory": ("run --source red.png --memory missing.db --model tiny.tflite", "missing.db does not exist"),
    "a text as memory": ("run --source red.png --memory text.db --model tiny.tflite", "text.db is not a memory"),
    "the memory of another backbone": (
        "run --source red.png --memory other.db --model tiny.tflite",
        "other.db was taught with another backbone",
    ),
    "to train on no memory": ("train --from-memory missing.db -o out.tflite", "missing.db does not exist"),
    "to train on a text": ("train --from-memory text.db -o out.tflite", "text.db is not a memory"),
    "to train on one class": (
        "train --from-memory other.db -o out.tflite --backbone tiny.tflite",
        "other.db has only one class",
    ),
    "to train on a text as backbone": (
        "train --from-memory other.db -o out.tflite --backbone text.tflite",
        "text.tflite is not a TFLite model",
    ),
    "to import a text": ("import-model text.tflite -o out.tflite", "text.tflite is neither a .tflite model nor a ZIP"),
    "to import a model cut off": ("import-model cut.tflite -o out.tflite --embedding auto", "cut.tflite"),
    "to import nothing": ("import-model missing.zip -o out.tflite", "missing.zip cannot be read"),
    "to import a folder of photos": ("import-model photos -o out.tflite", "photos is not an export"),
    "to import without labels": ("import-model mean.tflite -o out.tflite", "mean.tflite has no labels"),
    "to import onto a folder": (
        "import-model mean.tflite --labels three.txt -o empty",
        "empty cannot be written",
    ),
    "a folder without photos": ("run --source empty --model tiny.tflite", "empty contains no image"),
    "a pattern without matches": ("run --source no*.png --model tiny.tflite", "no file matches no*.png"),
    "a missing source": ("run --source missing.mp4 --model tiny.tflite", "missing.mp4 does not exist"),
    "a text as video": ("run --source text.avi --model tiny.tflite", "text.avi is not a video"),
}


@pytest.mark.parametrize(("command", "message"), BAD.values(), ids=BAD)
def test_a_mistake_ends_with_one_line_with_the_message_and_the_hint(
    edge_cls: EdgeCls, command: str, message: str
) -> None:
    done = edge_cls(*command.split())
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {message}")
    assert done.stderr.count("\n") == 1
    assert "; " in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout in ("", "[]\n")


@pytest.mark.parametrize(
    "command",
    ["classify", "classify tiny.tflite", "classify tiny.tflite red.png --top 0", "run", "fly", "run --nonsense"],
)
def test_wrong_usage_ends_with_2_and_without_a_traceback(edge_cls: EdgeCls, command: str) -> None:
    done = edge_cls(*command.split())
    assert (done.returncode, done.stdout) == (2, "")
    assert "Usage: edge-cls" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "command",
    [
        pytest.param("classify tiny.tflite red.png --json", marks=pytest.mark.slow),
        "run --source photos --model tiny.tflite",
    ],
)
def test_a_full_disk_behind_stdout_is_an_error(folder: Path, command: str) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [COMMAND, *command.split()], cwd=folder, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 1
    assert done.stderr.startswith("error: No space left on device; ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "command",
    [
        "classify tiny.tflite red.png --json",
        pytest.param("run --source photos --model tiny.tflite --json", marks=pytest.mark.slow),
    ],
)
def test_a_reader_that_closes_the_pipe_causes_no_message(folder: Path, command: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [COMMAND, *command.split()], cwd=folder, stdout=writer, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(writer)
    assert done.stderr == ""


@pytest.mark.parametrize(
    "command",
    ["classify tiny.tflite {} --json", "run --source {} --model tiny.tflite --json", "classify tiny.tflite {}"],
)
def test_a_file_name_that_is_not_valid_text_is_printed_escaped(edge_cls: EdgeCls, folder: Path, command: str) -> None:
    name = os.fsdecode(b"caf\xe9.png")
    (folder / name).write_bytes((folder / "red.png").read_bytes())
    text = good(edge_cls(*command.format(name).split()))
    assert "caf\\udce9.png" in text or "caf\\xe9.png" in text
    assert "red" in text


def test_a_label_that_is_refused_leaves_no_example(edge_cls: EdgeCls, folder: Path) -> None:
    done = edge_cls("teach", "two\nlines", "red.png", "--memory", "kept.db", "--model", "mean.tflite")
    assert done.returncode == 1
    assert not (folder / "kept.db").exists() or labels_in(folder / "kept.db") == []


@pytest.mark.parametrize(
    "command",
    [
        "config show",
        pytest.param("classify tiny.tflite red.png", marks=pytest.mark.slow),
        pytest.param("classify tiny.tflite no.jpg", marks=pytest.mark.slow),
    ],
)
def test_closed_outputs_cause_no_traceback(folder: Path, command: str) -> None:
    """A shell closes them with >&-."""
    closing = ["sh", "-c", f'exec "$0" {command} >&-', COMMAND]
    done = subprocess.run(closing, cwd=folder, stderr=subprocess.PIPE, text=True, check=False)
    assert "Traceback" not in done.stderr
    assert done.stderr.count("\n") == (1 if "no.jpg" in command else 0)
    both = subprocess.run(["sh", "-c", f'exec "$0" {command} >&- 2>&-', COMMAND], cwd=folder, check=False)
    assert both.returncode == done.returncode == (1 if "no.jpg" in command else 0)
