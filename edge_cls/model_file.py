"""Read and write a `.tflite` with labels and manifest inside.

The files are appended to the network as a ZIP archive, as TFLite Metadata does it: `zipfile` opens the model, and any
TFLite interpreter runs it, since it stops reading where the network ends.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from edge_cls.core.labels import format_labels
from edge_cls.core.manifest import Manifest
from edge_cls.errors import ModelError, OutputError
from edge_cls.files import open_regular

MANIFEST = "manifest.json"
LABELS = "labels.txt"
TRAINED_ON = "trained-on.sha256"
_MAX_FILE = 128 * 2**20
"""Several times the largest image classifiers in int8. It lies in memory up to three times."""
_MAX_MEMBER = 16 * 2**20
_MAX_MEMBERS = 1000
_manifests = TypeAdapter(Manifest)


@dataclass(frozen=True)
class ModelFile:
    """A model as it lies on disk.

    `network` is the FlatBuffer alone. A model that edge-cls did not make has neither manifest nor labels.
    `trained_on` holds the first four bytes of the SHA-256 of each photo that the model has learnt from.
    """

    path: Path
    network: bytes
    manifest: Manifest | None = None
    labels: tuple[str, ...] = ()
    trained_on: frozenset[bytes] = frozenset()


def read_model(path: Path) -> ModelFile:
    """Return the model at `path`. Raises ModelError where it is missing, cut off, damaged or no TFLite model."""
    try:
        with open_regular(path, limit=_MAX_FILE) as file:
            content = file.read()
    except FileNotFoundError:
        raise ModelError(
            f"{path} does not exist", mend="check the path, or make a model with 'edge-cls quantize'"
        ) from None
    except OSError as error:
        raise ModelError(f"{path} cannot be read ({error.strerror})", mend="check the file and its rights") from error
    if content[4:8] != b"TFL3":
        raise ModelError(f"{path} is no TFLite model", mend="give a .tflite file, as 'edge-cls quantize' writes it")
    members, network_size = _members(path, content)
    network = content[:network_size]
    if MANIFEST not in members:
        # Cut off or damaged, the archive is not found at its end any more; its beginning is still there.
        if b"PK\x03\x04" in content and MANIFEST.encode() in content:
            raise ModelError(f"{path} is damaged or cut off", mend="copy it again from where it was made")
        return ModelFile(path, network)
    try:
        manifest = _manifests.validate_json(members[MANIFEST])
        labels = tuple(members.get(LABELS, b"").decode().splitlines())
    except (ValidationError, UnicodeDecodeError) as error:
        first = error.errors()[0] if isinstance(error, ValidationError) else {"loc": (LABELS,), "msg": str(error)}
        raise ModelError(
            f"{path} has a manifest this version cannot read ({first['loc']}: {first['msg']})",
            mend="update edge-cls, or make the model again",
        ) from error
    if sha256(network) != manifest.flatbuffer_sha256:
        raise ModelError(
            f"{path} is damaged: its network does not match its hash", mend="copy it again from where it was made"
        )
    digests = members.get(TRAINED_ON, b"")
    trained_on = frozenset(digests[i : i + 4] for i in range(0, len(digests), 4))
    return ModelFile(path, network, manifest, labels, trained_on)


def _members(path: Path, content: bytes) -> tuple[dict[str, bytes], int]:
    """Return the associated files, and where the network ends."""
    if content.count(b"PK\x01\x02") > _MAX_MEMBERS:
        raise ModelError(f"{path} holds over {_MAX_MEMBERS} files", mend="make the model again")
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
    except (zipfile.BadZipFile, NotImplementedError, ValueError):
        return {}, len(content)
    with archive:
        wanted = [info for info in archive.infolist() if info.filename in (MANIFEST, LABELS, TRAINED_ON)]
        if any(info.file_size > _MAX_MEMBER for info in wanted):
            raise ModelError(f"{path} holds a file of over {_MAX_MEMBER} bytes", mend="make the model again")
        if len({info.filename for info in wanted}) < len(wanted):
            raise ModelError(f"{path} holds two files of one name", mend="make the model again")
        # Not LZMA, whose header alone can ask for gigabytes.
        if any(info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for info in wanted):
            raise ModelError(f"{path} holds a file in an odd compression", mend="make the model again")
        try:
            members = {info.filename: archive.read(info) for info in wanted}
        except (zipfile.BadZipFile, zlib.error, RuntimeError, ValueError, EOFError, OSError) as error:
            raise ModelError(f"{path} is damaged ({error})", mend="copy it again from where it was made") from error
        return members, min((info.header_offset for info in archive.infolist()), default=len(content))


def write_model(model: ModelFile) -> None:
    """Write `model` to its path: whole, or, where the disk is full, not at all. The same model gives the same bytes."""
    buffer = io.BytesIO()
    buffer.write(model.network)
    files: dict[str, bytes] = {}
    if model.manifest is not None:
        digest = sha256(model.network)
        manifest = replace(model.manifest, flatbuffer_sha256=digest, space=model.manifest.space or digest)
        files[MANIFEST] = _manifests.dump_json(manifest, indent=2)
    if model.labels:
        files[LABELS] = format_labels(model.labels).encode()
    if model.trained_on:
        files[TRAINED_ON] = b"".join(sorted(model.trained_on))
    _append_zip(buffer, files)
    write_whole(model.path, buffer.getvalue())


def _append_zip(buffer: io.BytesIO, files: Mapping[str, bytes]) -> None:
    with zipfile.ZipFile(buffer, "a", zipfile.ZIP_STORED) as archive:
        for name, data in files.items():
            # A ZipInfo of its own has the year 1980 and not the time of day, which would change the bytes.
            archive.writestr(zipfile.ZipInfo(name), data)


def write_whole(path: Path, content: bytes) -> None:
    """Put `content` at `path` so that a reader sees the old file or the new one, even after a power cut."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise OutputError(
            f"{path} cannot be written ({error.strerror})", mend="free some space, or choose another place"
        ) from error


def sha256(content: bytes) -> str:
    """Return the SHA-256 of `content` in hexadecimal."""
    return hashlib.sha256(content).hexdigest()
