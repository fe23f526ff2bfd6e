"""What a record from elsewhere must be before a memory takes it: files come from anywhere."""

from __future__ import annotations

import math
import uuid
from collections.abc import Iterable, Iterator

from edge_cls.core.labels import MAX_LENGTH, check_label
from edge_cls.core.quantization import QuantizedVector
from edge_cls.errors import EdgeClsError, MemoryFileError
from edge_cls.images.reading import image_format, read_image
from edge_cls.memory.records import Record

MAX_CROP = 2**20
"""Bytes of a crop: many times what a memory makes itself."""
MAX_DIM = 2**16
_LAST_STAMP = 2**62


def checked(records: Iterable[Record], source: str, *, dims: dict[str, int]) -> Iterator[Record]:
    """Give `records` as they are. Raises MemoryFileError for the first that no edge-cls has written.

    `dims` are the dimensions of embedding spaces that are known; those of others are noted there.
    """
    for record in records:
        try:
            problem = _problem(record, dims)
        except EdgeClsError as error:
            problem = error.message
        if problem:
            raise MemoryFileError(
                f"{source} holds an example that makes no sense ({record.id[:36]}: {problem})", hint="export it again"
            )
        yield record


def _problem(record: Record, dims: dict[str, int]) -> str | None:
    try:
        if str(uuid.UUID(record.id)) != record.id:
            return "its id is no UUID"
    except ValueError:
        return "its id is no UUID"
    times = [record.taught_at] if record.deleted_at is None else [record.taught_at, record.deleted_at]
    if not all(math.isfinite(time) for time in times):
        return "its time is no number"
    if not 0 <= record.stamp < _LAST_STAMP:
        return f"its stamp is {record.stamp}"
    if any(len(name) > MAX_LENGTH or not name.isprintable() for name in (record.device, record.editor)):
        return "the name of its device is no name"
    if check_label(record.label) != record.label:
        return "its label has white space around it"
    if record.deleted_at is None and not record.crop and record.embedding is None:
        return "it has neither photo nor embedding"
    return _problem_of_crop(record.crop) or _problem_of_embedding(record.space, record.embedding, dims)


def _problem_of_crop(crop: bytes) -> str | None:
    if not crop:
        return None
    if len(crop) > MAX_CROP:
        return f"its photo has more than {MAX_CROP // 1024} KiB"
    read_image(crop, "its photo")
    return None if image_format(crop) == "JPEG" else "its photo is no JPEG"


def _problem_of_embedding(space: str | None, embedding: QuantizedVector | None, dims: dict[str, int]) -> str | None:
    if embedding is None:
        return None
    if not space or len(space) > MAX_LENGTH or not space.isprintable():
        return "its embedding has no space"
    dim = len(embedding.values)
    if not (0 < dim <= MAX_DIM and dims.setdefault(space, dim) == dim):
        return f"its embedding has {dim} numbers"
    if not (0 < embedding.scale < math.inf and -256 <= embedding.zero_point <= 255):
        return "its embedding has no scale"
    return None
