"""A space has one name by content, and the names that stood for it before stay valid in memories."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import NoReturn

import pytest

from edge_cls.core.spaces import current_space
from edge_cls.errors import SpaceMismatch
from edge_cls.memory.exchange.folder import write_folder
from edge_cls.memory.exchange.importing import import_into
from edge_cls.memory.store import Memory
from edge_cls.model.builtin import builtin_file
from edge_cls.model.file import read_model, write_model
from edge_cls.model.importing.importer import import_model
from edge_cls.model.model import Model
from edge_cls.model.names import SPACES
from edge_cls.tflite.edit import pack
from edge_cls.tflite.graph import unpack
from tests.examples import embed, teach

NEW = SPACES["builtin"]


@pytest.fixture
def old() -> str:
    """The space as it stands in the file of the built-in backbone, and in memories that were taught on it before."""
    manifest = read_model(builtin_file("edge-embed.tflite")).manifest
    assert manifest is not None
    assert manifest.space != NEW
    return manifest.space


def test_a_former_name_becomes_the_name_by_content(old: str) -> None:
    assert current_space(old) == current_space(NEW) == NEW
    assert current_space("another") == "another"


def test_a_network_that_was_packed_again_is_in_the_same_space(tmp_path: Path) -> None:
    """Another version of flatbuffers writes other bytes."""
    file = read_model(builtin_file("edge-embed.tflite"))
    assert file.manifest is not None
    packed = pack(unpack(file.network, "builtin"))
    assert packed != file.network
    unnamed = dataclasses.replace(file.manifest, space="")
    write_model(dataclasses.replace(file, path=tmp_path / "again.tflite", network=packed, manifest=unnamed, golden=()))
    assert Model(read_model(tmp_path / "again.tflite")).space == NEW


def test_a_published_classifier_keeps_its_space_when_it_is_imported_again(shared: Path, tmp_path: Path) -> None:
    imported = tmp_path / "coral.tflite"
    import_model(shared / "models" / "tf2_mobilenet_v2_1.0_224_ptq.tflite", imported, embedding="auto")
    former = "704b0e65f95dd5cfdef26abada17dd252b0b342d85e92411076d429ee6a40c6c"
    assert Model(read_model(imported)).space == current_space(former) != former


def test_a_memory_with_the_former_name_takes_examples_of_the_new_one(tmp_path: Path, old: str) -> None:
    with Memory(tmp_path / "m.db") as memory:
        teach(memory, "mug", space=old)
        assert memory.space == NEW
        teach(memory, "cup", space=NEW, seed=1)
        with pytest.raises(SpaceMismatch):
            teach(memory, "jug", space="another")
        assert [one.label for one in memory.embeddings()] == ["mug", "cup"]
        assert {one.space for one in memory.all_examples()} == {NEW}
        assert memory.reembed(NEW, embed) == 0


@pytest.mark.parametrize("ours_is_old", [True, False])
def test_memories_of_both_names_merge_both_ways(tmp_path: Path, old: str, *, ours_is_old: bool) -> None:
    spaces = (old, NEW) if ours_is_old else (NEW, old)
    with Memory(tmp_path / "ours.db") as ours, Memory(tmp_path / "theirs.db") as theirs:
        teach(ours, "mug", space=spaces[0])
        teach(theirs, "cup", space=spaces[1], seed=1)
        ours.merge(theirs.all_examples())
        theirs.merge(ours.all_examples())
        assert {one.label for one in ours.embeddings()} == {one.label for one in theirs.embeddings()} == {"mug", "cup"}


def test_an_export_with_the_former_name_is_imported(tmp_path: Path, old: str) -> None:
    def no_model(_: str | None) -> NoReturn:
        raise AssertionError("every example has its vector")

    with Memory(tmp_path / "theirs.db") as theirs, Memory(tmp_path / "ours.db") as ours:
        teach(theirs, "cup", space=NEW, crop=b"")
        (tmp_path / "out").mkdir()
        write_folder((dataclasses.replace(one, space=old) for one in theirs.all_examples()), tmp_path / "out")
        import_into(ours, tmp_path / "out", no_model, chosen=False)
        assert ours.space == NEW
