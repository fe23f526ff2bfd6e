"""`edge-cls bench MODEL`: its figures, and the frames and examples that it measures with. No duration is asserted."""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import pytest

from edge_cls.bench import backbones, footprint, speed
from edge_cls.bench.material import CLASSES, HEIGHT, WIDTH, Replay, decoded_frames, fill, moving_frames
from edge_cls.classifier import Classifier
from edge_cls.errors import ConfigError
from edge_cls.images.reading import encode_png
from edge_cls.memory.store import Memory
from edge_cls.model.file import read_model
from edge_cls.model.lite0 import weights
from edge_cls.model.model import Model
from edge_cls.model.names import DEFAULT, SPACES
from edge_cls.testing import FakeClock, FakeSource
from tests import toy_model
from tests.commands import EdgeCls, good

STAGES = ["capture", "preprocess", "invoke", "head", "smooth", "publish"]


@pytest.fixture
def one_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """The footprint is measured in one process instead of three."""
    monkeypatch.setattr(footprint, "_STARTS", 1)


@pytest.mark.usefixtures("one_start")
def test_the_command_prints_stages_ratio_and_footprint(edge_cls: EdgeCls, tiny: Path) -> None:
    document = json.loads(good(edge_cls("bench", str(tiny), "--examples", "20", "--frames", "30", "--json")))
    assert list(document["stages"]) == STAGES
    for spent in (*document["stages"].values(), document["latency"]):
        assert 0 <= spent["p50_ms"] <= spent["p95_ms"] <= spent["p99_ms"]
    assert document["frames"] == 2 * speed.BLOCK
    assert document["examples"] == 20
    for figure in ("pipeline_fps", "interpreter_fps", "ratio", "start_s"):
        assert document[figure] > 0
    assert document["rss_mb"] is None or document["rss_mb"] > 10


@pytest.mark.usefixtures("default_backbone")
def test_without_a_model_the_default_is_measured_and_compared(
    edge_cls: EdgeCls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speed, "BLOCK", 2)
    monkeypatch.setattr(footprint, "measure", lambda *_, **__: footprint.Footprint(1.0, None))
    monkeypatch.setattr(backbones, "image_ms", lambda names, **_: dict.fromkeys(names, 8.0))
    document = json.loads(good(edge_cls("bench", "--frames", "1", "--json")))
    assert document["backbones_ms"] == dict.fromkeys(SPACES, 8.0)
    assert document["pipeline_fps"] > 0


@pytest.mark.usefixtures("default_backbone")
def test_backbones_take_turns_and_one_that_cannot_be_built_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "_MODULE", "no_such_package_of_weights")
    found = backbones.image_ms((DEFAULT, "lite0-128", "builtin"))
    assert list(found) == [DEFAULT, "builtin"]
    assert min(found.values()) > 0


def test_the_rates_of_backbones_are_rounded() -> None:
    assert backbones.as_text({"lite0-160": 9.77, "builtin": 2.0}) == (
        "lite0-160: 9.8 ms an image, about 100 images/s; builtin: 2.0 ms an image, about 500 images/s"
    )


@pytest.mark.usefixtures("one_start")
def test_a_given_memory_and_photos_are_measured_and_not_changed(edge_cls: EdgeCls, tiny: Path, tmp_path: Path) -> None:
    with Classifier(tiny, memory=tmp_path / "taught.db") as classifier:
        classifier.teach("rose", moving_frames(1)[0])
    photos = tmp_path / "photos"
    photos.mkdir()

    (photos / "one.png").write_bytes(encode_png(moving_frames(1)[0][:50, :60]))
    reported = good(
        edge_cls(
            "bench", str(tiny), "--source", str(photos), "--memory", str(tmp_path / "taught.db"),
            "--threads", "1", "--frames", "1",
        )
    )  # fmt: skip
    assert [line.split()[0] for line in reported.splitlines()[:8]] == ["ms", *STAGES, "latency"]
    assert "ratio" in reported
    assert "1 examples" in reported
    with Memory(tmp_path / "taught.db") as memory:
        assert len(memory.embeddings()) == 1


