"""The diagnosis of a data set as a page that shows the photos, duplicates side by side."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup
from matplotlib.figure import Figure

from edge_cls.errors import ImageError
from edge_cls.images.reading import read_image
from edge_cls_tools.dataset.check.findings import KINDS, Diagnosis, Finding, Kind, shown
from edge_cls_tools.report.page import page, picture, plot

_FINDINGS, _PICTURES = 40, 6
"""Most findings of a kind, and most photos of a finding, that are shown."""
_SIDE = 128
"""Longest side of a picture, in pixels."""


@dataclass(frozen=True)
class _Case:
    finding: Finding
    photos: tuple[tuple[str, Markup], ...]
    """The names of the photos, with their pictures; a picture is empty if the file cannot be shown."""
    more: int


@dataclass(frozen=True)
class _Section:
    kind: Kind
    count: int
    cases: tuple[_Case, ...]


def dataset_page(diagnosis: Diagnosis) -> bytes:
    """Return the diagnosis as a self-contained HTML page, UTF-8; findings that are left out are counted."""
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
                image = Markup("(missing)")
        photos.append((shown(path, diagnosis.root), image))
    return _Case(finding, tuple(photos), max(0, len(finding.paths) - _PICTURES))


def _class_balance(diagnosis: Diagnosis) -> Figure:
    """Return a bar chart of the photos per class, each bar divided into the splits."""
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
