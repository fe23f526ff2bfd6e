"""`edge-cls dataset`, as a user types it."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from edge_cls.errors import ImageError
from edge_cls.images.reading import read_image
from edge_cls_tools.dataset.check.findings import Finding
from edge_cls_tools.dataset.check.photo_files import PhotoFile
from edge_cls_tools.dataset.check.quarantine import quarantine, restore
from edge_cls_tools.dataset.check.scan import ScannedPhoto
from edge_cls_tools.dataset.loading import load_dataset
from edge_cls_tools.dataset.split import deal
from tests.commands import EdgeCls
from tests.scenes import scene, write_scenes


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of two classes without problems, 20 photos each."""
    folder = tmp_path_factory.mktemp("sound")
    write_scenes(folder / "cat", range(20))
    write_scenes(folder / "dog", range(100, 120))
    return folder


@pytest.fixture
def photos(sound: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of that data set, to which the tests add problems."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return shutil.copytree(sound, tmp_path / "photos")


def tree(root: Path) -> dict[str, bytes | str]:
    """Return all files below a folder: their bytes, or the target of a link."""
    return {
        os.fsencode(path.relative_to(root)).decode("latin-1"): str(path.readlink())
        if path.is_symlink()
        else path.read_bytes()
        for path in root.rglob("*")
        if path.is_symlink() or path.is_file()
    }


def add_unusable(photos: Path) -> None:
    """Add two unusable files and a broken link."""
    (photos / "cat" / os.fsdecode(b"caf\xe9.jpg")).write_bytes(b"no photo")
    (photos / "dog" / "2024").mkdir()
    (photos / "dog" / "2024" / "cut.png").write_bytes((photos / "dog" / "100.png").read_bytes()[:500])
    (photos / "dog" / "link.png").symlink_to("nowhere.png")


def test_a_data_set_without_problems_ends_with_0(photos: Path, edge_cls: EdgeCls) -> None:
    code, out, err = edge_cls("dataset", "check", str(photos), "--no-labels")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == "OK    photos          40 usable photos in 2 classes"
    assert "OK    unusable        unusable files: 0" in lines
    assert all(line.startswith("OK    ") for line in lines[:-1])
    assert lines[-1] == "no problems found"
    assert not any(line.startswith(("OK    label", "OK    outlier")) for line in lines)  # these were not looked for


def test_findings_are_blocks_with_a_path_on_each_line_and_end_with_1(
    photos: Path, edge_cls: EdgeCls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    add_unusable(photos)
    copy = f"[bold]{'very long name ' * 10}.png"
    (photos / "cat" / copy).write_bytes((photos / "cat" / "000.png").read_bytes())
    code, out, err = edge_cls("dataset", "check", str(photos), "--no-labels")
    assert (code, err) == (1, "")
    assert block(out, "unusable") == [
        "FAIL  unusable        unusable files: 3",
        f"      {reason(b'no photo')}",
        "        cat/caf\\xe9.jpg",
        f"      {reason((photos / 'dog' / '2024' / 'cut.png').read_bytes())}",
        "        dog/2024/cut.png",
        "      is a broken link, or not a regular file",
        "        dog/link.png",
        "      fix:            move them away with --quarantine DIR, or replace them",
    ]
    assert block(out, "duplicate") == [
        "WARN  duplicate       exact duplicates: 1",
        "      2 copies",
        "        cat/000.png",
        f"        cat/{copy}",
        "      fix:            keep one of each; until then, they count more than other photos",
    ]
    assert out.endswith("unusable files: 3, leaks between splits: 0\n")


def reason(content: bytes) -> str:
    """Return the message for bytes that are not a photo."""
    with pytest.raises(ImageError) as caught:
        read_image(content, "it")
    return caught.value.message


def block(text: str, kind: str) -> list[str]:
    """Return the lines of a kind of problem."""
    lines = text.splitlines()
    start = next(number for number, line in enumerate(lines) if line[6:].startswith(f"{kind} "))
    return lines[start : next(number for number in range(start + 1, len(lines)) if lines[number][0] != " ")]


def test_equal_messages_are_joined_but_groups_stay_apart_and_long_lists_are_counted(
    photos: Path, edge_cls: EdgeCls
) -> None:
    for number in range(7):
        (photos / "cat" / f"empty{number}.jpg").touch()
    for number in range(4):
        (photos / "dog" / f"copy{number}.png").write_bytes((photos / "dog" / "100.png").read_bytes())
    for name in ("000", "001"):
        (photos / "cat" / f"{name}-copy.png").write_bytes((photos / "cat" / f"{name}.png").read_bytes())
    _, out, _ = edge_cls("dataset", "check", str(photos), "--no-labels")
    assert block(out, "unusable")[1:-1] == [
        "      is empty",
        *(f"        cat/empty{number}.jpg" for number in range(5)),
        "      and 2 more; --json lists all",
    ]
    assert block(out, "duplicate")[1:-1] == [
        "      5 copies",
        *(f"        dog/{name}.png" for name in ("100", "copy0", "copy1")),
        "        and 2 more",
        "      2 copies",
        *("        cat/000-copy.png", "        cat/000.png"),
        "      2 copies",
        *("        cat/001-copy.png", "        cat/001.png"),
    ]


def test_json_has_all_findings_and_stdout_nothing_else(photos: Path, edge_cls: EdgeCls) -> None:
    add_unusable(photos)
    (photos / "dog" / "swapped.png").write_bytes((photos / "cat" / "000.png").read_bytes())
    code, out, err = edge_cls("dataset", "check", str(photos), "--json")
    document = json.loads(out)
    assert (code, err) == (1, "")
    assert (document["photos"], document["sound"], document["classes"]) == (41, False, {"cat": 20, "dog": 21})
    conflict = {
        "kind": "conflict",
        "message": "the same as cat and dog",
        "files": ["cat/000.png", "dog/swapped.png"],
        "suggested_label": None,
    }
    assert conflict in document["findings"]
    unusable = [finding for finding in document["findings"] if finding["kind"] == "unusable"]
    assert ["dog/2024/cut.png"] in [finding["files"] for finding in unusable]


def test_a_wrong_label_is_suspected_with_the_most_probable_class(tmp_path: Path, edge_cls: EdgeCls) -> None:
    for label, base in (("noise", 0), ("spots", 1)):
        (tmp_path / label).mkdir()
        for seed in range(20):
            frame = scene(seed) if base else np.random.default_rng(seed).integers(0, 256, (96, 96, 3), np.uint8)
            Image.fromarray(frame).save(tmp_path / label / f"{seed}.png")
    Image.fromarray(scene(77)).save(tmp_path / "noise" / "wrong.png")
    _, out, _ = edge_cls("dataset", "check", str(tmp_path), "--json")
    suspected = [finding for finding in json.loads(out)["findings"] if finding["kind"] == "label"]
    assert [(one["files"], one["suggested_label"]) for one in suspected] == [(["noise/wrong.png"], "spots")]


def test_the_report_shows_duplicates_side_by_side_and_escapes_names(photos: Path, edge_cls: EdgeCls) -> None:
    add_unusable(photos)
    Image.fromarray(scene(3)).save(photos / "cat" / "<script>.jpg")
    edge_cls("dataset", "check", str(photos), "--no-labels", "--report", str(photos.parent / "report.html"))
    html = (photos.parent / "report.html").read_text()
    case = html[html.index('id="near-duplicate"') :]
    assert case.index("cat/003.png") < case.index("cat/&lt;script&gt;.jpg")
    assert case[: case.index("<h2", 1) if "<h2" in case[1:] else None].count("data:image/jpeg;base64,") == 2
    assert "caf\\xe9.jpg" in html
    assert "<script" not in html


def test_quarantine_can_be_undone_to_the_byte(photos: Path, edge_cls: EdgeCls) -> None:
    add_unusable(photos)
    before, folder = tree(photos), photos.parent / "quarantine"
    code, out, err = edge_cls("dataset", "check", str(photos), "--no-labels", "--quarantine", str(folder))
    assert code == 1
    assert "unusable files: 3" in out
    assert err == f"3 files moved to {folder}; 'edge-cls dataset restore {folder}' moves them back\n"
    assert set(before) - set(tree(photos)) == {"cat/caf\xe9.jpg", "dog/2024/cut.png", "dog/link.png"}
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["files"][0] == {
        "file": "cat/caf\xe9.jpg",
        "original": str(photos / "cat" / "caf\xe9.jpg"),
        "reason": reason(b"no photo"),
    }
    assert edge_cls("dataset", "check", str(photos), "--no-labels")[0] == 0
    assert edge_cls("dataset", "restore", str(folder)) == (0, "moved back: 3\n", "")
    assert tree(photos) == before
    assert not folder.exists()


def test_a_file_that_cannot_go_back_stays_and_is_reported(photos: Path, edge_cls: EdgeCls) -> None:
    add_unusable(photos)
    folder = photos.parent / "quarantine"
    edge_cls("dataset", "check", str(photos), "--no-labels", "--quarantine", str(folder))
    (photos / "dog" / "2024" / "cut.png").write_bytes(b"a new photo")
    code, out, err = edge_cls("dataset", "restore", str(folder))
    assert (code, out) == (1, "moved back: 2\n")
    assert err == f"{folder}/dog/2024/cut.png stays; {photos}/dog/2024/cut.png exists\n"
    assert (photos / "dog" / "2024" / "cut.png").read_bytes() == b"a new photo"
    (photos / "dog" / "2024" / "cut.png").unlink()
    assert edge_cls("dataset", "restore", str(folder))[:2] == (0, "moved back: 1\n")


def test_two_quarantines_in_one_folder_both_come_back(photos: Path, edge_cls: EdgeCls) -> None:
    folder, bad = photos.parent / "quarantine", photos / "cat" / "bad.jpg"
    for content in (b"one", b"two"):
        bad.write_bytes(content)
        edge_cls("dataset", "check", str(photos), "--no-labels", "--quarantine", str(folder))
        assert not bad.exists()
    assert sorted(path.read_bytes() for path in (folder / "cat").iterdir()) == [b"one", b"two"]


@pytest.mark.parametrize(
    ("manifest", "says"),
    [
        (None, "holds no manifest.json"),
        ("nonsense", "is damaged"),
        ('{"files": [{"file": 3}]}', "is damaged"),
    ],
)
def test_a_folder_that_is_not_a_quarantine_is_refused(
    tmp_path: Path, edge_cls: EdgeCls, manifest: str | None, says: str
) -> None:
    if manifest:
        (tmp_path / "manifest.json").write_text(manifest)
    code, out, err = edge_cls("dataset", "restore", str(tmp_path))
    assert (code, out) == (1, "")
    assert says in err
    assert err.count("\n") == 1


def test_a_manifest_cannot_move_files_from_elsewhere(tmp_path: Path, edge_cls: EdgeCls) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    (tmp_path / "quarantine").mkdir()
    entry = {"file": "../mine.txt", "original": str(tmp_path / "theirs.txt"), "reason": ""}
    (tmp_path / "quarantine" / "manifest.json").write_text(json.dumps({"files": [entry]}))
    assert edge_cls("dataset", "restore", str(tmp_path / "quarantine"))[0] == 1
    assert (tmp_path / "mine.txt").read_text() == "mine"


def test_every_original_path_is_written_before_a_file_is_moved(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A power cut at the first move loses nothing, and the next quarantine mixes nothing up."""
    bad = [photos / "cat" / f"{name}.jpg" for name in ("one", "two")]
    for path in bad:
        path.write_bytes(path.name.encode())
    findings, folder = [Finding("unusable", "bad", tuple(bad))], tmp_path / "quarantine"

    def power_cut(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", power_cut)
        with pytest.raises(KeyboardInterrupt):
            quarantine(findings, photos, folder)
    assert [entry["file"] for entry in json.loads((folder / "manifest.json").read_text())["files"]] == [
        "cat/one.jpg",
        "cat/two.jpg",
    ]
    before = tree(photos)
    assert [path.name for path in quarantine(findings, photos, folder)] == ["one~2.jpg", "two~2.jpg"]
    assert restore(folder) == (bad, [])
    assert tree(photos) == before
    assert not folder.exists()


def test_a_file_that_cannot_be_moved_is_reported_after_the_summary(photos: Path, edge_cls: EdgeCls) -> None:
    add_unusable(photos)
    before, folder = tree(photos), photos.parent / "quarantine"
    folder.write_text("a file where the folder should be")
    code, out, err = edge_cls("dataset", "check", str(photos), "--no-labels", "--quarantine", str(folder))
    assert code == 1
    assert out.endswith("unusable files: 3, leaks between splits: 0\n")
    assert err.startswith(f"error: {folder}/manifest.json cannot be written")
    assert tree(photos) == before


@pytest.mark.parametrize("make", ["empty", "missing", "empty/class"])
def test_a_folder_without_photos_is_one_line(tmp_path: Path, edge_cls: EdgeCls, make: str) -> None:
    if make != "missing":
        (tmp_path / make).mkdir(parents=True)
    code, out, err = edge_cls("dataset", "check", str(tmp_path / make.partition("/")[0]))
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "is not a folder" in err or "holds no photo" in err


def test_a_quarantine_inside_the_data_set_is_refused(photos: Path, edge_cls: EdgeCls) -> None:
    add_unusable(photos)
    before = tree(photos)
    code, _, err = edge_cls("dataset", "check", str(photos), "--no-labels", "--quarantine", str(photos / "bad"))
    assert code == 1
    assert "lies inside" in err
    assert tree(photos) == before


@pytest.mark.parametrize("link", [False, True])
def test_a_split_keeps_near_duplicates_together_and_loses_nothing(photos: Path, edge_cls: EdgeCls, link: bool) -> None:
    for seed in range(6):
        Image.fromarray(scene(seed)).resize((70, 70)).save(photos / "cat" / f"{seed:03d}-small.jpg")
    (photos / "dog" / "more").mkdir()
    (photos / "dog" / "more" / "100.png").write_bytes((photos / "dog" / "100.png").read_bytes())
    before, out = tree(photos), photos.parent / "split"
    code, text, err = edge_cls("dataset", "split", str(photos), str(out), *(["--link"] if link else []))
    assert (code, err) == (0, "")
    assert tree(photos) == before
    written = tree(out)
    assert sorted(written.values()) == sorted(before.values())
    split_of = {name.partition("/")[2]: name.partition("/")[0] for name in written}
    assert {split_of[f"cat/{seed:03d}.png"] == split_of[f"cat/{seed:03d}-small.jpg"] for seed in range(6)} == {True}
    assert split_of["dog/100.png"] == split_of["dog/more/100.png"]
    dataset = load_dataset(out)
    assert dataset.moved == 0
    assert text == f"{out}: {len(dataset.train)} train, {len(dataset.test)} test, {len(dataset.validation)} val\n"
    counts = [sum(photo.label == label for photo in dataset.test) for label in (0, 1)]
    assert counts == [5, 4]
    name = next(iter(written))
    assert (photos / name.partition("/")[2]).samefile(out / name) is link
    assert edge_cls("dataset", "check", str(out), "--no-labels")[0] == 0


def test_a_split_depends_on_content_and_seed(photos: Path, edge_cls: EdgeCls) -> None:
    outs = [photos.parent / name for name in ("one", "same", "other")]
    for out, seed in zip(outs, ("3", "3", "4"), strict=True):
        edge_cls("dataset", "split", str(photos), str(out), "--seed", seed)
    assert tree(outs[0]) == tree(outs[1]) != tree(outs[2])


def test_a_split_takes_given_splits_together_and_leaves_unusable_files_out(tmp_path: Path, edge_cls: EdgeCls) -> None:
    for split, first in (("train", 0), ("test", 50)):
        write_scenes(tmp_path / "data" / split / "cat", range(first, first + 10))
        write_scenes(tmp_path / "data" / split / "dog", range(first + 100, first + 110))
    (tmp_path / "data" / "test" / "cat" / "000.png").write_bytes(
        (tmp_path / "data" / "train" / "cat" / "000.png").read_bytes()
    )
    (tmp_path / "data" / "train" / "dog" / "bad.jpg").write_bytes(b"bad")
    code, out, err = edge_cls("dataset", "split", str(tmp_path / "data"), str(tmp_path / "out"), "--validation", "0")
    assert code == 0
    assert out.endswith("out: 33 train, 8 test\n")
    assert err.startswith("1 unusable files left out;")
    assert len({path.parts[-3] for path in (tmp_path / "out").rglob("000*.png")}) == 1
    assert len(list((tmp_path / "out").rglob("000*.png"))) == 2


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("photos", "photos/out"), 1, "lies inside"),
        (("photos", "full"), 1, "already exists"),
        (("missing", "out"), 1, "is not a folder"),
        (("full", "out"), 1, "holds no usable photo"),
        (("photos", "out", "--test", "0.6", "--validation", "0.5"), 78, "leaves nothing to train on"),
    ],
)
def test_an_impossible_split_is_refused(
    photos: Path, edge_cls: EdgeCls, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], code: int, says: str
) -> None:
    (photos.parent / "full").mkdir()
    (photos.parent / "full" / "notes.txt").touch()
    monkeypatch.chdir(photos.parent)
    before = tree(photos.parent)
    done = edge_cls("dataset", "split", *arguments)
    assert (done[0], done[1]) == (code, "")
    assert says in done[2]
    assert done[2].count("\n") == 1
    assert tree(photos.parent) == before


def group(number: int, size: int) -> list[ScannedPhoto]:
    return [ScannedPhoto(PhotoFile(Path(f"{number}-{i}.png"), "", "cat"), bytes([number, i] * 16)) for i in range(size)]


@given(st.lists(st.integers(1, 12), min_size=1, max_size=40), st.integers(0, 5))
def test_dealing_loses_no_group_fills_every_split_it_can_and_overfills_none_but_with_one_group(
    sizes: list[int], seed: int
) -> None:
    groups = [group(number, size) for number, size in enumerate(sizes)]
    dealt = deal(groups, {"test": 0.2, "val": 0.15}, seed)
    assert sorted(one[0].digest for split in dealt.values() for one in split) == sorted(one[0].digest for one in groups)
    assert dealt["train"]
    assert all(dealt.values())
    assert set(dealt) == ({"train", "test", "val"} if len(sizes) >= 3 else {"train"})
    for split, share in (("test", 0.2), ("val", 0.15)):
        if len(dealt.get(split, ())) > 1:
            assert sum(map(len, dealt[split])) <= max(1, round(sum(sizes) * share))
