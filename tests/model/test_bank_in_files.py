"""The bank of a backbone is in its file, goes with every copy, and changes nothing else."""

from __future__ import annotations

import dataclasses
import zipfile
from pathlib import Path

import numpy as np
import pytest

from edge_cls.core.bank import MAX_PHOTOS, Bank
from edge_cls.errors import ModelError
from edge_cls.model import file as file_module
from edge_cls.model.backbones import read_backbone
from edge_cls.model.file import ModelFile, read_model, sha256, write_model
from edge_cls.model.known_banks import known_bank
from edge_cls.model.model import Model
from edge_cls.model.names import DEFAULT, LITE0, SPACES


def a_bank(dim: int) -> Bank:
    return Bank(np.random.default_rng(0).random((20, dim), np.float32))


@pytest.fixture
def with_bank(tiny: Path, tmp_path: Path) -> ModelFile:
    """tiny.tflite with a bank, written to another path."""
    file = read_model(tiny)
    dim = Model(file).infer(np.zeros((32, 32, 3), np.uint8)).embedding
    assert dim is not None
    file = dataclasses.replace(file, path=tmp_path / "copy.tflite", encoded_bank=a_bank(len(dim.values)).encode())
    write_model(file)
    return file


def test_a_bank_is_read_as_it_was_written(with_bank: ModelFile) -> None:
    read = read_model(with_bank.path)
    assert read.encoded_bank == with_bank.encoded_bank
    assert read.bank is not None
    assert read.bank is read.bank
    assert (read.bank.units == Bank.decode(with_bank.encoded_bank).units).all()
    with zipfile.ZipFile(with_bank.path) as archive:
        assert archive.read("background.bank") == with_bank.encoded_bank


def test_a_bank_changes_neither_network_nor_space(with_bank: ModelFile, tiny: Path) -> None:
    without, read = read_model(tiny), read_model(with_bank.path)
    assert without.bank is None
    assert (read.network, read.golden, read.labels) == (without.network, without.golden, without.labels)
    assert Model(read).space == Model(without).space


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"not a bank", "is damaged: background.bank, its bank of generic photos, cannot be read .it does not begin"),
        (a_bank(3).encode(), "its embeddings have 3 numbers, expected"),
    ],
)
def test_a_bank_that_does_not_fit_is_refused(with_bank: ModelFile, content: bytes, message: str) -> None:
    write_model(dataclasses.replace(with_bank, encoded_bank=content))
    with pytest.raises(ModelError, match=message):
        Model(read_model(with_bank.path))


def test_a_cut_bank_is_refused(with_bank: ModelFile) -> None:
    with pytest.raises(ModelError, match="cannot be read"):
        assert dataclasses.replace(with_bank, encoded_bank=with_bank.encoded_bank[:-5]).bank


def test_a_network_without_a_manifest_has_the_bank_that_ships_for_it(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = read_model(tiny).network
    (tmp_path / "published.tflite").write_bytes(network)
    known = {sha256(network): b"the bank"}
    monkeypatch.setattr(file_module, "known_bank", lambda space: known.get(space, b""))
    assert read_model(tmp_path / "published.tflite").encoded_bank == b"the bank"


@pytest.mark.parametrize("name", [*LITE0, "builtin"])
def test_every_backbone_has_a_bank(name: str) -> None:
    encoded = known_bank(SPACES[name])
    bank = Bank.decode(encoded)
    assert bank.units.shape == (MAX_PHOTOS, 1280)
    assert len(encoded) <= 90_000
    assert 0.7 < bank.distance < 0.9


def test_a_backbone_that_was_built_has_its_bank_inside(default_backbone: Path) -> None:
    with zipfile.ZipFile(default_backbone) as archive:
        assert archive.read("background.bank") == known_bank(SPACES[DEFAULT])


@pytest.mark.parametrize("name", ["default", "builtin"])
@pytest.mark.usefixtures("default_backbone")
def test_a_model_of_a_known_space_that_was_made_without_a_bank_has_one(name: str, tmp_path: Path) -> None:
    file = read_backbone(name)
    write_model(dataclasses.replace(file, path=tmp_path / "old.tflite", encoded_bank=b""))
    assert read_model(tmp_path / "old.tflite") == dataclasses.replace(file, path=tmp_path / "old.tflite")
