"""The kinds of problems that the dataset check can find, and the hint for each."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Kind:
    """A kind of problem. `fails`: training would stop at it, or the test accuracy would be wrong."""

    name: str
    title: str
    hint: str
    fails: bool = False


KINDS = {
    kind.name: kind
    for kind in (
        Kind("unusable", "unusable files", "move them away with --quarantine DIR, or replace them", fails=True),
        Kind("leak", "duplicates across splits", "write new splits with 'edge-cls dataset split DIR OUT'", fails=True),
        Kind("class", "problems of classes", "add photos, or remove or merge the class"),
        Kind("conflict", "duplicates with different labels", "keep the copy with the right label"),
        Kind("label", "suspected wrong labels", "look at them, and move wrong ones to the right folder"),
        Kind("duplicate", "exact duplicates", "keep one of each; until then, they count more than other photos"),
        Kind("near-duplicate", "near duplicates", "keep the best of each, or split with 'edge-cls dataset split'"),
        Kind("outlier", "photos unlike all others", "check whether they belong to the data set"),
        Kind("flat", "photos of nearly one colour", "remove them if they show nothing"),
        Kind("grey", "grey photos among coloured ones", "add grey photos to all classes, or to none: colour is learnt"),
        Kind("small", "photos far smaller than the others", "replace them with larger photos"),
        Kind("narrow", "very wide or very high photos", "crop them: only the square in the middle is used"),
        Kind("suffix", "files with the wrong suffix", "rename them"),
        Kind("ignored", "files that training ignores", "move, convert or remove them"),
    )
}
"""All kinds by name, the most severe first."""


@dataclass(frozen=True)
class Finding:
    """One problem: the name of its kind, a message, and the files concerned; duplicates are one finding together."""

    kind: str
    message: str
    paths: tuple[Path, ...] = ()
    suggested_label: str | None = None


@dataclass(frozen=True)
class ClassCount:
    """A class, and the number of its usable photos by split ('' if the data set has no splits)."""

    label: str
    photos: dict[str, int]

    @property
    def total(self) -> int:
        """The number of photos in all splits."""
        return sum(self.photos.values())


@dataclass(frozen=True)
class Diagnosis:
    """The result of a check of `root`.

    `photos` is the number of usable photos. `findings` are sorted by severity of the kind, and within a kind the worst
    come first. `checked` has the names of the kinds that were looked for.
    """

    root: Path
    photos: int
    classes: tuple[ClassCount, ...]
    findings: tuple[Finding, ...]
    checked: tuple[str, ...] = tuple(KINDS)

    def of_kind(self, kind: str) -> list[Finding]:
        """Return the findings of one kind."""
        return [finding for finding in self.findings if finding.kind == kind]

    @property
    def sound(self) -> bool:
        """Whether every file can be used, and no photo is in two splits."""
        return not any(KINDS[finding.kind].fails for finding in self.findings)


def shown(path: Path, root: Path) -> str:
    """Return `path` relative to `root` as one line of printable text; other bytes and characters are escaped."""
    text = os.fsencode(path.relative_to(root)).decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
