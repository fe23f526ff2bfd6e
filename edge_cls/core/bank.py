"""The bank of a backbone: the embeddings of generic photos, which stand for everything that was never taught."""

from __future__ import annotations

import struct
import zlib
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from edge_cls.core.unit_vectors import unit_rows

MAX_PHOTOS = 256
"""Most photos of an encoded bank."""
_BYTES, _BYTES_PER_DIMENSION = 1024, 69
"""Bytes of the largest encoded bank: so many, and so many for each number of an embedding. 1,280 numbers have 89,344
bytes, 2.2 bits for each number of MAX_PHOTOS photos."""
_HEADER = struct.Struct("<4sBBBxHH")
"""Magic, version, steps, whether there are signs, photos, and numbers of an embedding."""
_MAGIC, _VERSION = b"BANK", 1
_STEPS = (15, 12, 9, 7, 6, 5, 4, 3, 2, 1)
"""Steps from 0 to the largest number of a photo, from fine to coarse. Two symbols fit into a byte."""
_SIGNED_STEPS = tuple(steps for steps in _STEPS if steps <= 7)
"""The same if there are negative numbers, which have as many steps of their own."""


class Bank:
    """The embeddings of photos of quite different things, for open-set rejection.

    `embeddings`: float32 (n, dim), of at least two photos. `units` are the same, normalised to length 1.
    """

    def __init__(self, embeddings: NDArray[np.float32]) -> None:
        self.units = unit_rows(embeddings)

    def __len__(self) -> int:
        return len(self.units)

    @cached_property
    def cosines(self) -> NDArray[np.float32]:
        """The cosine of the angle between each two photos, float32 (n, n)."""
        return np.asarray(self.units @ self.units.T)

    @cached_property
    def distance(self) -> float:
        """The median cosine distance of two photos."""
        return float(np.median(1.0 - self.cosines[np.triu_indices(len(self), 1)]))

    def encode(self) -> bytes:
        """Return the directions of the embeddings in at most 90,000 bytes if they have 1,280 numbers.

        The square root of each number is rounded, in the finest steps that fit; its sign is kept. Embeddings after a
        ReLU are mostly near 0: their square roots are spread more evenly, and Huffman's code makes use of the rest.
        Raises ValueError if there are fewer than 2 photos or more than MAX_PHOTOS, or if a number is not finite.
        """
        photos, dim = self.units.shape
        if not 2 <= photos <= MAX_PHOTOS or not 1 <= dim < 2**16:
            raise ValueError(f"a bank of {photos} photos and {dim} numbers, expected 2 to {MAX_PHOTOS} photos")
        if not np.isfinite(self.units).all():
            raise ValueError("an embedding with a number that is not finite")
        signed = bool((self.units < 0).any())
        for steps in _SIGNED_STEPS if signed else _STEPS:
            packed = _deflated(_packed(_symbols(self.units, steps, signed=signed), _symbol_count(steps, signed)))
            if len(packed) <= _BYTES + _BYTES_PER_DIMENSION * dim:
                break
        return _HEADER.pack(_MAGIC, _VERSION, steps, signed, photos, dim) + packed

    @classmethod
    def decode(cls, content: bytes) -> Bank:
        """Return the bank that `encode` returned the bytes of. Raises ValueError if they are damaged."""
        steps, signed, photos, dim = _header(content)
        size, base = photos * dim, _symbol_count(steps, signed)
        pairs = np.frombuffer(_inflated(content[_HEADER.size :], -(-size // 2)), np.uint8)
        if pairs.max() >= base * base:
            raise ValueError(f"a symbol is {pairs.max()}, expected less than {base * base}")
        symbols = np.stack([pairs % base, pairs // base], axis=1).ravel()[:size].reshape(photos, dim)
        roots = (symbols.astype(np.float32) - (steps if signed else 0)) / np.float32(steps)
        return cls(roots * np.abs(roots))


def encoded_dimension(content: bytes) -> int:
    """Return the numbers of an embedding in an encoded bank, from its header alone. Raises ValueError as `decode`."""
    return _header(content)[3]


def _header(content: bytes) -> tuple[int, bool, int, int]:
    """Return the steps, whether there are signs, the photos, and the numbers of an embedding."""
    if len(content) < _HEADER.size or content[:4] != _MAGIC:
        raise ValueError("it does not begin like a bank")
    _, version, steps, signed, photos, dim = _HEADER.unpack_from(content)
    if version != _VERSION:
        raise ValueError(f"its version is {version}, expected {_VERSION}")
    if signed > 1 or steps not in (_SIGNED_STEPS if signed else _STEPS):
        raise ValueError(f"its numbers have {steps} steps and the sign flag {signed}")
    if not 2 <= photos <= MAX_PHOTOS or not dim:
        raise ValueError(f"it has {photos} photos of {dim} numbers, expected 2 to {MAX_PHOTOS} photos")
    return steps, bool(signed), photos, dim


def _symbol_count(steps: int, signed: bool) -> int:
    return 2 * steps + 1 if signed else steps + 1


def _symbols(units: NDArray[np.float32], steps: int, *, signed: bool) -> NDArray[np.uint8]:
    """Return the rounded square roots of `units`, each row divided by its largest number, from 0 on."""
    largest = np.abs(units).max(axis=1, keepdims=True)
    roots = np.sqrt(np.abs(units) / np.where(largest > 0, largest, 1)) * np.sign(units)
    return np.asarray(np.rint(roots * steps) + (steps if signed else 0), np.uint8)


def _packed(symbols: NDArray[np.uint8], base: int) -> bytes:
    """Return two symbols in each byte. Symbols that are neighbours share a byte, so that Huffman's code sees pairs."""
    flat = symbols.ravel()
    even = np.pad(flat, (0, len(flat) % 2))
    return (even[0::2] + base * even[1::2]).astype(np.uint8).tobytes()


def _deflated(content: bytes) -> bytes:
    # Repetitions are chance, and would cost more than they save.
    compressor = zlib.compressobj(9, strategy=zlib.Z_HUFFMAN_ONLY)
    return compressor.compress(content) + compressor.flush()


def _inflated(content: bytes, size: int) -> bytes:
    decompressor = zlib.decompressobj()
    try:
        found = decompressor.decompress(content, size + 1)
    except zlib.error as error:
        raise ValueError(f"its numbers are damaged ({error})") from error
    if len(found) != size or not decompressor.eof or decompressor.unused_data:
        raise ValueError(f"it does not have exactly {size} bytes of numbers")
    return found
