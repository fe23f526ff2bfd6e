"""A user's own photos become the bank of a model; photos that cannot be used are named."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from edge_cls.core.bank import MAX_PHOTOS, Bank
from edge_cls.errors import DatasetError, ModelError
from edge_cls.model.background import MIN_PHOTOS, background_photos, evenly, make_bank
from edge_cls.model.file import ModelFile, read_model
from edge_cls.model.importing.importer import import_model
from edge_cls.model.model import Model
from tests.model.importing.foreign import LABELS, append_zip, int8_network
from tests.random_photos import write_photos


def test_the_bank_has_the_embeddings_of_the_photos(tiny: Path, tmp_path: Path) -> None:
    model, photos = Model(read_model(tiny)), background_photos(write_photos(tmp_path, 20))
    made = make_bank(model, photos)
    embeddings = [model.embed(path.read_bytes()).dequantize() for path in photos.paths]
    cosines = (Bank.decode(made.encoded).units * Bank(np.stack(embeddings)).units).sum(axis=1)
    assert cosines.shape == (20,)
    assert cosines.min() > 0.99
    assert str(made) == f"20 photos of {tmp_path}"


def test_photos_that_are_not_used_are_named(tiny: Path, tmp_path: Path) -> None:
    write_photos(tmp_path, 20)
    (tmp_path / "0001.png").write_bytes(b"not a photo")
    (tmp_path / "copy.png").write_bytes((tmp_path / "0003.png").read_bytes())
    made = make_bank(Model(read_model(tiny)), background_photos(tmp_path))
    assert (made.size, made.repeated, len(made.unread)) == (19, 1, 1)
    assert re.fullmatch(
        f"19 photos of {tmp_path}; 1 could not be read .the first: .*0001.png is not an image of a known "
        "format.; 1 repeat another photo",
        str(made),
    )


def test_of_many_photos_some_are_chosen_evenly(tmp_path: Path) -> None:
    for number in range(MAX_PHOTOS * 2):
        (tmp_path / f"{number:04}.jpg").touch()
    photos = background_photos(tmp_path)
    numbers = [int(path.stem) for path in photos.paths]
    assert (len(numbers), photos.found) == (MAX_PHOTOS, MAX_PHOTOS * 2)
    assert (numbers[0], numbers[-1]) == (0, MAX_PHOTOS * 2 - 1)
    assert set(np.diff(numbers)) <= {1, 2, 3}
    assert evenly([tmp_path], 5) == [tmp_path]
    assert evenly([], 5) == []


@pytest.mark.parametrize("count", [0, MIN_PHOTOS - 1])
def test_too_few_photos_are_refused_before_anything_is_computed(tmp_path: Path, count: int) -> None:
    with pytest.raises(DatasetError, match=f"has {count} photos, expected at least {MIN_PHOTOS} photos for a bank; "):
        background_photos(write_photos(tmp_path, count))


def test_a_folder_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="nowhere is not a folder"):
        background_photos(tmp_path / "nowhere")


def test_too_few_readable_photos_are_refused(tiny: Path, tmp_path: Path) -> None:
    write_photos(tmp_path, MIN_PHOTOS)
    (tmp_path / "0001.png").write_bytes(b"not a photo")
    message = (
        f"has {MIN_PHOTOS - 1} different photos that can be read, expected at least {MIN_PHOTOS} .*0001.png is not"
    )
    with pytest.raises(DatasetError, match=message):
        make_bank(Model(read_model(tiny)), background_photos(tmp_path))


def test_a_model_without_an_embedding_is_refused(tiny: Path, tmp_path: Path) -> None:
    classifier = Model(ModelFile(tmp_path / "c.tflite", int8_network(tiny), labels=("a", "b", "c")))
    with pytest.raises(ModelError, match="has no embedding, and a bank consists of embeddings"):
        make_bank(classifier, background_photos(write_photos(tmp_path, 16)))


def test_an_imported_model_has_the_bank_of_the_photos(tiny: Path, tmp_path: Path) -> None:
    source = tmp_path / "foreign.tflite"
    source.write_bytes(append_zip(int8_network(tiny), {"my_labels.txt": LABELS.encode()}))
    photos = background_photos(write_photos(tmp_path / "photos", 16))
    plain = import_model(source, tmp_path / "plain.tflite", embedding="auto")
    imported = import_model(source, tmp_path / "m.tflite", embedding="auto", background=photos)
    read = read_model(tmp_path / "m.tflite")
    assert plain.file.bank is None
    assert read.bank is not None
    assert len(read.bank) == 16
    assert str(imported.made_bank) == f"16 photos of {tmp_path / 'photos'}"
    assert Model(read).space == Model(read_model(tmp_path / "plain.tflite")).space
    with pytest.raises(ModelError, match="is imported without an embedding"):
        import_model(source, tmp_path / "n.tflite", background=photos)
