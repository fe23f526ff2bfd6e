"""`inspect` and `export-labels`: what is in a model file."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from edge_cls.backends.litert import Interpreter
from edge_cls.model.builtin import builtin_file
from edge_cls.model.file import read_model, read_parts, sha256, write_model
from edge_cls.model.golden_frames import GoldenFrame
from edge_cls.tflite.metadata import with_metadata
from tests.commands import EdgeCls, good


def inspect(edge_cls: EdgeCls, path: Path | str) -> dict[str, Any]:
    return dict(json.loads(good(edge_cls("inspect", str(path), "--json"))))


def test_everything_in_a_model_of_edge_cls_is_in_the_json(edge_cls: EdgeCls, tiny: Path) -> None:
    inspected = inspect(edge_cls, tiny)
    assert inspected["size"] == tiny.stat().st_size
    assert inspected["network_sha256"] == inspected["manifest"]["flatbuffer_sha256"]
    assert inspected["network_sha256"] == sha256(read_parts(tiny)[0])
    assert inspected["manifest"]["preprocessing"]["width"] == 32
    assert inspected["labels"] == ["blue", "green", "red"]
    assert inspected["bank"] is None
    assert inspect(edge_cls, "builtin")["bank"] == 256
    assert list(inspected["files"]) == ["manifest.json", "labels.txt", "trained-on.sha256", "golden.json"]
    assert (inspected["golden"], inspected["golden_problem"], inspected["golden_failed"]) == (3, None, False)
    assert inspected["metadata"]["subgraph_metadata"][0]["output_tensor_metadata"][0]["name"] == "probability"
    assert [(one["name"], one["shape"], one["dtype"]) for one in inspected["outputs"]] == [
        ("probability", [1, 3], "uint8"),
        ("embedding", [1, 16], "uint8"),
    ]
    assert inspected["outputs"][0]["scale"] == 1 / 256
    assert inspected["operators"] == {"QUANTIZE": 3, "CONV_2D": 2, "MEAN": 1, "FULLY_CONNECTED": 1, "SOFTMAX": 1}
    assert inspected["float_operators"] == []


def test_the_text_says_the_same(edge_cls: EdgeCls) -> None:
    text = good(edge_cls("inspect", "tiny.tflite"))
    assert "\nbank               none (open set falls back on a prior)\n" in text
    for words in (
        "blue, green, red",
        "3 frames agree",
        "2 CONV_2D",
        "1 x 32 x 32 x 3",
        "as the manifest says",
        "std: 127.5",
    ):
        assert words in text


def test_no_path_checksum_or_name_is_folded(
    edge_cls: EdgeCls, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    path = tmp_path / ("long-" * 30) / "model-of-mine.tflite"
    path.parent.mkdir()
    path.write_bytes((folder / "tiny.tflite").read_bytes())
    lines = good(edge_cls("inspect", str(path))).splitlines()
    checksum = inspect(edge_cls, path)["network_sha256"]
    assert f"file               {path}" in lines
    assert any(line.endswith(" probability") for line in lines)
    assert sum(checksum in line for line in lines) == 2


def test_the_built_in_backbone_has_no_labels(edge_cls: EdgeCls) -> None:
    inspected = inspect(edge_cls, Path("builtin"))
    assert inspected["file"] == str(builtin_file("edge-embed.tflite"))
    assert (inspected["labels"], inspected["manifest"]["name"]) == ([], "edge-embed")
    assert inspected["golden_failed"] is False


@pytest.mark.parametrize(
    ("name", "operators", "labels", "edge_tpu"),
    [
        ("tf2_mobilenet_v2_1.0_224_ptq.tflite", "CONV_2D", 1001, False),
        ("mobilenet_v1_0.25_128_quant_edgetpu.tflite", "edgetpu-custom-op", 1001, True),
        ("model_invoking_error.tflite", "fake-op-double", 0, False),
        ("teachable_machine/converted_tflite/model_unquant.tflite", "CONV_2D", 0, False),
    ],
)
def test_any_published_model_is_described(
    edge_cls: EdgeCls, shared: Path, name: str, operators: str, labels: int, edge_tpu: bool
) -> None:
    inspected = inspect(edge_cls, shared / "models" / name)
    assert (next(iter(inspected["operators"])), len(inspected["labels"]), inspected["edge_tpu"]) == (
        operators,
        labels,
        edge_tpu,
    )
    assert inspected["manifest"] is None
    assert good(edge_cls("inspect", str(shared / "models" / name)))


def test_golden_frames_that_differ_are_an_error(edge_cls: EdgeCls, folder: Path) -> None:
    def other(frame: GoldenFrame) -> GoldenFrame:
        return dataclasses.replace(frame, outputs={name: bytes(len(one)) for name, one in frame.outputs.items()})

    file = read_model(folder / "tiny.tflite")
    changed = tuple(other(frame) for frame in file.golden)
    write_model(dataclasses.replace(file, path=folder / "changed.tflite", golden=changed))
    for options in ([], ["--json"]):
        done = edge_cls("inspect", "changed.tflite", *options)
        assert done.returncode == 1
        assert done.stderr.startswith("error: golden frame 0 of changed.tflite gives another ")
        assert done.stderr.count("\n") == 1
        assert "steps of int8" in " ".join(done.stdout.split())


def test_golden_frames_of_an_edge_tpu_model_are_not_replayed(edge_cls: EdgeCls, folder: Path, shared: Path) -> None:
    compiled = read_model(shared / "models" / "mobilenet_v1_0.25_128_quant_edgetpu.tflite").network
    write_model(dataclasses.replace(read_model(folder / "tiny.tflite"), path=folder / "tpu.tflite", network=compiled))
    inspected = inspect(edge_cls, "tpu.tflite")
    assert (inspected["golden_problem"], inspected["golden_failed"]) == (
        "not replayed: the model is compiled for the Edge TPU",
        False,
    )


def test_damaged_metadata_does_not_hide_the_rest(edge_cls: EdgeCls, folder: Path) -> None:
    content = with_metadata((folder / "mean.tflite").read_bytes(), {"name": "mean"})
    (folder / "meta.tflite").write_bytes(content.replace(b"M001", b"M999"))
    inspected = inspect(edge_cls, "meta.tflite")
    assert inspected["metadata"] is None
    assert inspected["metadata_problem"].startswith("the TFLite metadata is damaged; ")
    assert inspected["inputs"][0]["name"] == "pixels"


def test_texts_of_a_foreign_file_do_nothing_to_the_terminal(edge_cls: EdgeCls, folder: Path) -> None:
    wicked = {"name": "\x1b[2J[bold red]:smile:\n", "description": "x" * 100_000}
    content = with_metadata((folder / "mean.tflite").read_bytes(), wicked)
    (folder / "wicked.tflite").write_bytes(content)
    text = good(edge_cls("inspect", "wicked.tflite"))
    assert "\x1b" not in text
    assert "[bold red]:smile:" in text
    assert len(text) < 10_000
    assert inspect(edge_cls, "wicked.tflite")["metadata"]["name"] == wicked["name"]
    Interpreter(content)


@pytest.mark.parametrize(("options", "text"), [([], "blue\ngreen\nred\n"), (["--indexed"], "0 blue\n1 green\n2 red\n")])
def test_labels_are_printed_or_written(edge_cls: EdgeCls, folder: Path, options: list[str], text: str) -> None:
    assert good(edge_cls("export-labels", "tiny.tflite", *options)) == text
    assert good(edge_cls("export-labels", "tiny.tflite", *options, "-o", "exported.txt")) == ""
    assert (folder / "exported.txt").read_text() == text
