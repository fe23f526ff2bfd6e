"""Published data sets become a folder per class; other or hostile files become one line of error."""

from __future__ import annotations

import gzip
import io
import os
import pickle
import stat
import subprocess
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from edge_cls.errors import DatasetError
from edge_cls_tools.dataset.importing import samples_zip
from edge_cls_tools.dataset.importing.keras_sets import SETS, read_idx
from edge_cls_tools.dataset.importing.listed_tree import read_list
from edge_cls_tools.dataset.loading import load_dataset
from tests.commands import COMMAND, EdgeCls
from tests.scenes import scene, write_scenes

RNG = np.random.default_rng(0)


def idx(array: NDArray[np.uint8]) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.tobytes()


def write_idx_set(folder: Path) -> dict[str, tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
    """Write the four files of an MNIST of 20 and 10 digits; return their contents."""
    folder.mkdir(parents=True, exist_ok=True)
    written = {}
    for split, prefix, count in (("train", "train", 20), ("test", "t10k", 10)):
        images = RNG.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        labels = np.arange(count, dtype=np.uint8) % 10
        (folder / f"{prefix}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(images)))
        (folder / f"{prefix}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(labels)))
        written[split] = images, labels
    return written


def write_cifar(path: Path, batches: dict[str, Any]) -> None:
    with tarfile.open(path, "w:gz") as archive:
        for name, batch in batches.items():
            content = pickle.dumps(batch, protocol=2)
            info = tarfile.TarInfo(f"cifar/{name}")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))


def files_of(paths: Path) -> list[str]:
    return [argument for path in sorted(paths.iterdir()) for argument in ("--files", str(path))]


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_idx_files_become_a_folder_per_class(tmp_path: Path, edge_cls: EdgeCls, name: str) -> None:
    written = write_idx_set(tmp_path / "files")
    code, out, err = edge_cls("dataset", "import", name, str(tmp_path / "out"), *files_of(tmp_path / "files"))
    assert (code, out, err) == (0, f"{tmp_path / 'out'}: 30 photos\n", "")
    assert set(load_dataset(tmp_path / "out").labels) == set(SETS[name].labels)
    for split, (images, labels) in written.items():
        for index, (image, label) in enumerate(zip(images, labels, strict=True)):
            path = tmp_path / "out" / split / SETS[name].labels[label] / f"{index:05d}.png"
            np.testing.assert_array_equal(np.asarray(Image.open(path)), image)


def test_the_archive_of_keras_is_imported_too(tmp_path: Path, edge_cls: EdgeCls) -> None:
    images, labels = RNG.integers(0, 256, (10, 28, 28), dtype=np.uint8), np.arange(10, dtype=np.uint8)
    np.savez(tmp_path / "mnist.npz", x_train=images, y_train=labels, x_test=images, y_test=labels)
    code, out, _ = edge_cls("dataset", "import", "mnist", str(tmp_path / "out"), "--files", str(tmp_path / "mnist.npz"))
    assert (code, out) == (0, f"{tmp_path / 'out'}: 20 photos\n")


@pytest.mark.parametrize(("name", "key"), [("cifar10", b"labels"), ("cifar100", b"fine_labels")])
def test_pickled_batches_become_a_folder_per_class(tmp_path: Path, edge_cls: EdgeCls, name: str, key: bytes) -> None:
    images = RNG.integers(0, 256, (6, 32, 32, 3), dtype=np.uint8)
    flat = images.transpose(0, 3, 1, 2).reshape(6, -1)
    batches = {
        part: {b"data": flat[i : i + 2], key: [i, i + 1], b"coarse_labels": [0, 0]}
        for part, i in {"data_batch_1": 0, "data_batch_2": 2, "test_batch": 4}.items()
    } | {"batches.meta": {b"label_names": []}}
    write_cifar(tmp_path / "c.tar.gz", batches)
    code, out, err = edge_cls("dataset", "import", name, str(tmp_path / "out"), "--files", str(tmp_path / "c.tar.gz"))
    assert (code, out, err) == (0, f"{tmp_path / 'out'}: 6 photos\n", "")
    for index, split in enumerate(("train", "train", "train", "train", "test", "test")):
        path = tmp_path / "out" / split / SETS[name].labels[index] / f"{index % 4:05d}.png"
        np.testing.assert_array_equal(np.asarray(Image.open(path)), images[index])


def test_each_set_has_as_many_classes_as_its_name_says() -> None:
    assert {name: len(set(known.labels)) for name, known in SETS.items()} == {
        "mnist": 10,
        "fashion_mnist": 10,
        "cifar10": 10,
        "cifar100": 100,
    }


class Evil:
    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, ("touch pwned",)


def nothing(_: Path) -> None:
    """Leave the file absent."""


def evil_pickle(path: Path) -> None:
    write_cifar(path, {"data_batch_1": {b"data": Evil(), b"labels": [0]}})


def cut_archive(path: Path) -> None:
    write_cifar(path, {"data_batch_1": {b"data": np.zeros((1, 3072), np.uint8), b"labels": [0]}})
    path.write_bytes(path.read_bytes()[:-60])


def wrong_labels(path: Path) -> None:
    batch = {b"data": np.zeros((1, 3072), np.uint8), b"labels": [10]}
    write_cifar(path, {"data_batch_1": batch, "test_batch": batch})


def no_archive(path: Path) -> None:
    path.write_text("no archive")


@pytest.mark.parametrize("make", [evil_pickle, cut_archive, wrong_labels, no_archive, nothing])
def test_files_that_are_not_cifar_are_one_line(
    tmp_path: Path, edge_cls: EdgeCls, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], None]
) -> None:
    monkeypatch.chdir(tmp_path)
    make(tmp_path / "c.tar.gz")
    code, out, err = edge_cls("dataset", "import", "cifar10", "out", "--files", "c.tar.gz")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "cifar-10-python.tar.gz" in err
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize(
    "content", [b"", b"\0\0\x08", b"\0\0\x09\1\0\0\0\1x", idx(np.zeros(9, np.uint8))[:-1], b"\x1f\x8bnonsense"]
)
def test_bytes_that_are_not_an_idx_file_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises((ValueError, OSError, EOFError)):
        read_idx(tmp_path / "file")


