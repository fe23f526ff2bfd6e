"""Validates imported examples before a memory takes them: their source is not trusted."""

from __future__ import annotations

import math
import uuid
from collections.abc import Iterable, Iterator

from edge_cls.core.labels import MAX_LENGTH, check_label
from edge_cls.core.quantization import QuantizedVector
from edge_cls.errors import EdgeClsError, MemoryFileError
from edge_cls.images.reading import image_format, read_image
from edge_cls.memory.records import Example

MAX_CROP = 2**20
"""Most bytes of a crop, many times the size of the crops that edge-cls makes."""
MAX_DIM = 2**16
"""Highest dimension of an embedding."""
_STAMP_LIMIT = 2**62
"""Stamps are below this. It leaves room for later decisions in SQLite's 64-bit integers."""


def checked(examples: Iterable[Example], source: str, *, dims: dict[str, int]) -> Iterator[Example]:
    """Yield `examples` unchanged. Raises MemoryFileError at the first invalid one.

    `dims`: the known dimensions of embedding spaces; the first embedding of another space adds its dimension.
    """
    for example in examples:
        try:
            problem = _problem(example, dims)
        except EdgeClsError as error:
            problem = error.message
        if problem:
            raise MemoryFileError(
                f"{source} has an invalid example ({example.id[:36]}: {problem})", hint="export it again"
            )
        yield example


def _problem(example: Example, dims: dict[str, int]) -> str | None:
    try:
        if str(uuid.UUID(example.id)) != example.id:
            return "its id is not a UUID"
    except ValueError:
        return "its id is not a UUID"
    times = [example.taught_at] if example.deleted_at is None else [example.taught_at, example.deleted_at]
    if not all(math.isfinite(time) for time in times):
        return "its time is not a finite number"
    if not 0 <= example.stamp < _STAMP_LIMIT:
        return f"its stamp {example.stamp} is out of range"
    if any(len(name) > MAX_LENGTH or not name.isprintable() for name in (example.device, example.editor)):
        return "its device name is too long or not printable"
    if check_label(example.label) != example.label:
        return "its label begins or ends with white space"
    if example.deleted_at is None and not example.crop and example.embedding is None:
        return "it has neither a photo nor an embedding"
    return _problem_of_crop(example.crop) or _problem_of_embedding(example.space, example.embedding, dims)


def _problem_of_crop(crop: bytes) -> str | None:
    if not crop:
        return None
    if len(crop) > MAX_CROP:
        return f"its photo is larger than {MAX_CROP // 1024} KiB"
    read_image(crop, "its photo")
    return None if image_format(crop) == "JPEG" else "its photo is not a JPEG"


def _problem_of_embedding(space: str | None, embedding: QuantizedVector | None, dims: dict[str, int]) -> str | None:
    if embedding is None:
        return None
    if not space or len(space) > MAX_LENGTH or not space.isprintable():
        return "its embedding has no valid space"
    dim = len(embedding.values)
    if not (0 < dim <= MAX_DIM and dims.setdefault(space, dim) == dim):
        return f"its embedding has an invalid dimension of {dim}"
    if not (0 < embedding.scale < math.inf and -256 <= embedding.zero_point <= 255):
        return "its embedding has an invalid scale or zero point"
    return None
