"""What the doctor can find, and how each is mended."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Kind:
    """A kind of finding. `spoils` says that a training would stop at it, or its test tell lies."""

    name: str
    title: str
    hint: str
    spoils: bool = False


KINDS = {
    kind.name: kind
    for kind in (
        Kind("unusable", "unusable files", "move them away with --quarantine DIR, or replace them", spoils=True),
        Kind("leak", "duplicates across splits", "write new splits with 'edge-cls dataset split DIR OUT'", spoils=True),
        Kind("class", "classes", "add photos, or remove or merge the class"),
        Kind("conflict", "duplicates with different labels", "keep the copy with the right label"),
        Kind("label", "suspected wrong labels", "look at them, and move those that are wrong to the right folder"),
        Kind("duplicate", "exact duplicates", "keep one of each; until then, they count more than other photos"),
        Kind("near-duplicate", "near duplicates", "keep the best of each, or split with 'edge-cls dataset split'"),
        Kind("outlier", "unlike all others", "look whether they belong to the set"),
        Kind("flat", "nearly one colour", "remove them if there is nothing to see"),
        Kind("grey", "grey among colour photos", "add grey photos to all classes, or none, or the colour is learnt"),
        Kind("small", "far smaller than the others", "replace them by larger photos"),
        Kind("narrow", "very long or high", "crop them: only the square in the middle is seen"),
        Kind("suffix", "wrong suffix", "rename them"),
        Kind("ignored", "not seen by training", "move, convert or remove them"),
    )
}
"""All kinds by name, the gravest first."""


@dataclass(frozen=True)
class Finding:
    """One thing that was found: its kind, what it is in words, and the files it is about, alike ones together."""

    kind: str
    message: str
    paths: tuple[Path, ...] = ()
    suggested_label: str | None = None


@dataclass(frozen=True)
class ClassCount:
    """A class, and how many usable photos each split has of it ('' where the data set has no splits)."""

    label: str
    photos: dict[str, int]

    @property
    def total(self) -> int:
        """The number of photos in all splits."""
        return sum(self.photos.values())


@dataclass(frozen=True)
class Diagnosis:
    """All that was found at `root`: findings by kind, the gravest kind first, and within a kind the worst first."""

    root: Path
    photos: int
    classes: tuple[ClassCount, ...]
    findings: tuple[Finding, ...]

    def of_kind(self, kind: str) -> list[Finding]:
        """Return the findings of one kind."""
        return [finding for finding in self.findings if finding.kind == kind]

    @property
    def sound(self) -> bool:
        """Whether every file can be used, and no photo is in two splits."""
        return not any(KINDS[finding.kind].spoils for finding in self.findings)


def shown(path: Path, root: Path) -> str:
    """Return `path`, seen from `root`, as one line of text, whatever bytes its name is made of."""
    text = os.fsencode(path.relative_to(root)).decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
