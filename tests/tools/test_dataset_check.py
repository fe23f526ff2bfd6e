"""The dataset check finds the problems of a data set, and raises no false alarms."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from rich.progress import Progress

from edge_cls.images.preprocess import Frame
from edge_cls.images.reading import encode_jpeg, read_image
from edge_cls_tools.dataset.check import similarity
from edge_cls_tools.dataset.check.checks import class_findings
from edge_cls_tools.dataset.check.diagnosis import diagnose
from edge_cls_tools.dataset.check.findings import ClassCount, Diagnosis
from edge_cls_tools.dataset.check.label_issues import find_label_issues, find_outliers
from edge_cls_tools.dataset.check.similarity import Fingerprint, fingerprint, similar_groups, thumbnail
from tests.scenes import scene, write_scenes


def fingerprint_of(frame: Frame) -> Fingerprint:
    return fingerprint(thumbnail(frame))


def diagnosis_of(root: Path) -> Diagnosis:
    return diagnose(root, Progress(disable=True), check_labels=False)


def found(diagnosis: Diagnosis, kind: str) -> set[str]:
    return {
        path.relative_to(diagnosis.root).as_posix() for finding in diagnosis.of_kind(kind) for path in finding.paths
    }


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A data set of two classes without problems, which the tests add."""
    write_scenes(tmp_path / "cat", range(25))
    write_scenes(tmp_path / "dog", range(100, 125))
    return tmp_path


def test_a_data_set_without_problems_has_no_findings(photos: Path) -> None:
    diagnosis = diagnosis_of(photos)
    assert (diagnosis.findings, diagnosis.sound, diagnosis.photos) == ((), True, 50)
    assert diagnosis.classes == (ClassCount("cat", {"": 25}), ClassCount("dog", {"": 25}))


def test_a_photo_that_was_scaled_compressed_or_slightly_cropped_looks_alike_and_others_do_not() -> None:
    originals = [scene(seed, 200) for seed in range(40)]
    copies = []
    for frame in originals:
        image = Image.fromarray(frame)
        copies.append(np.asarray(image.resize((90, 90))))
        copies.append(read_image(encode_jpeg(frame, quality=30)))
        copies.append(frame[3:-3, 3:-3])
    groups = similar_groups([fingerprint_of(frame) for frame in (*originals, *copies)])
    assert len(set(groups[:40])) == 40
    found = groups[40:].reshape(40, 3) == groups[:40, None]
    assert found[:, :2].all()
    # A cut edge shifts everything a little: not every such copy is found, but none is grouped with another photo.
    assert found[:, 2].mean() >= 0.9
    assert len(np.unique(groups[40:][~found.ravel()])) == (~found).sum()


def test_plain_photos_of_other_colours_do_not_look_alike() -> None:
    plain = [np.full((50, 50, 3), color, np.uint8) for color in ((0, 0, 0), (250, 0, 0), (0, 90, 0), (255, 255, 255))]
    assert len(set(similar_groups([fingerprint_of(frame) for frame in plain]))) == 4


def test_groups_are_those_of_comparing_each_pair() -> None:
    rng = np.random.default_rng(0)
    base = rng.integers(0, 2, (12, 128)).astype(bool)
    photos = [
        Fingerprint(base[i % 12] ^ (rng.random(128) < 0.08), np.full((16, 16, 3), 10 * (i % 7), np.uint8))
        for i in range(100)
    ]

    def alike(a: Fingerprint, b: Fingerprint) -> bool:
        differ = a.bits != b.bits
        near = differ[:64].sum() <= similarity.MAX_BITS and differ[64:].sum() <= similarity.MAX_BITS
        colours = np.abs(a.colours.astype(int) - b.colours.astype(int)).mean()
        return bool(near and colours <= similarity.MAX_COLOUR)

    groups = list(range(100))
    for i in range(100):
        for j in range(i):
            if alike(photos[i], photos[j]):
                groups = [groups[j] if group == groups[i] else group for group in groups]
    ours = similar_groups(photos, block=16)
    assert 12 < len(set(groups)) < 100
    assert len(set(zip(groups, ours, strict=True))) == len(set(groups)) == len(set(ours))


