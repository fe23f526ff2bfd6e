"""Make the bank of a backbone from photos."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge_cls.core.bank import MAX_PHOTOS, Bank
from edge_cls.errors import DatasetError, ImageError, ModelError
from edge_cls.images.reading import SUFFIXES, read_image
from edge_cls.model.model import Model

MIN_PHOTOS = 16
"""Fewest different photos of a bank that a user makes: fewer say little about what else there is."""


@dataclass(frozen=True)
class MadeBank:
    """A bank made of photos.

    `encoded` is the bank as `Bank.encode` returns it, and `photos` the number of photos in it. `found` photos were in
    the folder. Of those chosen from them, `unread` could not be read, for the reasons given, and `repeated` had the
    embedding of another one.
    """

    encoded: bytes
    photos: int
    found: int
    unread: tuple[ImageError, ...]
    repeated: int


def bank_of_folder(model: Model, folder: Path) -> MadeBank:
    """Return the bank of the photos in `folder` and the folders below it, as `bank_of_photos` does.

    If there are more than MAX_PHOTOS, as many are chosen, evenly in the order of their paths.
    """
    photos = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    made = bank_of_photos(model, evenly(photos, MAX_PHOTOS), place=str(folder))
    return MadeBank(made.encoded, made.photos, len(photos), made.unread, made.repeated)


def evenly(paths: Sequence[Path], count: int) -> list[Path]:
    """Return at most `count` of `paths`, evenly spread, in order."""
    places = np.linspace(0, len(paths) - 1, min(count, len(paths))).round().astype(int)
    return [paths[place] for place in places]


def bank_of_photos(model: Model, paths: Sequence[Path], *, place: str) -> MadeBank:
    """Return the bank of the photos at `paths`, at most MAX_PHOTOS, which messages call those in `place`.

    A photo that cannot be read or that has the embedding of another one is left out. Raises DatasetError if fewer than
    MIN_PHOTOS are left, and ModelError if `model` has no embedding.
    """
    if not model.teachable:
        raise ModelError(
            f"{model.file.path} has no embedding, so that it cannot have a bank of photos",
            hint="import it with --embedding auto, or leave out --background",
        )
    embeddings, unread = {}, []
    for path in paths:
        try:
            embedding = model.infer(read_image(path)).embedding
        except ImageError as error:
            unread.append(error)
            continue
        assert embedding is not None  # noqa: S101 - the model is teachable
        embeddings[embedding.values.tobytes()] = embedding.dequantize()
    if len(embeddings) < MIN_PHOTOS:
        damaged = f"; {len(unread)} cannot be read, the first: {unread[0].message}" if unread else ""
        raise DatasetError(
            f"{place} has {len(embeddings)} different photos, expected at least {MIN_PHOTOS}{damaged}",
            hint="give a folder of photos of quite different things, best of where the camera will be",
        )
    encoded = Bank(np.stack(list(embeddings.values()))).encode()
    return MadeBank(encoded, len(embeddings), len(paths), tuple(unread), len(paths) - len(unread) - len(embeddings))
