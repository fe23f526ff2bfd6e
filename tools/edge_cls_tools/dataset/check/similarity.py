"""Which photos look alike: perceptual hashes, and the groups that they make. The door to ImageHash.

Two photos are near duplicates when two hashes of their shapes (the signs of the lowest frequencies, and those of the
slopes) and their colours all agree. One hash alone is not enough: dark photos, and things on a plain ground, share it.
The limits were chosen on photos of flowers, rubbish, groceries and clothes, and on CIFAR-10. At these, a copy that was
scaled or compressed again was nearly always found; one that lost 2 % of each side in 9 cases of 10, 3 % in 7 or 8, 5 %
in 1 to 4. What is found besides is nearly always one scene; clothes on the same ground are the exception.
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
MAX_BITS = 10
"""How many of the 64 bits of either hash two near duplicates may differ in."""
MAX_COLOUR = 24.0
"""How far the colours of two near duplicates may differ, in levels of 255, on average over 16 x 16 places."""
_LOOK_SIDE, _THUMBNAIL_SIDE = 128, 16
_BLOCK = 1024


@dataclass(frozen=True, eq=False)
class Likeness:
    """What photos are compared by: bool (128,), the phash and the dhash; and the colours, uint8 (16, 16, 3)."""

    bits: NDArray[np.bool_]
    colours: NDArray[np.uint8]


def small_look(frame: Frame) -> Frame:
    """Return `frame` as 128 x 128 pixels, each the mean of what it covers: enough to hash and to judge it."""
    # By OpenCV, for Pillow would copy a large photo first.
    return np.asarray(cv2.resize(frame, (_LOOK_SIDE, _LOOK_SIDE), interpolation=cv2.INTER_AREA), np.uint8)


def likeness(look: Frame) -> Likeness:
    """Return what a photo is compared by, from its `small_look`."""
    image = Image.fromarray(look)
    hashes = imagehash.phash(image), imagehash.dhash(image)
    colours = image.resize((_THUMBNAIL_SIDE, _THUMBNAIL_SIDE), Image.Resampling.BOX)
    return Likeness(np.concatenate([one.hash.ravel() for one in hashes]), np.asarray(colours, np.uint8))


def groups_alike(photos: Sequence[Likeness], advance: Callable[[int], None] = lambda _: None) -> NDArray[np.intp]:
    """Return the number of the group of each photo, (n,): near duplicates, and theirs in turn, share one.

    All pairs are compared, in blocks of matrix products: a hash of -1 and 1 times another is 64 minus twice the bits
    that differ. `advance` counts the photos done.
    """
    first, second = [], []
    for left, right in _pairs_alike(photos, advance):
        first.append(left)
        second.append(right)
    edges = (np.concatenate(first), np.concatenate(second)) if first else (np.zeros(0, int), np.zeros(0, int))
    graph = coo_array((np.ones(len(edges[0]), np.bool_), edges), shape=(len(photos), len(photos)))
    groups: NDArray[np.intp] = connected_components(graph, directed=False)[1]
    return groups


def _pairs_alike(
    photos: Sequence[Likeness], advance: Callable[[int], None]
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    if not photos:
        return
    signs = np.stack([photo.bits for photo in photos]).astype(np.float32) * 2 - 1
    colours = np.stack([photo.colours for photo in photos]).reshape(len(photos), -1)
    least = HASH_BITS - 2 * MAX_BITS
    for start in range(0, len(photos), _BLOCK):
        block = slice(start, start + _BLOCK)
        alike = np.ones((len(signs[block]), len(photos) - start), np.bool_)
        for bits in (slice(0, HASH_BITS), slice(HASH_BITS, None)):
            alike &= signs[block, bits] @ signs[start:, bits].T >= least
        left, right = np.nonzero(np.triu(alike, 1))
        same = [
            np.abs(colours[start + i].astype(np.int16) - colours[start + j]).mean() <= MAX_COLOUR
            for i, j in zip(left, right, strict=True)
        ]
        yield start + left[same], start + right[same]
        advance(len(signs[block]))
