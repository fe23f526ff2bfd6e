"""The whole examination of a data set, from a folder to a diagnosis."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.progress import Progress

from edge_cls.core.manifest import Preprocessing
from edge_cls.errors import DatasetError
from edge_cls.model.builtin import builtin_file
from edge_cls.model.file import read_model
from edge_cls_tools.backbones.embedding_cache import EmbeddingCache
from edge_cls_tools.dataset.check import checks
from edge_cls_tools.dataset.check.findings import KINDS, Diagnosis, Finding
from edge_cls_tools.dataset.check.label_issues import FOLDS, outliers, suspected_labels
from edge_cls_tools.dataset.check.photo_files import Files, find_files
from edge_cls_tools.dataset.check.scan import Examined, examine_all
from edge_cls_tools.dataset.check.similarity import groups_alike
from edge_cls_tools.dataset.loading import Photo


def diagnose(root: Path, display: Progress, *, check_labels: bool = True) -> Diagnosis:
    """Return all that is found at `root`. Without `check_labels` no photo is embedded, and no label doubted.

    Raises DatasetError where `root` is no folder, or holds nothing that is called a photo.
    """
    files, examined = examine_folder(root, display)
    if not files.photos:
        raise DatasetError(f"{root} holds no photo in a class folder", hint="make a folder a class, with photos in it")
    photos = [one for one in examined if one.sight is not None]
    groups = group_photos(photos, display)
    counts = checks.count_classes(files, photos)
    findings = [
        *checks.file_findings(files, examined),
        *checks.duplicate_findings(photos, groups),
        *checks.class_findings(counts),
        *checks.sight_findings(photos),
        *(_judged(photos, groups, display) if check_labels and photos else ()),
    ]
    rank = {kind: index for index, kind in enumerate(KINDS)}
    return Diagnosis(root, len(photos), counts, tuple(sorted(findings, key=lambda finding: rank[finding.kind])))


def examine_folder(root: Path, display: Progress) -> tuple[Files, list[Examined]]:
    """Return the files at `root`, and what is seen of each photo."""
    files = find_files(root)
    task = display.add_task("reading", total=len(files.photos), note="")
    examined = []
    for one in examine_all(files.photos):
        examined.append(one)
        display.advance(task)
    return files, examined


def group_photos(photos: Sequence[Examined], display: Progress) -> NDArray[np.intp]:
    """Return the number of the group of each usable photo: the same and nearly the same ones share one."""
    task = display.add_task("comparing", total=len(photos), note="")
    likenesses = [one.sight.likeness for one in photos if one.sight is not None]
    return groups_alike(likenesses, lambda count: display.advance(task, count))


def _judged(photos: Sequence[Examined], groups: NDArray[np.intp], display: Progress) -> Iterator[Finding]:
    """Yield suspected labels and outliers, judged on the embeddings of the built-in backbone."""
    names = sorted({photo.file.label for photo in photos})
    backbone = read_model(builtin_file("edge-embed.tflite"))
    contract = backbone.manifest.preprocessing if backbone.manifest else Preprocessing(128, 128)
    cache = EmbeddingCache(backbone.network, contract)
    wanted = [Photo(photo.file.path, names.index(photo.file.label), photo.digest) for photo in photos]
    task = display.add_task("embedding", total=len(cache.missing(wanted)), note="")
    embeddings = cache.embed(wanted, lambda count: display.advance(task, count))
    labels = np.array([photo.label for photo in wanted])
    task = display.add_task("doubting", total=FOLDS, note="")
    for suspicion in suspected_labels(embeddings, labels, groups, lambda count: display.advance(task, count)):
        given, suggested = names[labels[suspicion.index]], names[suspicion.suggested]
        chances = f"{given} {suspicion.given_probability:.1%}, {suggested} {suspicion.suggested_probability:.1%}"
        yield Finding("label", chances, (photos[suspicion.index].file.path,), suggested)
    for index, distance in outliers(embeddings):
        yield Finding("outlier", f"cosine distance {distance:.2f} to its neighbours", (photos[index].file.path,))
