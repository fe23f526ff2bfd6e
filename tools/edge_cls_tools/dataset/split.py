"""Splitting a data set into train, val and test folders that share no photo and no near duplicates."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.progress import Progress

from edge_cls.errors import ConfigError, DatasetError
from edge_cls.files import new_folder
from edge_cls_tools.dataset.check.diagnosis import group_similar, scan_folder
from edge_cls_tools.dataset.check.scan import ScannedPhoto
from edge_cls_tools.io.place import place

Group = list[ScannedPhoto]
"""Near duplicates, which stay in one split."""


@dataclass(frozen=True)
class Split:
    """The number of photos per folder, the number of unusable files left out, and the classes in train only."""

    photos: dict[str, int]
    left_out: int
    train_only: tuple[str, ...]


def write_split(
    root: Path, out: Path, *, seed: int, validation: float, test: float, link: bool, display: Progress
) -> Split:
    """Write the photos of all splits of `root` to `out`/train, val and test; nothing in `root` changes.

    Near duplicates stay together. Otherwise each class gives the shares `validation` and `test`, in [0, 1), of its
    photos, chosen by their content and `seed` only. A class with too few different photos goes to train. With `link`
    the files are hard links, otherwise copies. Raises ConfigError if the shares leave nothing to train on, DatasetError
    if `root` has no usable photo or contains `out`, and OutputError if `out` exists or cannot be written.
    """
    if validation + test >= 1:
        raise ConfigError(f"--validation {validation} --test {test} leaves nothing to train on", hint="lower them")
    if out.resolve().is_relative_to(root.resolve()):
        raise DatasetError(f"{out} lies inside {root}", hint="name a folder beside it")
    _, scanned = scan_folder(root, display)
    photos = [one for one in scanned if one.appearance is not None]
    if not photos:
        raise DatasetError(f"{root} holds no usable photo in a class folder", hint="make a folder per class")
    by_number: dict[int, Group] = defaultdict(list)
    for photo, number in zip(photos, group_similar(photos, display), strict=True):
        by_number[int(number)].append(photo)
    by_label: dict[str, list[Group]] = defaultdict(list)
    for group in by_number.values():
        by_label[Counter(photo.file.label for photo in group).most_common(1)[0][0]].append(group)
    shares = {"test": test, "val": validation}
    dealt = {label: deal(groups, shares, seed) for label, groups in sorted(by_label.items())}
    task = display.add_task("writing", total=len(photos), note="")
    counts: Counter[str] = Counter(train=0)
    with new_folder(out) as folder:
        for splits in dealt.values():
            for split, groups in splits.items():
                for photo in sorted((photo for group in groups for photo in group), key=lambda one: one.file.path):
                    place(photo.file.path, folder / split / _below_split(photo, root), link=link)
                    counts[split] += 1
                    display.advance(task)
    train_only = tuple(label for label, splits in dealt.items() if splits.keys() == {"train"} and validation + test > 0)
    return Split(dict(counts), len(scanned) - len(photos), train_only)


def deal(groups: Sequence[Group], shares: Mapping[str, float], seed: int) -> dict[str, list[Group]]:
    """Return the groups of one class for each split in `shares`; the remaining ones, at least one, go to train."""
    wanted = {split: share for split, share in shares.items() if share > 0}
    if len(groups) <= len(wanted):
        return {"train": list(groups)}
    rest = sorted(groups, key=lambda group: _rank(group, seed))
    total = sum(map(len, rest))
    dealt: dict[str, list[Group]] = {}
    for still, split in zip(range(len(wanted), 0, -1), wanted, strict=True):
        room = max(1, round(total * wanted[split]))
        # If every group is larger than the share, the smallest exceeds it by the least.
        taken = [] if any(len(group) <= room for group in rest) else [min(rest, key=len)]
        for group in rest:
            if len(group) <= room and len(rest) - len(taken) > still:
                taken.append(group)
                room -= len(group)
        dealt[split] = taken
        chosen = {id(group) for group in taken}
        rest = [group for group in rest if id(group) not in chosen]
    return {"train": rest} | dealt


def _rank(group: Group, seed: int) -> bytes:
    """Return the sort key of a group: a hash of its content, so that names and the order of files do not matter."""
    return hashlib.sha256(f"split {seed}".encode() + min(photo.digest for photo in group)).digest()


def _below_split(photo: ScannedPhoto, root: Path) -> Path:
    """Return the path of a photo below its split folder: the class, then subfolders and name."""
    parts = photo.file.path.relative_to(root).parts
    return Path(photo.file.label, *parts[2 if photo.file.split else 1 :])
