"""The diagnosis of a data set as a page: the photos themselves, duplicates side by side."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup
from matplotlib.figure import Figure

from edge_cls.errors import ImageError
from edge_cls.images.reading import read_image
from edge_cls_tools.dataset.check.findings import KINDS, Diagnosis, Finding, Kind, shown
from edge_cls_tools.report.page import page, picture, plot

_FINDINGS, _PICTURES = 40, 6
"""So many findings of a kind, and photos of a finding, have their pictures in the page."""
_SIDE = 128


@dataclass(frozen=True)
class _Case:
    finding: Finding
    photos: tuple[tuple[str, Markup], ...]
    """The names of the photos, with their pictures; without where there is nothing to see."""
    more: int


@dataclass(frozen=True)
class _Section:
    kind: Kind
    count: int
    cases: tuple[_Case, ...]


def dataset_page(diagnosis: Diagnosis) -> bytes:
    """Return the diagnosis as a self-contained HTML page, UTF-8; what is left out of a kind is counted."""
    sections = []
    for kind in KINDS.values():
        if findings := diagnosis.of_kind(kind.name):
            cases = tuple(_case(finding, diagnosis) for finding in findings[:_FINDINGS])
            sections.append(_Section(kind, len(findings), cases))
    root = shown(diagnosis.root, diagnosis.root.parent)
    return page(
        "dataset.html", root=root, diagnosis=diagnosis, sections=sections, balance=plot(_class_balance(diagnosis))
    )


def _case(finding: Finding, diagnosis: Diagnosis) -> _Case:
    photos = []
    for path in finding.paths[:_PICTURES]:
        image = Markup()
        if finding.kind not in ("unusable", "ignored"):
            try:
                image = picture(read_image(path), side=_SIDE)
            except ImageError:
                image = Markup("(gone)")
        photos.append((shown(path, diagnosis.root), image))
    return _Case(finding, tuple(photos), max(0, len(finding.paths) - _PICTURES))


def _class_balance(diagnosis: Diagnosis) -> Figure:
    """Draw the photos of each class as a bar, with the splits in it."""
    counts = diagnosis.classes
    figure = Figure(figsize=(7, 0.6 + 0.22 * max(1, len(counts))))
    axes = figure.subplots()
    left = [0] * len(counts)
    for split in counts[0].photos if counts else ():
        widths = [count.photos[split] for count in counts]
        axes.barh([count.label for count in counts], widths, left=left, label=split or None)
        left = [a + b for a, b in zip(left, widths, strict=True)]
    axes.invert_yaxis()
    axes.set_xlabel("photos")
    if counts and len(counts[0].photos) > 1:
        axes.legend(frameon=False)
    return figure