def test_unusable_files_are_reported_with_the_reason(photos: Path) -> None:
    whole = (photos / "cat" / "000.png").read_bytes()
    (photos / "cat" / "cut.png").write_bytes(whole[:-3000])
    (photos / "cat" / "empty.jpg").touch()
    (photos / "cat" / "text.jpg").write_text("no photo")
    (photos / "cat" / "loop.png").symlink_to("loop.png")
    (photos / "cat" / "nowhere.png").symlink_to("missing.png")
    (photos / "dog" / os.fsdecode(b"caf\xe9.png")).write_bytes(b"no photo either")
    os.mkfifo(photos / "dog" / "pipe.jpg")
    with (photos / "dog" / "huge.bmp").open("wb") as file:
        file.truncate(10**11)
    Image.new("RGB", (2, 2)).save(photos / "dog" / "tiny.png")
    diagnosis = diagnosis_of(photos)
    reasons = {finding.paths[0].name: finding.message for finding in diagnosis.of_kind("unusable")}
    names = [
        b"cut.png",
        b"empty.jpg",
        b"text.jpg",
        b"loop.png",
        b"nowhere.png",
        b"caf\xe9.png",
        b"pipe.jpg",
        b"huge.bmp",
    ]
    assert {os.fsencode(name) for name in reasons} == {*names, b"tiny.png"}
    assert (reasons["empty.jpg"], reasons["huge.bmp"]) == ("is empty", "has 100,000 MB, over 100")
    assert (diagnosis.photos, diagnosis.sound) == (50, False)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_and_a_folder_without_permission_are_reported(photos: Path) -> None:
    (photos / "cat" / "000.png").chmod(0)
    (photos / "dog" / "secret").mkdir(mode=0)
    diagnosis = diagnosis_of(photos)
    assert found(diagnosis, "unusable") == {"cat/000.png"}
    assert found(diagnosis, "ignored") == {"dog/secret"}


def test_a_loop_of_links_and_files_that_are_not_photos_are_ignored_and_reported(photos: Path) -> None:
    (photos / "cat" / "up").symlink_to("..")
    (photos / "cat" / "Thumbs.db").touch()
    (photos / "loose.png").write_bytes((photos / "cat" / "000.png").read_bytes())
    diagnosis = diagnosis_of(photos)
    assert found(diagnosis, "ignored") == {"cat/up", "cat/Thumbs.db", "loose.png"}
    assert (diagnosis.photos, diagnosis.sound) == (50, True)


def test_a_photo_with_the_suffix_of_another_format_is_reported(photos: Path) -> None:
    (photos / "cat" / "000.png").rename(photos / "cat" / "000.jpg")
    (photos / "cat" / "001.png").rename(photos / "cat" / "001.PNG")
    assert found(diagnosis_of(photos), "suffix") == {"cat/000.jpg"}


def test_duplicates_are_reported_by_their_effect(tmp_path: Path) -> None:
    for split, first in (("train", 0), ("test", 200)):
        write_scenes(tmp_path / split / "cat", range(first, first + 20))
        write_scenes(tmp_path / split / "dog", range(first + 100, first + 120))
    train, test = tmp_path / "train", tmp_path / "test"
    (train / "cat" / "copy.png").write_bytes((train / "cat" / "000.png").read_bytes())
    Image.fromarray(scene(1)).resize((60, 60)).save(train / "cat" / "small.png")
    (train / "dog" / "cat2.png").write_bytes((train / "cat" / "002.png").read_bytes())
    Image.fromarray(scene(103)).save(test / "dog" / "leak.jpg")
    diagnosis = diagnosis_of(tmp_path)
    assert found(diagnosis, "duplicate") == {"train/cat/000.png", "train/cat/copy.png"}
    assert found(diagnosis, "near-duplicate") == {"train/cat/001.png", "train/cat/small.png"}
    assert found(diagnosis, "conflict") == {"train/cat/002.png", "train/dog/cat2.png"}
    assert found(diagnosis, "leak") == {"train/dog/103.png", "test/dog/leak.jpg"}
    assert [finding.message for finding in diagnosis.of_kind("leak")] == ["nearly the same in test and train"]
    assert not diagnosis.sound


def test_unusual_photos_are_reported(photos: Path) -> None:
    grey = np.repeat(scene(500).mean(axis=2, keepdims=True).astype(np.uint8), 3, axis=2)
    Image.fromarray(grey).save(photos / "cat" / "grey.png")
    Image.fromarray(np.full((90, 90, 3), (10, 20, 30), np.uint8)).save(photos / "cat" / "flat.png")
    Image.fromarray(scene(501)[:25]).save(photos / "dog" / "narrow.png")
    Image.fromarray(scene(502, 20)).save(photos / "dog" / "small.png")
    diagnosis = diagnosis_of(photos)
    assert {kind: found(diagnosis, kind) for kind in ("grey", "flat", "narrow", "small")} == {
        "grey": {"cat/grey.png"},
        "flat": {"cat/flat.png"},
        "narrow": {"dog/narrow.png"},
        "small": {"dog/small.png"},
    }


