"""A `.tflite` with labels and manifest inside is read completely, or refused."""

from __future__ import annotations

import dataclasses
import itertools
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest

from edge_cls.backends.litert import Interpreter
from edge_cls.errors import ModelError
from edge_cls.model.file import ModelFile, read_model, sha256, write_model
from edge_cls.tflite.content import content_sha256
from edge_cls.tflite.metadata import with_metadata


@pytest.fixture
def model(tiny: Path, tmp_path: Path) -> ModelFile:
    """tiny.tflite with every optional part of a model file, to be written to another path."""
    digests = frozenset({b"abcd", b"0123"})
    file = read_model(tiny)
    assert file.manifest is not None
    manifest = dataclasses.replace(file.manifest, space=sha256(file.network))
    return dataclasses.replace(file, path=tmp_path / "copy.tflite", manifest=manifest, trained_on=digests)


def test_a_written_model_is_read_unchanged(model: ModelFile) -> None:
    write_model(model)
    read = read_model(model.path)
    assert read == model
    write_model(dataclasses.replace(read, path=model.path.with_name("again.tflite")))
    assert model.path.with_name("again.tflite").read_bytes() == model.path.read_bytes()


def test_a_network_without_a_manifest_is_read_unchanged(model: ModelFile) -> None:
    model.path.write_bytes(model.network)
    assert read_model(model.path) == ModelFile(model.path, model.network)


def test_a_file_with_an_archive_is_refused_as_network(model: ModelFile, tiny: Path) -> None:
    with pytest.raises(ValueError, match="has files appended"):
        write_model(dataclasses.replace(model, network=tiny.read_bytes()))


def test_the_same_model_gives_the_same_bytes(model: ModelFile, tmp_path: Path) -> None:
    write_model(model)
    write_model(dataclasses.replace(model, path=tmp_path / "again.tflite"))
    assert (tmp_path / "again.tflite").read_bytes() == model.path.read_bytes()


def test_zipfile_opens_the_model_and_finds_constant_times(model: ModelFile) -> None:
    write_model(model)
    with zipfile.ZipFile(model.path) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["manifest.json", "labels.txt", "trained-on.sha256", "golden.json"]
        assert archive.read("labels.txt") == b"blue\ngreen\nred\n"
        assert {info.date_time[0] for info in archive.infolist()} == {1980}


def test_the_interpreter_runs_the_file_as_if_nothing_were_appended(model: ModelFile) -> None:
    write_model(model)
    whole, network = Interpreter(model.path.read_bytes()), Interpreter(model.network)
    pixels = np.random.default_rng(0).integers(0, 256, whole.input.shape[1:]).astype(whole.input.dtype)
    for ours, theirs in zip(whole.invoke(pixels), network.invoke(pixels), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("position", [0.3, 0.6, 0.99])
def test_a_changed_byte_of_the_network_is_detected_by_its_checksum(model: ModelFile, position: float) -> None:
    write_model(model)
    content = bytearray(model.path.read_bytes())
    content[int(position * len(model.network))] ^= 1
    model.path.write_bytes(content)
    with pytest.raises(ModelError, match="is damaged: its network does not match its checksum; copy it again"):
        read_model(model.path)


def test_a_changed_byte_of_the_labels_is_detected(model: ModelFile) -> None:
    write_model(model)
    model.path.write_bytes(model.path.read_bytes().replace(b"blue\n", b"blur\n"))
    with pytest.raises(ModelError, match=r"is damaged .*; download or copy it again"):
        read_model(model.path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is not a TFLite model; give a .tflite file"),
        (b"TFL3", "is not a TFLite model; give a .tflite file"),
        (b"just a text that somebody called a model", "is not a TFLite model; give a .tflite file"),
        (None, "does not exist; check the path"),
    ],
    ids=["empty", "too short", "text", "missing"],
)
def test_a_file_that_is_not_a_model_is_refused(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "model.tflite"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelError, match=message):
        read_model(path)


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"cannot be read \(Is a directory\)"):
        read_model(tmp_path)


def test_a_pipe_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "model.tflite")
    with pytest.raises(ModelError, match=r"cannot be read \(Not a regular file\)"):
        read_model(tmp_path / "model.tflite")


def test_a_file_that_is_too_large_is_refused_before_it_is_read(tmp_path: Path) -> None:
    with (tmp_path / "model.tflite").open("wb") as file:
        file.write(b"\x1c\0\0\0TFL3")
        file.truncate(2**36)  # sparse: it takes no place on the disk
    with pytest.raises(ModelError, match=r"cannot be read \(Larger than 128 MiB\)"):
        read_model(tmp_path / "model.tflite")


