"""Near duplicates: perceptual hashes of photos, and the groups of similar ones. The door to ImageHash.

Two photos are near duplicates if two hashes of their shapes (the signs of the lowest frequencies, and those of the
gradients) and their colours all agree. One hash alone is not enough: dark photos, and objects on a plain background,
share it. The limits were chosen on photos of flowers, rubbish, groceries and clothes, and on CIFAR-10. With them, a
copy that was scaled or compressed again was nearly always found; a copy that lost 2 % of each side was found in 9 cases
of 10, 3 % in 7 or 8, 5 % in 1 to 4. The other pairs found nearly always show one scene; clothes on the same background
are the exception.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import cv2
import imagehash
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from edge_cls.images.preprocess import Frame

HASH_BITS = 64
"""Bits of one hash."""
MAX_BITS = 10
"""Most bits, of the 64 of either hash, in which two near duplicates differ."""
MAX_COLOUR = 24.0
"""Largest mean difference of the colours of two near duplicates, in levels of 255, over 16 x 16 places."""
_THUMBNAIL_SIDE, _COLOURS_SIDE = 128, 16
"""Sides in pixels of the thumbnail that is hashed, and of the colours that are compared."""
BLOCK = 1024
"""Photos that are compared with all others in one matrix product, which bounds the memory."""


@dataclass(frozen=True, eq=False)
class Fingerprint:
    """The features by which photos are compared: `bits`, bool (128,), the phash and the dhash, and the mean colours.

    `colours` is uint8 (16, 16, 3).
    """

    bits: NDArray[np.bool_]
    colours: NDArray[np.uint8]


def thumbnail(frame: Frame) -> Frame:
    """Return `frame` as 128 x 128 pixels, each the mean of the area that it covers."""
    # OpenCV is used because Pillow would copy a large photo first.
    return np.asarray(cv2.resize(frame, (_THUMBNAIL_SIDE, _THUMBNAIL_SIDE), interpolation=cv2.INTER_AREA), np.uint8)


def fingerprint(small: Frame) -> Fingerprint:
    """Return the fingerprint of a photo, from its `thumbnail`."""
    image = Image.fromarray(small)
    hashes = imagehash.phash(image), imagehash.dhash(image)
    colours = image.resize((_COLOURS_SIDE, _COLOURS_SIDE), Image.Resampling.BOX)
    return Fingerprint(np.concatenate([one.hash.ravel() for one in hashes]), np.asarray(colours, np.uint8))


def similar_groups(
    photos: Sequence[Fingerprint], advance: Callable[[int], None] = lambda _: None, *, block: int = BLOCK
) -> NDArray[np.intp]:
    """Return the group number of each photo, (n,): the connected components of all pairs of near duplicates.

    All pairs are compared, in blocks of matrix products: the product of two hashes of -1 and 1 is 64 minus twice the
    number of bits that differ. `advance` is called with the number of photos done, `block` at a time.
    """
    first, second = [], []
    for left, right in _similar_pairs(photos, advance, block):
        first.append(left)
        second.append(right)
    edges = (np.concatenate(first), np.concatenate(second)) if first else (np.zeros(0, int), np.zeros(0, int))
    graph = coo_array((np.ones(len(edges[0]), np.bool_), edges), shape=(len(photos), len(photos)))
    groups: NDArray[np.intp] = connected_components(graph, directed=False)[1]
    return groups


def _similar_pairs(
    photos: Sequence[Fingerprint], advance: Callable[[int], None], block: int
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    if not photos:
        return
    signs = np.stack([photo.bits for photo in photos]).astype(np.float32) * 2 - 1
    colours = np.stack([photo.colours for photo in photos]).reshape(len(photos), -1)
    least = HASH_BITS - 2 * MAX_BITS
    for start in range(0, len(photos), block):
        rows = slice(start, start + block)
        similar = np.ones((len(signs[rows]), len(photos) - start), np.bool_)
        for bits in (slice(0, HASH_BITS), slice(HASH_BITS, None)):
            similar &= signs[rows, bits] @ signs[start:, bits].T >= least
        left, right = np.nonzero(np.triu(similar, 1))
        same = [
            np.abs(colours[start + i].astype(np.int16) - colours[start + j]).mean() <= MAX_COLOUR
            for i, j in zip(left, right, strict=True)
        ]
        yield start + left[same], start + right[same]
        advance(len(signs[rows]))
