"""Make the bank of a backbone from photos of a user."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from edge_cls.core.bank import MAX_PHOTOS, Bank
from edge_cls.errors import DatasetError, ImageError, ModelError
from edge_cls.images.reading import SUFFIXES, read_image
from edge_cls.model.file import ModelFile
from edge_cls.model.model import Model

Thing = TypeVar("Thing")
MIN_PHOTOS = 16
"""Fewest different photos of a bank: fewer say little about everything else."""
_HINT = "give a folder of photos of quite different things, preferably of the place where the camera will be"


@dataclass(frozen=True)
class BackgroundPhotos:
    """The photos that a bank is made of: `paths`, chosen from the `found` photos in `folder`."""

    folder: Path
    paths: Sequence[Path]
    found: int


@dataclass(frozen=True)
class MadeBank:
    """A bank made of `photos`, as `Bank.encode` returns it, and the number of photos in it.

    Of the chosen photos, `unread` could not be read, for these reasons, and `repeated` had the embedding of another.
    """

    encoded: bytes
    photos: BackgroundPhotos
    size: int
    unread: tuple[ImageError, ...]
    repeated: int

    def __str__(self) -> str:
        """Return one line about the photos in the bank and those left out."""
        chosen = len(self.photos.paths)
        parts = [f"{self.size} photos of {self.photos.folder}"]
        if chosen < self.photos.found:
            parts.append(f"{chosen} of {self.photos.found} were chosen evenly")
        if self.unread:
            parts.append(f"{len(self.unread)} could not be read (the first: {self.unread[0].message})")
        if self.repeated:
            parts.append(f"{self.repeated} repeat another photo")
        return "; ".join(parts)


def background_photos(folder: Path) -> BackgroundPhotos:
    """Return the photos in `folder` and the folders below it, at most MAX_PHOTOS, evenly spread in the order of paths.

    None is read yet. Raises DatasetError if there are fewer than MIN_PHOTOS.
    """
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    if len(found) < MIN_PHOTOS:
        state = f"has {len(found)} photos" if folder.is_dir() else "is not a folder"
        raise DatasetError(f"{folder} {state}, expected at least {MIN_PHOTOS} photos for a bank", hint=_HINT)
    return BackgroundPhotos(folder, evenly(found, MAX_PHOTOS), len(found))


def evenly(things: Sequence[Thing], count: int) -> list[Thing]:
    """Return at most `count` of `things`, evenly spread, in order."""
    places = np.linspace(0, len(things) - 1, min(count, len(things))).round().astype(int)
    return [things[place] for place in places]


def with_bank(file: ModelFile, photos: BackgroundPhotos | None) -> tuple[ModelFile, MadeBank | None]:
    """Return `file` with the bank that `make_bank` makes of `photos`, and the bank; without photos, `file` and None."""
    if photos is None:
        return file, None
    made = make_bank(Model(file), photos)
    return replace(file, encoded_bank=made.encoded), made


def make_bank(model: Model, photos: BackgroundPhotos) -> MadeBank:
    """Return the bank of the embeddings of `photos` by `model`.

    A photo that cannot be read, or that has the embedding of another one, is left out. Raises DatasetError if fewer
    than MIN_PHOTOS are left, and ModelError if `model` has no embedding.
    """
    if not model.teachable:
        raise ModelError(
            f"{model.file.path} has no embedding, and a bank consists of embeddings", hint="leave out --background"
        )
    embeddings, unread = {}, []
    for path in photos.paths:
        try:
            embedding = model.infer(read_image(path)).embedding
        except ImageError as error:
            unread.append(error)
            continue
        assert embedding is not None  # noqa: S101 - the model is teachable
        embeddings[embedding.values.tobytes()] = embedding.dequantize()
    size, repeated = len(embeddings), len(photos.paths) - len(unread) - len(embeddings)
    if size < MIN_PHOTOS:
        reasons = [f"the first that cannot be read: {unread[0].message}"] if unread else []
        raise DatasetError(
            f"{photos.folder} has {size} different photos that can be read, expected at least {MIN_PHOTOS} for a bank"
            + "".join(f" ({reason})" for reason in reasons),
            hint=_HINT,
        )
    return MadeBank(Bank(np.stack(list(embeddings.values()))).encode(), photos, size, tuple(unread), repeated)