@pytest.mark.tensorflow
def test_the_cache_of_keras_is_imported(tmp_path: Path) -> None:
    write_idx_set(tmp_path / "keras" / "datasets" / "fashion-mnist")
    done = subprocess.run(
        [COMMAND, "dataset", "import", "fashion_mnist", str(tmp_path / "out")],
        env=os.environ | {"KERAS_HOME": str(tmp_path / "keras")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, f"{tmp_path / 'out'}: 30 photos\n")
    assert len(list((tmp_path / "out" / "train" / "Ankle boot").iterdir())) == 2


def write_zip(path: Path, members: dict[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


@pytest.fixture
def photo() -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(scene(1, 32)).save(buffer, "JPEG")
    return buffer.getvalue()


def test_samples_become_a_folder_per_class(tmp_path: Path, edge_cls: EdgeCls, photo: bytes) -> None:
    members = {f"samples/{label}/{i}.jpg": photo + bytes([i]) for label in ("Class 1", "Hand") for i in range(4)}
    noise = {"__MACOSX/samples/Hand/._0.jpg": b"x", "samples/Hand/.DS_Store": b"x", "samples/project.json": b"{}"}
    write_zip(tmp_path / "samples.zip", members | noise)
    code, out, err = edge_cls("dataset", "import", str(tmp_path / "samples.zip"), str(tmp_path / "out"))
    assert (code, out, err) == (0, f"{tmp_path / 'out'}: 8 photos\n", "")
    assert load_dataset(tmp_path / "out").labels == ("Class 1", "Hand")
    assert len(list((tmp_path / "out").rglob("*.*"))) == 8


def link(path: Path, photo: bytes) -> None:
    info = zipfile.ZipInfo("cat/link.jpg")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("cat/1.jpg", photo)
        archive.writestr(info, "/etc/passwd")


def bomb(path: Path, _: bytes) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("cat/1.jpg", bytes(20_000_000))


def named(name: str) -> Callable[[Path, bytes], None]:
    return lambda path, photo: write_zip(path, {"cat/1.jpg": photo, name: photo})


def damaged(path: Path, photo: bytes) -> None:
    write_zip(path, {"cat/1.jpg": photo})
    content = bytearray(path.read_bytes())
    content[60] ^= 0xFF
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (named("../../cat/2.jpg"), "leads out of it"),
        (named("/cat/2.jpg"), "leads out of it"),
        (named("C:/cat/2.jpg"), "leads out of it"),
        (named("cat\\..\\..\\2.jpg"), "leads out of it"),
        (named("2.jpg"), "is not in a folder"),
        (named("x" * 101 + "/2.jpg"), "is not a label"),
        (link, "holds a link"),
        (bomb, "unpacks to 1 files of 20 MB"),
        (damaged, "is damaged"),
        (lambda path, _: path.write_bytes(b"no zip"), "is a damaged ZIP"),
        (lambda path, _: write_zip(path, {"cat/notes.txt": b"x"}), "holds no photo"),
        (lambda path, _: nothing(path), "does not exist"),
        (lambda path, _: os.mkfifo(path), "Not a regular file"),
    ],
)
def test_a_hostile_or_damaged_archive_leaves_nothing(
    tmp_path: Path, edge_cls: EdgeCls, photo: bytes, make: Callable[[Path, bytes], None], says: str
) -> None:
    path = tmp_path / "in" / "samples.zip"
    path.parent.mkdir()
    make(path, photo)
    code, out, err = edge_cls("dataset", "import", str(path), str(tmp_path / "in" / "out"))
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert says in err
    assert {entry.name for entry in tmp_path.rglob("*")} <= {"in", "samples.zip"}


def test_too_many_files_are_refused(tmp_path: Path, photo: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples_zip, "MAX_FILES", 2)
    write_zip(tmp_path / "samples.zip", {f"cat/{i}.jpg": photo for i in range(3)})
    with pytest.raises(DatasetError, match="holds over 2 files"):
        samples_zip.import_samples(tmp_path / "samples.zip", tmp_path / "out", lambda _: None)


LISTS = {
    "labels.csv": 'file,index0_999,wnid,name\n000.png,472,n1,canoe\n001.png,260,n2,"chow, chow chow"\n002.png,1,n1,x\n',
    "LOC_val_solution.csv": "ImageId,PredictionString\n000,n1 111 108 2 3\n001,n2 1 2 3 4 n2 5 6 7 8\n002,n1 1 2 3 4\n",
    "val_annotations.txt": "000.png\tn1\t0\t0\t62\t62\n001.png\tn2\t0\t0\t9\t9\n002.png\tn1\t0\t0\t9\t9\n",
    "places365_val.txt": "000.png 1\n001.png 2\n002.png 1\n",
    "val.txt": "sub/000.png 1\n001.png 2\n/002.png 1\n",
}


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize("beside", [False, True])
def test_photos_with_a_list_become_a_folder_per_class(
    tmp_path: Path, edge_cls: EdgeCls, name: str, beside: bool
) -> None:
    write_scenes(tmp_path / "val" / "images" / "sub", range(1))
    write_scenes(tmp_path / "val" / "images", range(1, 4))
    ((tmp_path if beside else tmp_path / "val") / name).write_text(LISTS[name].replace("sub/", "images/sub/"))
    code, out, err = edge_cls("dataset", "import", str(tmp_path / "val"), str(tmp_path / "out"))
    assert (code, out) == (0, f"{tmp_path / 'out'}: 3 photos\n")
    assert err == ""
    labels = ("1", "2") if name in ("places365_val.txt", "val.txt") else ("n1", "n2")
    found = {label: sorted(path.name for path in (tmp_path / "out" / label).iterdir()) for label in labels}
    assert found == {labels[0]: ["000.png", "002.png"], labels[1]: ["001.png"]}
    assert len(list((tmp_path / "val").rglob("*.png"))) == 4


def test_numbers_get_their_names_and_photos_with_one_name_are_distinguished(tmp_path: Path, edge_cls: EdgeCls) -> None:
    for folder, seeds in (("a/airfield", range(2)), ("b/bar/indoor", range(2, 3))):
        write_scenes(tmp_path / "data" / folder, seeds)
    (tmp_path / "data/b/bar/indoor/002.png").rename(tmp_path / "data/b/bar/indoor/000.png")
    (tmp_path / "train.txt").write_text("/a/airfield/000.png 0\n/b/bar/indoor/000.png 1\n/a/airfield/009.png 0\n")
    (tmp_path / "names.txt").write_text("/a/airfield 0\n/b/bar/indoor 1\n")
    arguments = ("--labels", str(tmp_path / "train.txt"), "--names", str(tmp_path / "names.txt"), "--link")
    code, _, err = edge_cls("dataset", "import", str(tmp_path / "data"), str(tmp_path / "out"), *arguments)
    assert (code, err) == (0, "1 photos of the list were not found\n")
    assert (tmp_path / "out/airfield/000.png").samefile(tmp_path / "data/a/airfield/000.png")
    assert (tmp_path / "out/bar-indoor/000.png").samefile(tmp_path / "data/b/bar/indoor/000.png")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (None, "neither"),
        ("nowhere.png cat\n", "no photo below"),
        ("", "no photo below"),
        ("000.png ..\n", "cannot be the name of a class folder"),
        ("\x00\x01", "no photo below"),
    ],
)
def test_an_invalid_list_is_one_line(tmp_path: Path, edge_cls: EdgeCls, text: str | None, says: str) -> None:
    write_scenes(tmp_path / "in" / "val", range(1))
    if text is not None:
        (tmp_path / "in" / "val" / "val.txt").write_text(text)
    code, out, err = edge_cls("dataset", "import", str(tmp_path / "in" / "val"), str(tmp_path / "in" / "out"))
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert says in err
    assert not (tmp_path / "in" / "out").exists()


def test_a_list_that_cannot_be_read_is_reported(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_bytes(b"\xff\xfe\xfa")
    os.mkfifo(tmp_path / "pipe.txt")
    for path in (tmp_path, tmp_path / "missing", tmp_path / "list.txt", tmp_path / "pipe.txt"):
        with pytest.raises(DatasetError, match="cannot be read"):
            list(read_list(path))


def test_the_validation_photos_of_imagenet_are_imported(shared: Path, tmp_path: Path, edge_cls: EdgeCls) -> None:
    code, out, err = edge_cls("dataset", "import", str(shared / "data" / "imagenet_val1300"), str(tmp_path / "out"))
    assert (code, out, err) == (0, f"{tmp_path / 'out'}: 1300 photos\n", "")
