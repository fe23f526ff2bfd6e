"""A memory as one folder per class, which `edge-cls train` accepts, and any such folder of photos as examples.

A file beside the class folders holds the data that photos cannot: identities, times, deletions and embeddings. Photos
that were added, changed or moved by hand are imported as such; deleting a photo by hand does not delete its example.
"""

from __future__ import annotations

import base64
import hashlib
import json
import uuid
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from edge_cls.core.labels import check_label
from edge_cls.core.quantization import QuantizedVector
from edge_cls.core.spaces import current_space
from edge_cls.errors import EdgeClsError, ImageError, MemoryFileError
from edge_cls.files import open_regular
from edge_cls.images.preprocess import Frame
from edge_cls.images.reading import MAX_FILE, SUFFIXES, read_image
from edge_cls.memory.exchange.folder_names import folder_names
from edge_cls.memory.records import Example

RECORDS = "edge-cls-memory.json"
"""Name of the file beside the class folders."""
_PHOTOS = uuid.UUID("0a3fa1c5-6f0e-5c0e-9a57-2f6f6f8d1b6e")
"""Namespace of the UUIDs of photos that are not from a memory."""

Crop = Callable[[Frame], bytes]
"""Returns the crop of a frame that is stored, as a JPEG."""


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    id: str
    label: str
    taught_at: float
    device: str
    deleted_at: float | None
    stamp: int
    editor: str
    photo: str | None
    """The SHA-256 of the crop."""
    space: str | None
    scale: float | None
    zero_point: int | None
    vector: str | None
    """The int8 values in base64."""


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    format: Literal["edge-cls memory"]
    version: Literal[1]
    folders: dict[str, str]
    examples: list[_Entry]


@dataclass
class FolderSource:
    """The examples in a folder. `problems` and `missing` are complete once all `examples` have been read.

    `problems`: the photos and folders that cannot become examples. `missing`: the number of exported photos that are
    gone.
    """

    root: Path
    crop: Crop
    problems: list[EdgeClsError] = field(default_factory=list)
    missing: int = 0

    def examples(self) -> Generator[Example]:
        """Yield the examples. Raises MemoryFileError if the folder has no examples or its records file is damaged."""
        document = _document(self.root / RECORDS)
        entries = {entry.id: entry for entry in document.examples}
        of_entry: dict[str, list[_Photo]] = {}
        others: list[_Photo] = []
        photos = list(self._photos(document.folders))
        if not photos and not entries:
            raise (
                self.problems[0]
                if self.problems
                else MemoryFileError(
                    f"{self.root} has no folder with photos", hint="make one folder per class, with photos in it"
                )
            )
        for photo in photos:
            entry = entries.get(photo.path.stem)
            ours = entry is not None and entry.deleted_at is None and entry.photo == photo.digest
            (of_entry.setdefault(photo.path.stem, []) if ours else others).append(photo)
        for entry in document.examples:
            found = of_entry.get(entry.id, [])
            # A copy in another class is one more photo; if the photo is no longer in its class, it was moved.
            home = next((photo for photo in found if photo.label == entry.label), found[0] if found else None)
            others += [photo for photo in found if photo is not home]
            if home is None and entry.photo is not None and entry.deleted_at is None:
                self.missing += 1
                continue
            example = _example(entry, b"" if home is None else home.path.read_bytes())
            if home is not None and home.label != entry.label:
                example = replace(example, label=home.label, stamp=entry.stamp + 1)
            yield example
        yield from self._of_photos(others)

    def _photos(self, labels: dict[str, str]) -> Iterator[_Photo]:
        for folder in sorted(self.root.iterdir()):
            if (
                not folder.is_dir()
                or folder.name.startswith(".")
                or self.root.resolve().is_relative_to(folder.resolve())
            ):
                continue
            paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
            try:
                label = labels.get(folder.name) or check_label(folder.name)
            except EdgeClsError as error:
                self.problems.append(error)
                continue
            for path in paths:
                try:
                    with open_regular(path, limit=MAX_FILE) as file:
                        digest = hashlib.file_digest(file, "sha256").hexdigest()
                except OSError as error:
                    hint = "correct its permissions, or remove it"
                    self.problems.append(ImageError(f"{path} cannot be read ({error.strerror})", hint=hint))
                    continue
                yield _Photo(path, label, digest)

    def _of_photos(self, photos: Iterable[_Photo]) -> Iterator[Example]:
        for photo in photos:
            try:
                crop = self.crop(read_image(photo.path))
            except ImageError as error:
                self.problems.append(error)
                continue
            # Stamp 0, never edited: an edit or a deletion on any device overrides it.
            name = str(uuid.uuid5(_PHOTOS, f"{photo.digest} {photo.label}"))
            taught_at = photo.path.stat().st_mtime
            yield Example(name, photo.label, taught_at, "", None, 0, "", crop, None, None)


@dataclass(frozen=True)
class _Photo:
    path: Path
    label: str
    digest: str


def write_folder(examples: Iterable[Example], root: Path) -> None:
    """Write all `examples` into the empty folder `root`."""
    entries: list[_Entry] = []
    names: dict[str, str] = {}
    for example in examples:
        if example.deleted_at is None:
            if example.label not in names:
                names |= folder_names([example.label], taken=[RECORDS, *names.values()])
                (root / names[example.label]).mkdir()
            if example.crop:
                # `.name`: the id may come from another memory and must not lead out of the folder.
                (root / names[example.label] / Path(f"{example.id}.jpg").name).write_bytes(example.crop)
        entries.append(_entry(example))
    document = _Document(
        format="edge-cls memory",
        version=1,
        folders={name: label for label, name in names.items()},
        examples=entries,
    )
    (root / RECORDS).write_text(json.dumps(document.model_dump(), ensure_ascii=False, indent=1), encoding="utf-8")


def _document(path: Path) -> _Document:
    try:
        with open_regular(path, limit=MAX_FILE) as file:
            return _Document.model_validate_json(file.read())
    except FileNotFoundError:
        return _Document(format="edge-cls memory", version=1, folders={}, examples=[])
    except OSError as error:
        raise MemoryFileError(f"{path} cannot be read ({error.strerror})", hint="correct its permissions") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the whole file"
        raise MemoryFileError(
            f"{path} is damaged ({where}: {first['msg']})",
            hint="export the memory again, or remove this file to import only the photos",
        ) from error


def _entry(example: Example) -> _Entry:
    vector = example.embedding
    return _Entry(
        id=example.id,
        label=example.label,
        taught_at=example.taught_at,
        device=example.device,
        deleted_at=example.deleted_at,
        stamp=example.stamp,
        editor=example.editor,
        photo=hashlib.sha256(example.crop).hexdigest() if example.crop else None,
        space=example.space,
        scale=None if vector is None else float(vector.scale),
        zero_point=None if vector is None else int(vector.zero_point),
        vector=None if vector is None else base64.b64encode(vector.values.tobytes()).decode(),
    )


def _example(entry: _Entry, crop: bytes) -> Example:
    vector = None
    if entry.vector is not None and entry.scale is not None and entry.zero_point is not None:
        try:
            values = np.frombuffer(base64.b64decode(entry.vector, validate=True), np.int8)
        except ValueError:
            values = np.empty(0, np.int8)  # an invalid embedding, which the validation refuses
        vector = QuantizedVector(values, entry.scale, entry.zero_point)
    return Example(
        entry.id,
        entry.label,
        entry.taught_at,
        entry.device,
        entry.deleted_at,
        entry.stamp,
        entry.editor,
        crop,
        None if entry.space is None else current_space(entry.space),
        vector,
    )
