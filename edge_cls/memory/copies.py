"""Grey copies of the examples of a memory, for a camera that sees in infrared light, without colour, at night."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from dataclasses import replace

from edge_cls.core.labeled_embedding import LabeledEmbedding
from edge_cls.core.quantization import QuantizedVector
from edge_cls.core.spaces import altered_space
from edge_cls.errors import ImageError, MemoryFileError
from edge_cls.images.grey import grey
from edge_cls.images.preprocess import Frame
from edge_cls.images.reading import read_image
from edge_cls.memory.store import Memory

_BATCH = 32
"""Vectors that are stored at once: a killed run continues after the last of them."""


class GreyCopies:
    """Makes a grey copy of each example of `memory` from its stored photo.

    `embed` returns the embedding of a frame in `space`. The vectors of the copies are stored in the memory, so that
    each is computed once.
    """

    def __init__(self, memory: Memory, space: str, embed: Callable[[Frame], QuantizedVector | None]) -> None:
        self._memory = memory
        self._space = altered_space(space, "grey")
        self._embed = embed

    def of(self, examples: Iterable[LabeledEmbedding]) -> list[LabeledEmbedding]:
        """Return the grey copies of `examples`. An example without a readable photo has none.

        A copy has the label of its example, an id of its own, and the id of the example in `copy_of`.
        """
        examples = list(examples)
        vectors = self._memory.altered(self._space, (example.id for example in examples))
        missing = [example.id for example in examples if example.id not in vectors]
        for start in range(0, len(missing), _BATCH):
            batch = {identity: self._vector(identity) for identity in missing[start : start + _BATCH]}
            computed = {identity: vector for identity, vector in batch.items() if vector is not None}
            # A full or read-only disk does not keep anything from being learnt: it is computed again the next time.
            with contextlib.suppress(MemoryFileError):
                self._memory.put_altered(self._space, computed)
            vectors |= computed
        return [
            replace(example, id=f"{example.id} grey", embedding=vectors[example.id], copy_of=example.id)
            for example in examples
            if example.id in vectors
        ]

    def _vector(self, identity: str) -> QuantizedVector | None:
        try:
            frame = read_image(self._memory.crop(identity), "the stored crop")
        except (KeyError, ImageError):  # removed by another process, or erased, or damaged
            return None
        return self._embed(grey(frame))