@pytest.mark.parametrize("missing", [1, 30, 300, 700])
def test_a_truncated_model_is_refused(model: ModelFile, missing: int) -> None:
    write_model(model)
    model.path.write_bytes(model.path.read_bytes()[:-missing])
    with pytest.raises(ModelError):
        read_model(model.path)


@pytest.mark.parametrize("kept", [8, 64, 0.5, 0.99])
def test_a_truncated_network_is_refused(model: ModelFile, kept: float) -> None:
    cut = model.network[: kept if isinstance(kept, int) else int(kept * len(model.network))]
    with pytest.raises(ModelError, match="cannot be loaded by the TFLite interpreter"):
        Interpreter(cut)


@pytest.mark.parametrize("step", [5, pytest.param(1, marks=pytest.mark.slow)], ids=["a fifth", "all"])
def test_a_changed_byte_of_the_archive_is_read_or_refused(model: ModelFile, step: int) -> None:
    write_model(dataclasses.replace(model, golden=()))
    content = model.path.read_bytes()
    positions = range(content.index(b"PK\x03\x04"), len(content))
    for position, value in list(itertools.product(positions, (0x01, 0x08, 0x80, 0xFF)))[::step]:
        changed = bytearray(content)
        changed[position] ^= value
        model.path.write_bytes(changed)
        try:
            read = read_model(model.path)
        except ModelError:
            continue
        assert read.manifest is not None, f"byte {position - len(content)} hid the manifest"


def with_member(model: ModelFile, name: str, content: bytes) -> Path:
    """Write the network and an archive of one file."""
    model.path.write_bytes(model.network)
    with zipfile.ZipFile(model.path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return model.path


@pytest.mark.parametrize(
    "manifest",
    [b"{", b"[]", b'{"name": "tiny"}', b"\xff\xfe"],
    ids=["cut JSON", "no object", "fields missing", "no text"],
)
def test_an_invalid_manifest_is_refused(model: ModelFile, manifest: bytes) -> None:
    with pytest.raises(ModelError, match=r"has a manifest this version cannot read .*; update edge-cls"):
        read_model(with_member(model, "manifest.json", manifest))


def test_a_manifest_of_a_later_schema_is_refused(model: ModelFile) -> None:
    write_model(model)
    with zipfile.ZipFile(model.path) as archive:
        later = archive.read("manifest.json").replace(b'"schema_version": 1', b'"schema_version": 2')
    with pytest.raises(ModelError, match="schema_version"):
        read_model(with_member(model, "manifest.json", later))


def test_files_of_other_programs_in_the_archive_are_ignored(model: ModelFile) -> None:
    read = read_model(with_member(model, "labelmap.txt", b"cat\ndog\n"))
    assert (read.network, read.manifest, read.labels) == (model.network, None, ())


NAMES_LABELS = {
    "subgraph_metadata": [{"output_tensor_metadata": [{"associated_files": [{"name": "classes.txt", "type": 2}]}]}]
}


@pytest.mark.parametrize(
    ("content", "labels"),
    [
        (b"cat\ndog\n", ("cat", "dog")),
        (b"0 cat\n1 dog\n", ("cat", "dog")),
        (b"\xff\xfe", ()),
        (b"", ()),
        (bytes(17 * 2**20), ()),
    ],
    ids=["plain", "indexed", "no text", "empty", "too much"],
)
def test_the_labels_in_the_metadata_of_other_programs_are_read(
    model: ModelFile, content: bytes, labels: tuple[str, ...]
) -> None:
    described = dataclasses.replace(model, network=with_metadata(model.network, NAMES_LABELS))
    read = read_model(with_member(described, "classes.txt", content))
    assert (read.manifest, read.labels) == (None, labels)


def test_the_space_of_a_model_does_not_depend_on_its_description(model: ModelFile) -> None:
    assert model.manifest is not None
    first = dataclasses.replace(model, manifest=dataclasses.replace(model.manifest, space=""))
    write_model(first)
    read = read_model(model.path)
    assert read.manifest is not None
    assert read.manifest.space == content_sha256(model.network, "embedding")
    renamed = dataclasses.replace(read.manifest, name="another, longer name", temperature=2.0)
    write_model(dataclasses.replace(read, manifest=renamed))
    again = read_model(model.path)
    assert again.manifest is not None
    assert (again.network, again.manifest.space, again.manifest.temperature) == (
        model.network,
        read.manifest.space,
        2.0,
    )
    assert again.manifest.flatbuffer_sha256 != read.manifest.flatbuffer_sha256


def test_a_file_that_unpacks_to_too_many_bytes_is_refused_before_it_is_unpacked(model: ModelFile) -> None:
    path = with_member(model, "manifest.json", bytes(17 * 2**20))
    assert path.stat().st_size < 2**20
    with pytest.raises(ModelError, match="has over 16 MiB"):
        read_model(path)


def test_sha256_is_that_of_the_standard() -> None:
    assert sha256(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
