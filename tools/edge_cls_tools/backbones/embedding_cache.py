"""A cache of the embeddings of photos by a frozen int8 backbone; each is computed once.

The embeddings come from the int8 backbone and not from the float one, because the device has the int8 ones: a head
trained on float embeddings loses a point of accuracy on them, a head trained on int8 embeddings does not.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np

from edge_cls.cache_folder import cache_folder
from edge_cls.core.arrays import read_arrays
from edge_cls.core.quantization import QuantizedVector, quantize_vector
from edge_cls.errors import ModelError, OutputError
from edge_cls.files import write_whole
from edge_cls.images.preprocess import Frame
from edge_cls.model.file import ModelFile, sha256
from edge_cls.model.model import Model
from edge_cls_tools.io.batches import Advance
from edge_cls_tools.io.parallel import run_parallel, useful_copies
from edge_cls_tools.linear_head import Embeddings


class Photo(Protocol):
    """A photo file and the SHA-256 of its bytes."""

    @property
    def path(self) -> Path:
        """The path of the file."""

    @property
    def digest(self) -> bytes:
        """The SHA-256, 32 bytes."""


AnyPhoto = TypeVar("AnyPhoto", bound=Photo)


class EmbeddingCache:
    """The embeddings computed by an int8 backbone, stored in a file in the user's cache folder.

    Raises ModelError if `backbone` has no embedding.
    """

    def __init__(self, backbone: ModelFile) -> None:
        self._model = teachable_model(backbone)
        key = backbone.network + repr(self._model.contract).encode()
        self._path = cache_folder() / "embeddings" / f"{sha256(key)[:32]}.npz"
        self._vectors = self._stored()

    def missing(self, photos: Sequence[AnyPhoto]) -> list[AnyPhoto]:
        """Return the photos whose embeddings are not in the cache yet, each content once."""
        return list({photo.digest: photo for photo in photos if photo.digest not in self._vectors}.values())

    def embed(self, photos: Sequence[Photo], advance: Advance) -> Embeddings:
        """Return the embeddings of `photos`, float32 (n, dim).

        `advance` is called with the number of photos computed. Raises DatasetError if photos cannot be read.
        """
        missing = self.missing(photos)
        if missing:
            others = [Model(self._model.file) for _ in range(useful_copies(len(missing)) - 1)]
            copies = [_embedder(model) for model in (self._model, *others)]
            vectors = run_parallel([photo.path for photo in missing], self._model.contract, copies, advance)
            self._vectors |= {photo.digest: vector for photo, vector in zip(missing, vectors, strict=True)}
            self._save()
        return np.stack([self._vectors[photo.digest] for photo in photos])

    def quantized(self, photos: Sequence[Photo], advance: Advance) -> list[QuantizedVector]:
        """Return the embeddings of `photos` exactly as `Model.infer` does; arguments and errors as of `embed`."""
        vectors, tensor = self.embed(photos, advance), self._model.embedding
        assert tensor is not None  # noqa: S101 - the model is teachable
        if np.issubdtype(tensor.dtype, np.integer):
            vectors = (np.rint(vectors / tensor.scale) + tensor.zero_point).astype(tensor.dtype)
        return [quantize_vector(vector, tensor.scale, tensor.zero_point) for vector in vectors]

    def _stored(self) -> dict[bytes, Embeddings]:
        try:
            stored = read_arrays(self._path.read_bytes())
            return {key.tobytes(): one for key, one in zip(stored["digests"], stored["vectors"], strict=True)}
        except (OSError, ValueError, LookupError):
            return {}  # the file is absent, unreadable or damaged, and can be computed again

    def _save(self) -> None:
        content = io.BytesIO()
        digests = np.frombuffer(b"".join(self._vectors), np.uint8).reshape(len(self._vectors), 32)
        np.savez(content, digests=digests, vectors=np.stack(list(self._vectors.values())))
        # If the file cannot be written, as on a full disk, the embeddings are computed again the next time.
        with contextlib.suppress(OutputError):
            write_whole(self._path, content.getvalue())


def teachable_model(file: ModelFile) -> Model:
    """Return the model in `file`. Raises ModelError if it has no embedding."""
    model = Model(file)
    if not model.teachable:
        raise ModelError(
            f"{file.path} has no embedding", hint="import it again: edge-cls import-model, with --embedding auto"
        )
    return model


def _embedder(model: Model) -> Callable[[Frame], Embeddings]:
    def embed(frame: Frame) -> Embeddings:
        embedding = model.infer(frame).embedding
        assert embedding is not None  # noqa: S101 - the model is teachable
        return embedding.dequantize()

    return embed
