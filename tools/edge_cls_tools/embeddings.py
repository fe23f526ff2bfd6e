"""Embeddings of photos by a frozen backbone, each computed once: cached by the content of photo and backbone."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import platformdirs
from numpy.typing import NDArray

from edge_cls.core.manifest import Preprocessing
from edge_cls_tools.backbones import Backbone
from edge_cls_tools.dataset import Photo
from edge_cls_tools.pixels import Advance, batches, normalize

Embeddings = NDArray[np.float32]


class EmbeddingCache:
    """The embeddings that one backbone has computed so far, in a file in the user's cache folder."""

    def __init__(self, backbone: Backbone, contract: Preprocessing, *, root: Path | None = None) -> None:
        self._backbone = backbone
        self._contract = contract
        root = root or platformdirs.user_cache_path("edge-cls") / "embeddings"
        self._path = root / f"{_fingerprint(backbone, contract)}.npz"
        self._known: dict[bytes, Embeddings] = {}
        if self._path.is_file():
            with np.load(self._path) as stored:
                keys, vectors = stored["digests"], stored["vectors"]
            self._known = {key.tobytes(): vector for key, vector in zip(keys, vectors, strict=True)}

    def missing(self, photos: Sequence[Photo]) -> list[Photo]:
        """Return those of `photos` that have to be computed; each content once."""
        return list({photo.digest: photo for photo in photos if photo.digest not in self._known}.values())

    def embed(self, photos: Sequence[Photo], advance: Advance) -> Embeddings:
        """Return the embeddings of `photos`, float32 (n, dim). `advance` counts the ones that had to be computed."""
        missing = self.missing(photos)
        if missing:
            pixels = batches([photo.path for photo in missing], self._contract, advance)
            vectors = np.concatenate([np.asarray(self._backbone.model.predict_on_batch(normalize(b))) for b in pixels])
            self._known |= {photo.digest: vector for photo, vector in zip(missing, vectors, strict=True)}
            self._save()
        return np.stack([self._known[photo.digest] for photo in photos])

    def _save(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self._path.with_suffix(".new.npz")
        digests = np.frombuffer(b"".join(self._known), np.uint8).reshape(len(self._known), 32)
        np.savez(temporary, digests=digests, vectors=np.stack(list(self._known.values())))
        temporary.replace(self._path)


def _fingerprint(backbone: Backbone, contract: Preprocessing) -> str:
    digest = hashlib.sha256(repr(contract).encode())
    digest.update(backbone.model.to_json().encode())
    for weights in backbone.model.get_weights():
        digest.update(np.ascontiguousarray(weights).tobytes())
    return digest.hexdigest()[:32]
