"""The whole check of a data set, from a folder to a diagnosis."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.progress import Progress

from edge_cls.errors import DatasetError
from edge_cls.model.builtin import builtin_file
from edge_cls.model.file import read_model
from edge_cls_tools.backbones.embedding_cache import EmbeddingCache
from edge_cls_tools.dataset.check import checks
from edge_cls_tools.dataset.check.findings import KINDS, Diagnosis, Finding
from edge_cls_tools.dataset.check.label_issues import FOLDS, find_label_issues, find_outliers
from edge_cls_tools.dataset.check.photo_files import Files, find_files
from edge_cls_tools.dataset.check.scan import ScannedPhoto, scan_photos
from edge_cls_tools.dataset.check.similarity import similar_groups
from edge_cls_tools.dataset.loading import Photo

_BY_EMBEDDING = ("label", "outlier")
"""The kinds that are looked for in the embeddings of the photos."""


def diagnose(root: Path, display: Progress, *, check_labels: bool = True) -> Diagnosis:
    """Return the problems of the data set at `root`. Without `check_labels` no photo is embedded.

    Raises DatasetError if `root` is not a folder, or contains no file with the suffix of a photo.
    """
    files, scanned = scan_folder(root, display)
    if not files.photos:
        raise DatasetError(f"{root} holds no photo in a class folder", hint="make a folder per class")
    photos = [one for one in scanned if one.appearance is not None]
    groups = group_similar(photos, display)
    counts = checks.count_classes(files, photos)
    findings = [
        *checks.file_findings(files, scanned),
        *checks.duplicate_findings(photos, groups),
        *checks.class_findings(counts),
        *checks.appearance_findings(photos),
        *(_embedding_findings(photos, groups, display) if check_labels and photos else ()),
    ]
    rank = {kind: index for index, kind in enumerate(KINDS)}
    findings.sort(key=lambda finding: rank[finding.kind])
    checked = tuple(kind for kind in KINDS if check_labels or kind not in _BY_EMBEDDING)
    return Diagnosis(root, len(photos), counts, tuple(findings), checked)


def scan_folder(root: Path, display: Progress) -> tuple[Files, list[ScannedPhoto]]:
    """Return the files at `root`, and the scan of each photo. Raises DatasetError if `root` is not a folder."""
    files = find_files(root)
    task = display.add_task("reading", total=len(files.photos), note="")
    scanned = []
    for one in scan_photos(files.photos):
        scanned.append(one)
        display.advance(task)
    return files, scanned


def group_similar(photos: Sequence[ScannedPhoto], display: Progress) -> NDArray[np.intp]:
    """Return the group number of each usable photo, (n,): duplicates and near duplicates share a group."""
    task = display.add_task("comparing", total=len(photos), note="")
    fingerprints = [one.appearance.fingerprint for one in photos if one.appearance is not None]
    return similar_groups(fingerprints, lambda count: display.advance(task, count))


def _embedding_findings(
    photos: Sequence[ScannedPhoto], groups: NDArray[np.intp], display: Progress
) -> Iterator[Finding]:
    """Yield suspected wrong labels and outliers, found in the embeddings of the built-in backbone.

    It is not the default of training, because it takes a fraction of the time for a whole folder, and because a person
    looks at every finding anyway.
    """
    names = sorted({photo.file.label for photo in photos})
    cache = EmbeddingCache(read_model(builtin_file("edge-embed.tflite")))
    labeled = [Photo(photo.file.path, names.index(photo.file.label), photo.digest) for photo in photos]
    task = display.add_task("embedding", total=len(cache.missing(labeled)), note="")
    embeddings = cache.embed(labeled, lambda count: display.advance(task, count))
    labels = np.array([photo.label for photo in labeled])
    task = display.add_task("checking labels", total=FOLDS, note="")
    for issue in find_label_issues(embeddings, labels, groups, lambda count: display.advance(task, count)):
        given, suggested = names[labels[issue.index]], names[issue.suggested]
        message = f"{given} {issue.given_probability:.1%}, {suggested} {issue.suggested_probability:.1%}"
        yield Finding("label", message, (photos[issue.index].file.path,), suggested)
    for index, distance in find_outliers(embeddings):
        yield Finding("outlier", f"cosine distance {distance:.2f} to its neighbours", (photos[index].file.path,))