def test_wrong_options_are_refused_before_anything_is_measured(edge_cls: EdgeCls, tiny: Path, tmp_path: Path) -> None:
    both = edge_cls("bench", str(tiny), "--examples", "20", "--memory", str(tmp_path / "taught.db"))
    assert (both.returncode, both.stdout) == (78, "")
    assert both.stderr.startswith("error: --examples and --memory cannot be combined")
    (tmp_path / "labels.txt").write_text("red\ngreen\nblue\n")
    model = toy_model.write_mean_color(tmp_path / "mean.tflite")
    mute = edge_cls("bench", str(model), "--labels", str(tmp_path / "labels.txt"), "--examples", "20")
    assert (mute.returncode, mute.stdout) == (78, "")
    assert "has no embedding and cannot be taught examples; create one with" in mute.stderr


def test_frames_are_repeated_as_copies() -> None:
    frames = moving_frames(3)
    source = Replay(frames, clock=FakeClock())
    into = np.empty_like(frames[0])
    seen = [source.read(into) for _ in range(4)]
    assert all(frame.image is into for frame in seen)
    assert [frame.info.index for frame in seen] == [0, 1, 2, 3]
    np.testing.assert_array_equal(into, frames[0])
    other = source.read(np.empty((2, 2, 3), np.uint8)).image
    np.testing.assert_array_equal(other, frames[1])
    other[:] = 0
    assert frames[1].any()


def test_frames_come_at_their_time_and_missed_ones_are_skipped() -> None:
    clock = FakeClock(100.0)
    source = Replay(moving_frames(1), clock=clock, period=2.0)
    times = [source.read().info.captured for _ in range(3)]
    clock.sleep(11.0)
    times += [source.read().info.captured for _ in range(3)]
    assert times == [100.0, 102.0, 104.0, 115.0, 115.0, 117.0]


def test_scenes_move_and_differ() -> None:
    first, second = moving_frames(2), moving_frames(2, kind=1)
    assert first[0].shape == (HEIGHT, WIDTH, 3)
    assert (first[0] != first[1]).any()
    assert np.abs(first[0].astype(int) - second[0]).mean() > 20
    np.testing.assert_array_equal(first[0], moving_frames(1)[0])


def test_only_as_much_of_a_source_is_read_as_fits_and_it_is_closed() -> None:
    images = [np.full((2, 5, 3), value, np.uint8) for value in range(9)]
    source = FakeSource(images)
    assert [frame[0, 0, 0] for frame in decoded_frames(source, max_bytes=3 * 30)] == [0, 1, 2]
    assert source.closed
    assert len(decoded_frames(FakeSource(images[:2]), max_bytes=3 * 30)) == 2


def test_a_memory_is_filled_with_classes_that_differ(tiny: Path, tmp_path: Path) -> None:
    model = Model(read_model(tiny))
    with Memory(tmp_path / "taught.db") as memory:
        fill(memory, model, 45)
        assert memory.space == model.space
        assert memory.classes() == {f"thing {kind}": 5 if kind < 5 else 4 for kind in range(CLASSES)}


def test_a_model_without_an_embedding_cannot_fill_a_memory(tmp_path: Path) -> None:
    model = Model(read_model(toy_model.write_mean_color(tmp_path / "mean.tflite")), labels=("r", "g", "b"))
    with Memory(tmp_path / "taught.db") as memory, pytest.raises(ConfigError, match="has no embedding"):
        fill(memory, model, 5)


def test_the_error_of_a_process_that_does_not_start_is_passed_on(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"does not run: error: .*nothing.tflite does not exist"):
        footprint.measure(moving_frames(1), ["--model", str(tmp_path / "nothing.tflite")], clock=time)
