"""Grey copies of the examples of a memory: each is computed once, and is no example of the memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge_cls import Classifier
from edge_cls.core.quantization import QuantizedVector, quantize_vector
from edge_cls.errors import ConfigError, MemoryFileError
from edge_cls.images.preprocess import Frame
from edge_cls.images.reading import encode_jpeg
from edge_cls.memory.copies import GreyCopies
from edge_cls.memory.store import Memory
from tests import toy_model
from tests.colors import color_frame
from tests.examples import teach, vector


class Embedder:
    """Embeds a frame as its mean colour, and keeps the frames."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []

    def __call__(self, frame: Frame) -> QuantizedVector:
        self.frames.append(frame)
        return quantize_vector(frame.mean(axis=(0, 1)), 1.0, 0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A memory with 40 red examples and one without a photo."""
    path = tmp_path / "taught.db"
    with Memory(path) as memory:
        memory._database.connection.execute("PRAGMA synchronous = OFF")  # faster; these tests cut no power
        for seed in range(40):
            teach(memory, "rose", crop=encode_jpeg(color_frame("red", seed)), seed=seed)
        teach(memory, "sky", crop=b"")
    return path


def test_each_photo_is_embedded_in_grey_once(path: Path) -> None:
    embed = Embedder()
    with Memory(path) as memory:
        taught = memory.embeddings()
        copies = GreyCopies(memory, "space", embed).of(taught)
        assert [(copy.copy_of, copy.label) for copy in copies] == [(one.id, one.label) for one in taught[:40]]
        assert not {copy.id for copy in copies} & {one.id for one in taught}
        assert len(embed.frames) == 40
        assert all((frame == frame[..., :1]).all() for frame in embed.frames)
        luminance = color_frame("red").mean(axis=(0, 1)) @ [0.299, 0.587, 0.114]
        assert copies[0].embedding.dequantize() == pytest.approx([luminance] * 3, abs=2)
    with Memory(path) as memory:
        again = GreyCopies(memory, "space", embed).of(memory.embeddings())
        assert [copy.embedding.values.tolist() for copy in again] == [one.embedding.values.tolist() for one in copies]
        assert len(embed.frames) == 40
        GreyCopies(memory, "another space", embed).of(memory.embeddings())
        assert len(embed.frames) == 80


def test_the_memory_itself_does_not_change(path: Path) -> None:
    with Memory(path) as memory, Memory(path) as following:
        taught = following.embeddings()
        before = [(one.id, one.stamp, one.space) for one in memory.all_examples()]
        GreyCopies(memory, "space", Embedder()).of(taught)
        assert not following.changes()
        assert not memory.check()
        assert memory.space == "space"
        assert [(one.id, one.stamp, one.space) for one in memory.all_examples()] == before
        assert [len(one.embedding.values) for one in memory.embeddings()] == [128] * 41
        operation = memory.undo()
        assert operation is not None
        assert operation.labels == ("sky",)
        memory.reembed("other", lambda _: vector())
        assert memory.altered("space grey", [one.id for one in taught]) == {}


def test_after_damage_the_examples_and_not_the_copies_are_the_memory(path: Path) -> None:
    with Memory(path) as memory:
        memory.remove([memory.embeddings()[-1].id])
        memory.vacuum()
        GreyCopies(memory, "space", Embedder()).of(memory.embeddings())
        memory._database.connection.execute("UPDATE state SET only = 1")
        memory.repair()
        assert memory.space == "space"
        assert [len(one.embedding.values) for one in memory.embeddings()] == [128] * 40


def test_a_copy_that_cannot_be_stored_is_learnt_all_the_same(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise MemoryFileError("disk full", hint="free some space")

    monkeypatch.setattr(Memory, "put_altered", refuse)
    with Memory(path) as memory:
        assert len(GreyCopies(memory, "space", Embedder()).of(memory.embeddings())) == 40


def test_a_damaged_photo_has_no_copy(tmp_path: Path) -> None:
    with Memory(tmp_path / "taught.db") as memory:
        teach(memory, crop=b"not a JPEG")
        assert GreyCopies(memory, "space", Embedder()).of(memory.embeddings()) == []


def test_a_classifier_learns_the_copies_and_counts_the_examples(tmp_path: Path) -> None:
    backbone, path = toy_model.write_mean_color(tmp_path / "mean.tflite", dtype=toy_model.INT8), tmp_path / "taught.db"
    with Classifier(backbone, memory=path) as before:
        before.teach("rose", color_frame("red"))
    with (
        Classifier(backbone, memory=path, augment=["grey"]) as classifier,
        Classifier(backbone, memory=path) as other,
    ):
        night = np.full((40, 40, 3), 90, np.uint8)
        assert classifier.classify(night).label == "rose"
        assert classifier.classify(night).known > other.classify(night).known
        identities = [classifier.teach("sky", color_frame("blue")).id, other.teach("grass", color_frame("green")).id]
        prediction = classifier.classify(night)
        assert classifier.taught() == {"rose": 1, "sky": 1, "grass": 1}
        assert len({near.id for near in prediction.nearest}) == 3
        assert [f"{identity} grey" in classifier.learner for identity in identities] == [True, True]
        assert other.memory is not None
        other.memory.undo()
        classifier.reload_changes()
        assert [f"{identity} grey" in classifier.learner for identity in identities] == [True, False]
        assert classifier.taught() == {"rose": 1, "sky": 1}


def test_an_unknown_alteration_is_refused(tiny: Path) -> None:
    with pytest.raises(ConfigError, match="unknown copies 'gray'"):
        Classifier(tiny, augment=["gray"])
