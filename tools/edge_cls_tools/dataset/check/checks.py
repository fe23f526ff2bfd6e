"""The checks that need no network: files, duplicates, classes, and the appearance of single photos."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from statistics import median

import numpy as np
from numpy.typing import NDArray

from edge_cls.core.labels import check_label
from edge_cls.errors import LabelError
from edge_cls_tools.dataset.check.findings import ClassCount, Finding
from edge_cls_tools.dataset.check.photo_files import Files
from edge_cls_tools.dataset.check.scan import Appearance, ScannedPhoto
from edge_cls_tools.dataset.loading import MIN_PHOTOS

FEW_PHOTOS = 20
"""A class with fewer photos is reported."""
IMBALANCE = 5
"""A class is reported if the largest class has more than this many times its photos."""
MAX_ASPECT = 3.0
"""Largest ratio of the sides of a photo that is not reported."""
MIN_CONTRAST = 6.0
"""Least standard deviation of the brightness, in levels of 255; a photo below is nearly one colour."""
MAX_GREY_COLOUR = 2.0
"""Largest remainder of colour in a grey photo after JPEG compression, in levels of 255."""
GREY_SHARE = 0.2
"""Grey photos are not reported if they are more than this share of all."""
MIN_SIDE, SMALL_PART = 24, 4
"""A photo is small if its shorter side is below MIN_SIDE pixels, or below the median side divided by SMALL_PART."""
_SUFFIXES = {"JPEG": {".jpg", ".jpeg"}, "PNG": {".png"}, "BMP": {".bmp"}, "WEBP": {".webp"}}


def file_findings(files: Files, scanned: Sequence[ScannedPhoto]) -> Iterator[Finding]:
    """Yield the files that cannot be used, have the suffix of another format, or are ignored."""
    for one in scanned:
        path = one.file.path
        if one.appearance is None:
            yield Finding("unusable", one.problem, (path,))
        elif path.suffix.lower() not in _SUFFIXES.get(one.appearance.format, set()):
            yield Finding("suffix", f"{path.suffix} is a {one.appearance.format} file", (path,))
    for path, why in files.ignored:
        yield Finding("ignored", why, (path,))


def duplicate_findings(photos: Sequence[ScannedPhoto], groups: NDArray[np.intp]) -> Iterator[Finding]:
    """Yield a finding for each group of duplicates; two if both the labels and the splits of the group differ."""
    members: dict[int, list[ScannedPhoto]] = defaultdict(list)
    for photo, group in zip(photos, groups, strict=True):
        members[int(group)].append(photo)
    for group in sorted(members.values(), key=len, reverse=True):
        if len(group) == 1:
            continue
        paths = tuple(photo.file.path for photo in group)
        contents = len({photo.digest for photo in group})
        how = "the same" if contents == 1 else "nearly the same"
        splits = sorted({photo.file.split for photo in group})
        labels = sorted({photo.file.label for photo in group})
        if len(splits) > 1:
            yield Finding("leak", f"{how} in {' and '.join(splits)}", paths)
        if len(labels) > 1:
            yield Finding("conflict", f"{how} as {' and '.join(labels)}", paths)
        if len(splits) == len(labels) == 1:
            kind = "duplicate" if contents == 1 else "near-duplicate"
            yield Finding(kind, f"{len(group)} copies" if contents == 1 else f"{len(group)} look alike", paths)


def class_findings(counts: Sequence[ClassCount]) -> Iterator[Finding]:
    """Yield the classes whose names are not valid labels, and those with too few photos, or far fewer than others."""
    largest = max(counts, key=lambda count: count.total, default=None)
    if len(counts) < 2:
        yield Finding("class", f"{len(counts)} class{'' if len(counts) == 1 else 'es'}; at least two are needed")
    for count in sorted(counts, key=lambda count: count.total):
        name = count.label
        try:
            check_label(name)
        except LabelError as error:
            yield Finding("class", error.message)
        missing = [split for split, photos in count.photos.items() if not photos]
        if count.total < MIN_PHOTOS:
            yield Finding("class", f"{name} has {count.total} photos; training needs {MIN_PHOTOS}, better {FEW_PHOTOS}")
        elif missing and len(count.photos) > 1:
            yield Finding("class", f"{name} has no photo in {' and '.join(missing)}")
        elif count.total < FEW_PHOTOS:
            yield Finding("class", f"{name} has {count.total} photos, fewer than {FEW_PHOTOS}")
        elif largest and count.total * IMBALANCE < largest.total:
            yield Finding("class", f"{name} has {count.total} photos, and {largest.label} {largest.total}")


def appearance_findings(photos: Sequence[ScannedPhoto]) -> Iterator[Finding]:
    """Yield the photos that are small, very wide or high, grey or nearly one colour, the worst of each kind first."""
    seen = [(photo.file.path, photo.appearance) for photo in photos if photo.appearance is not None]
    if not seen:
        return
    side = median(min(one.width, one.height) for _, one in seen)
    least = max(MIN_SIDE, side / SMALL_PART)
    for path, photo in sorted(seen, key=lambda one: min(one[1].width, one[1].height)):
        if min(photo.width, photo.height) < least:
            yield Finding("small", f"{photo.width} x {photo.height} pixels; the median side is {side:.0f}", (path,))
    for path, photo in sorted(seen, key=lambda one: _aspect(one[1]), reverse=True):
        if _aspect(photo) > MAX_ASPECT:
            yield Finding("narrow", f"{photo.width} x {photo.height} pixels", (path,))
    for path, photo in sorted(seen, key=lambda one: one[1].contrast):
        if photo.contrast < MIN_CONTRAST:
            yield Finding("flat", f"brightness varies by {photo.contrast:.1f} of 255", (path,))
    grey = [path for path, one in seen if one.colour < MAX_GREY_COLOUR and one.contrast >= MIN_CONTRAST]
    if len(grey) <= GREY_SHARE * len(seen):
        for path in grey:
            yield Finding("grey", f"one of {len(grey)} without colour", (path,))


def _aspect(photo: Appearance) -> float:
    return max(photo.width, photo.height) / min(photo.width, photo.height)


def count_classes(files: Files, photos: Sequence[ScannedPhoto]) -> tuple[ClassCount, ...]:
    """Return the number of usable photos of each class in each split."""
    counts = Counter((photo.file.label, photo.file.split) for photo in photos)
    splits = list(dict.fromkeys(split for split, _ in files.classes))
    labels = sorted({label for _, label in files.classes})
    return tuple(ClassCount(label, {split: counts[label, split] for split in splits}) for label in labels)
