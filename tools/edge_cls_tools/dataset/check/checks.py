"""Everything that can be found without a network: files, duplicates, classes, and what single photos look like."""

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
from edge_cls_tools.dataset.check.scan import Examined, Sight
from edge_cls_tools.dataset.loading import MIN_PHOTOS

FEW_PHOTOS = 20
IMBALANCE = 5
"""A class with less than this part of the largest class's photos is told."""
MAX_ASPECT = 3.0
MIN_CONTRAST = 6.0
MAX_GREY_COLOUR = 2.0
"""What is left of the colours of a grey photo after JPEG, in levels of 255."""
GREY_SHARE = 0.2
"""Where more photos than this are grey, grey is nothing strange."""
MIN_SIDE, SMALL_PART = 24, 4
_SUFFIXES = {"JPEG": {".jpg", ".jpeg"}, "PNG": {".png"}, "BMP": {".bmp"}, "WEBP": {".webp"}}


def file_findings(files: Files, examined: Sequence[Examined]) -> Iterator[Finding]:
    """Yield the files that cannot be used, are called what they are not, or are passed over."""
    for one in examined:
        path = one.file.path
        if one.sight is None:
            yield Finding("unusable", one.problem, (path,))
        elif path.suffix.lower() not in _SUFFIXES.get(one.sight.format, set()):
            yield Finding("suffix", f"{path.suffix} is a {one.sight.format} file", (path,))
    for path, why in files.ignored:
        yield Finding("ignored", why, (path,))


def duplicate_findings(photos: Sequence[Examined], groups: NDArray[np.intp]) -> Iterator[Finding]:
    """Yield a finding for each group of photos that are the same or look alike; two where labels and splits differ."""
    members: dict[int, list[Examined]] = defaultdict(list)
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
    """Yield the classes with names that are no labels, with too few photos, or far fewer than others."""
    largest = max(counts, key=lambda count: count.total, default=None)
    if len(counts) < 2:
        yield Finding("class", f"{len(counts)} class{'' if len(counts) == 1 else 'es'}, not two or more")
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


def sight_findings(photos: Sequence[Examined]) -> Iterator[Finding]:
    """Yield the photos that are small, narrow, grey or nearly one colour, the worst of each first."""
    seen = [(photo.file.path, photo.sight) for photo in photos if photo.sight is not None]
    if not seen:
        return
    side = median(min(sight.width, sight.height) for _, sight in seen)
    least = max(MIN_SIDE, side / SMALL_PART)
    for path, sight in sorted(seen, key=lambda one: min(one[1].width, one[1].height)):
        if min(sight.width, sight.height) < least:
            yield Finding("small", f"{sight.width} x {sight.height} pixels; usual are {side:.0f}", (path,))
    for path, sight in sorted(seen, key=lambda one: _aspect(one[1]), reverse=True):
        if _aspect(sight) > MAX_ASPECT:
            yield Finding("narrow", f"{sight.width} x {sight.height} pixels", (path,))
    for path, sight in sorted(seen, key=lambda one: one[1].contrast):
        if sight.contrast < MIN_CONTRAST:
            yield Finding("flat", f"brightness varies by {sight.contrast:.1f} of 255", (path,))
    grey = [path for path, sight in seen if sight.colour < MAX_GREY_COLOUR and sight.contrast >= MIN_CONTRAST]
    if len(grey) <= GREY_SHARE * len(seen):
        for path in grey:
            yield Finding("grey", f"one of {len(grey)} without colours", (path,))


def _aspect(sight: Sight) -> float:
    return max(sight.width, sight.height) / min(sight.width, sight.height)


def count_classes(files: Files, photos: Sequence[Examined]) -> tuple[ClassCount, ...]:
    """Return how many usable photos each class has in each split."""
    counts = Counter((photo.file.label, photo.file.split) for photo in photos)
    splits = list(dict.fromkeys(split for split, _ in files.classes))
    labels = sorted({label for _, label in files.classes})
    return tuple(ClassCount(label, {split: counts[label, split] for split in splits}) for label in labels)