def test_grey_or_small_photos_are_not_reported_if_most_are(tmp_path: Path) -> None:
    for label, first in (("cat", 0), ("dog", 50)):
        (tmp_path / label).mkdir()
        for seed in range(first, first + 20):
            Image.fromarray(scene(seed, 28)[:, :, 0]).save(tmp_path / label / f"{seed}.png")
    assert diagnosis_of(tmp_path).findings == ()


@pytest.mark.parametrize(
    ("counts", "says"),
    [
        ([("cat", 100), ("dog", 15)], ["dog has 15 photos, fewer than 20"]),
        ([("cat", 500), ("dog", 99)], ["dog has 99 photos, and cat 500"]),
        ([("cat", 500), ("dog", 100)], []),
        ([("cat", 30), ("dog", 0)], ["dog has 0 photos; training needs 3, better 20"]),
        ([("cat", 30)], ["1 class; at least two are needed"]),
        ([("cat", 30), ("x" * 101, 30)], [f"{'x' * 100!r} is not a label"]),
    ],
)
def test_classes_that_are_too_small_or_have_no_valid_label_are_reported(
    counts: list[tuple[str, int]], says: list[str]
) -> None:
    findings = class_findings([ClassCount(label, {"": number}) for label, number in counts])
    assert [finding.message for finding in findings] == says


def test_a_class_that_a_split_lacks_is_reported() -> None:
    counts = [ClassCount("cat", {"train": 30, "test": 9}), ClassCount("dog", {"train": 30, "test": 0})]
    assert [finding.message for finding in class_findings(counts)] == ["dog has no photo in test"]


def clusters(count: int) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    """Return embeddings of three well separated classes, and their labels."""
    rng = np.random.default_rng(3)
    labels = np.repeat(np.arange(3), count)
    centres = rng.normal(0, 1, (3, 40))
    return np.asarray(centres[labels] + rng.normal(0, 0.3, (3 * count, 40)), np.float32), labels


def test_swapped_labels_are_found_with_the_right_class_and_no_other_is_suspected() -> None:
    embeddings, truth = clusters(60)
    given = truth.copy()
    swapped = [3, 50, 70, 100, 130, 170]
    given[swapped] = (truth[swapped] + 1) % 3
    issues = find_label_issues(embeddings, given, np.arange(len(given)), lambda _: None)
    assert {issue.index: issue.suggested for issue in issues} == {i: truth[i] for i in swapped}
    assert all(s.given_probability < s.suggested_probability <= 1 for s in issues)


def test_copies_of_a_photo_do_not_confirm_its_wrong_label() -> None:
    embeddings, truth = clusters(60)
    # The same odd photo of class 0 twelve times, all labelled 1: in 12 groups, each would be learnt from the others.
    odd = np.tile(embeddings[0] + 0.2, (12, 1)).astype(np.float32)
    labels = np.concatenate([truth, np.ones(12, int)])
    alone, together = np.arange(192), np.concatenate([np.arange(180), np.full(12, 180)])
    everything = np.concatenate([embeddings, odd])

    def suspected(groups: NDArray[np.intp]) -> set[int]:
        return {one.index for one in find_label_issues(everything, labels, groups, lambda _: None)}

    assert suspected(together) >= set(range(180, 192))
    assert not suspected(alone) & set(range(180, 192))


def test_classes_with_too_few_photos_are_skipped() -> None:
    embeddings, labels = clusters(4)
    assert find_label_issues(embeddings, labels, np.arange(12), lambda _: None) == []
    many, truth = clusters(20)
    few = np.concatenate([truth[:-1], [9]])
    assert 59 not in {one.index for one in find_label_issues(many, few, np.arange(60), lambda _: None)}


def test_a_photo_unlike_all_others_is_an_outlier() -> None:
    embeddings, _ = clusters(40)
    strange = np.random.default_rng(9).normal(0, 1, (1, 40)).astype(np.float32)
    assert [index for index, _ in find_outliers(np.concatenate([embeddings, strange]))] == [120]
    assert find_outliers(embeddings[:3]) == []
