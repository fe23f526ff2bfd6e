"""Read and write a `.tflite` with labels and manifest inside.

The network carries TFLite Metadata, for MediaPipe and other programs. The files are appended to it as a ZIP archive, as
that standard demands: `zipfile` opens the model, and any TFLite interpreter runs it, because it stops reading at the
end of the network.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from pydantic import ConfigDict, TypeAdapter, ValidationError

from edge_cls.archive import Archive, Limits
from edge_cls.core.bank import Bank
from edge_cls.core.labels import format_labels, parse_labels
from edge_cls.core.manifest import Manifest
from edge_cls.errors import LabelError, ModelError
from edge_cls.files import open_regular, write_whole
from edge_cls.model.golden_frames import GoldenFrame
from edge_cls.model.known_banks import BANK, known_bank
from edge_cls.tflite.metadata import describe, labels_file, read_metadata, with_metadata, without_metadata

MANIFEST = "manifest.json"
LABELS = "labels.txt"
TRAINED_ON = "trained-on.sha256"
GOLDEN = "golden.json"
_MAX_FILE = 128 * 2**20
"""Bytes of the largest model file: several times the largest int8 classifiers. Up to three copies are in memory."""
_LIMITS = Limits(members=1000, member_size=16 * 2**20)
_manifests = TypeAdapter(Manifest)
_goldens = TypeAdapter(tuple[GoldenFrame, ...], config=ConfigDict(ser_json_bytes="base64", val_json_bytes="base64"))


@dataclass(frozen=True)
class ModelFile:
    """The contents of a model file.

    `network` is the FlatBuffer alone, without the metadata that `write_model` puts in front of it. A model that
    edge-cls did not make has no manifest, and has labels only if its metadata names their file. `trained_on` holds the
    first four bytes of the SHA-256 of each photo that the model was trained on. `golden` are the frames that
    `edge_cls.model.golden` replays. `encoded_bank` is the bank of the backbone as `Bank.encode` returns it: the
    one in the file, otherwise the one that ships with edge-cls for that embedding space, otherwise b"".
    """

    path: Path
    network: bytes
    manifest: Manifest | None = None
    labels: tuple[str, ...] = ()
    trained_on: frozenset[bytes] = frozenset()
    golden: tuple[GoldenFrame, ...] = ()
    encoded_bank: bytes = b""

    @cached_property
    def bank(self) -> Bank | None:
        """The embeddings of generic photos by this network, for open-set rejection; None if there are none.

        Raises ModelError if they are damaged.
        """
        if not self.encoded_bank:
            return None
        try:
            return Bank.decode(self.encoded_bank)
        except ValueError as error:
            raise damaged_bank(self.path, error) from error


def damaged_bank(path: Path, error: ValueError) -> ModelError:
    """Return the error for a bank in the file at `path` that cannot be read for the reason `error`."""
    return ModelError(
        f"{path} is damaged: {BANK}, its bank of generic photos, cannot be read ({error})",
        hint="update edge-cls, or copy the file again from where it was made",
    )


def read_model(path: Path) -> ModelFile:
    """Return the model at `path`. Raises ModelError if it is missing, cut off, damaged or not a TFLite model."""
    return model_of(path, *read_parts(path))


def model_of(path: Path, stored: bytes, archive: Archive) -> ModelFile:
    """Return the model of the parts that `read_parts` returned. Raises ModelError if they are damaged."""
    return _ours(path, stored, archive) if MANIFEST in archive else _foreign(path, stored, archive)


def read_parts(path: Path) -> tuple[bytes, Archive]:
    """Return the network stored in the file at `path`, metadata included, and the archive of files behind it.

    Raises ModelError if the file is missing, cut off, or not a TFLite model.
    """
    content = _read(path)
    archive = Archive(content, str(path), error=ModelError, limits=_LIMITS, appended=True)
    # The archive is found by its end. If that is cut off or damaged, its beginning is still there.
    if MANIFEST not in archive and b"PK\x03\x04" in content and MANIFEST.encode() in content:
        raise ModelError(f"{path} is damaged or cut off", hint="copy it again from where it was made")
    return content[: min((info.header_offset for info in archive.members), default=len(content))], archive


def _read(path: Path) -> bytes:
    try:
        with open_regular(path, limit=_MAX_FILE) as file:
            content = file.read()
    except FileNotFoundError:
        raise ModelError(
            f"{path} does not exist", hint="check the path, or make a model with 'edge-cls quantize'"
        ) from None
    except OSError as error:
        raise ModelError(
            f"{path} cannot be read ({error.strerror})", hint="check the file and its permissions"
        ) from error
    if content[4:8] != b"TFL3":
        raise ModelError(f"{path} is not a TFLite model", hint="give a .tflite file, as 'edge-cls quantize' writes it")
    return content


def _ours(path: Path, stored: bytes, archive: Archive) -> ModelFile:
    try:
        manifest = _manifests.validate_json(archive.read(MANIFEST))
        labels = tuple(_optional(archive, LABELS).decode().splitlines())
        golden = _goldens.validate_json(_optional(archive, GOLDEN) or b"[]")
    except (ValidationError, UnicodeDecodeError) as error:
        raise ModelError(
            f"{path} has a manifest this version cannot read ({_first(error)})",
            hint="update edge-cls, or make the model again",
        ) from error
    if sha256(stored) != manifest.flatbuffer_sha256:
        raise ModelError(
            f"{path} is damaged: its network does not match its checksum", hint="copy it again from where it was made"
        )
    digests = _optional(archive, TRAINED_ON)
    trained_on = frozenset(digests[i : i + 4] for i in range(0, len(digests), 4))
    bank = _optional(archive, BANK) or known_bank(manifest.space)
    return ModelFile(path, without_metadata(stored), manifest, labels, trained_on, golden, bank)


def _first(error: ValidationError | UnicodeDecodeError) -> str:
    """Return the first problem, and its place."""
    if isinstance(error, UnicodeDecodeError):
        return f"{LABELS} is not UTF-8"
    first = error.errors()[0]
    place = ".".join(map(str, first["loc"]))
    return f"{place}: {first['msg']}" if place else first["msg"]


def _foreign(path: Path, network: bytes, archive: Archive) -> ModelFile:
    try:
        name = labels_file(read_metadata(network) or {})
        labels = parse_labels(_optional(archive, name).decode()) if name else ()
    except (ModelError, LabelError, UnicodeDecodeError):
        labels = ()
    return ModelFile(path, network, labels=labels, encoded_bank=known_bank(sha256(network)))


def _optional(archive: Archive, name: str) -> bytes:
    """Return an associated file, b"" if there is none."""
    return archive.read(name) if name in archive else b""


def write_model(model: ModelFile) -> None:
    """Write `model` to its path, completely or not at all. The same model gives the same bytes.

    A model with a manifest gets TFLite Metadata; the manifest's `flatbuffer_sha256` is filled in, and its `space` if it
    is empty (see `space_of`). Raises OutputError if the file cannot be written, and ValueError if `network` has files
    appended.
    """
    if zipfile.is_zipfile(io.BytesIO(model.network)):
        raise ValueError(f"the network of {model.path} has files appended: use the network that read_model returns")
    network = without_metadata(model.network)
    files: dict[str, bytes] = {}
    if model.manifest is not None:
        space = model.manifest.space or space_of(network)
        network = with_metadata(network, describe(network, model.manifest, model.labels))
        manifest = replace(model.manifest, flatbuffer_sha256=sha256(network), space=space)
        files[MANIFEST] = _manifests.dump_json(manifest, indent=2)
    if model.labels:
        files[LABELS] = format_labels(model.labels).encode()
    if model.trained_on:
        files[TRAINED_ON] = b"".join(sorted(model.trained_on))
    if model.golden:
        files[GOLDEN] = _goldens.dump_json(model.golden, indent=2)
    if model.encoded_bank:
        files[BANK] = model.encoded_bank
    buffer = io.BytesIO()
    buffer.write(network)
    _append_zip(buffer, files)
    write_whole(model.path, buffer.getvalue())


def _append_zip(buffer: io.BytesIO, files: Mapping[str, bytes]) -> None:
    with zipfile.ZipFile(buffer, "a", zipfile.ZIP_STORED) as archive:
        for name, data in files.items():
            # A new ZipInfo has the year 1980 instead of the time of day, which would change the bytes.
            archive.writestr(zipfile.ZipInfo(name), data)


def space_of(network: bytes) -> str:
    """Return the name of the embedding space of a network: the SHA-256 of its content.

    It does not depend on the version of flatbuffers that wrote the bytes, nor on a head beside the embedding. A network
    without an output of that name gets the SHA-256 of its bytes.
    """
    from edge_cls.tflite.content import content_sha256  # here, because it loads the schema of TFLite

    try:
        return content_sha256(network, "embedding")
    except ModelError:
        return sha256(network)


def sha256(content: bytes) -> str:
    """Return the SHA-256 of `content` in hexadecimal."""
    return hashlib.sha256(content).hexdigest()
