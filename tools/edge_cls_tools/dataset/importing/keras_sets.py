"""MNIST, Fashion-MNIST, CIFAR-10 and CIFAR-100 as folders of PNG files: from Keras' cache, or from files.

Keras reads the files in its cache, or downloads them. Files given by the user are read here, in the formats that their
publishers describe: IDX (yann.lecun.com's MNIST page) and pickled batches (the CIFAR page of the University of
Toronto).
"""

from __future__ import annotations

import contextlib
import gzip
import io
import math
import pickle
import sys
import tarfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edge_cls.core.arrays import read_arrays
from edge_cls.errors import DatasetError, DownloadError
from edge_cls.files import new_folder

_MAX_BYTES = 1_000_000_000
"""Most bytes that a file may unpack to, more than any of the sets has: it stops decompression bombs."""
Arrays = dict[str, tuple[NDArray[np.uint8], NDArray[np.intp]]]
"""By split: images, uint8 (n, height, width) or (n, height, width, 3), and class numbers, (n,)."""


@dataclass(frozen=True)
class KerasSet:
    """A data set of `keras.datasets`: its classes by number, and the names of the published files."""

    labels: tuple[str, ...]
    files: tuple[str, ...]


_IDX = tuple(f"{split}-{kind}-ubyte.gz" for split in ("train", "t10k") for kind in ("images-idx3", "labels-idx1"))
_CIFAR10 = "airplane automobile bird cat deer dog frog horse ship truck"
_CIFAR100 = """
apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can castle
caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin elephant flatfish
forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster man maple_tree motorcycle
mountain mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree plain plate poppy porcupine
possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk skyscraper snail snake spider squirrel streetcar
sunflower sweet_pepper table tank telephone television tiger tractor train trout tulip turtle wardrobe whale
willow_tree wolf woman worm
"""
SETS = {
    "mnist": KerasSet(tuple("0123456789"), _IDX),
    "fashion_mnist": KerasSet(
        ("T-shirt", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"), _IDX
    ),
    "cifar10": KerasSet(tuple(_CIFAR10.split()), ("cifar-10-python.tar.gz",)),
    "cifar100": KerasSet(tuple(_CIFAR100.split()), ("cifar-100-python.tar.gz",)),
}


def import_keras_set(name: str, files: Sequence[Path], out: Path, advance: Callable[[int], None]) -> int:
    """Write the set `name` to `out`/train and `out`/test, with a folder per class, and return the number of photos.

    Without `files` the set comes from `keras.datasets`, which has it in its cache or downloads it. `advance` is called
    with the number of photos written. Raises DatasetError if the files are not those of this set, DownloadError if
    Keras cannot get it, and OutputError if `out` exists or cannot be written.
    """
    known = SETS[name]
    arrays = _from_files(files, known) if files else _from_keras(name, known)
    for images, numbers in arrays.values():
        valid = images.dtype == np.uint8 and images.ndim in (3, 4) and len(images) == len(numbers) > 0
        if not valid or numbers.min() < 0 or numbers.max() >= len(known.labels):
            raise DatasetError(f"the files are not images and labels of {name}", hint=f"give {', '.join(known.files)}")
    with new_folder(out) as folder:
        for split, (images, numbers) in arrays.items():
            for label in known.labels:
                (folder / split / label).mkdir(parents=True)
            for index, (image, number) in enumerate(zip(images, numbers, strict=True)):
                Image.fromarray(image).save(folder / split / known.labels[number] / f"{index:05d}.png")
                advance(1)
    return sum(len(numbers) for _, numbers in arrays.values())


def _from_keras(name: str, known: KerasSet) -> Arrays:
    import keras  # it takes seconds, and is not needed for files given by the user

    try:
        with contextlib.redirect_stdout(sys.stderr):  # Keras prints the progress of the download on stdout
            train, test = getattr(keras.datasets, name).load_data()
    except Exception as error:  # Keras' download, hashing and unpacking raise errors of many kinds
        raise DownloadError(
            f"keras.datasets cannot get {name} ({error})",
            hint=f"fetch {', '.join(known.files)} on another machine, and give them with --files",
        ) from error
    return {split: (x, y.reshape(-1).astype(np.intp)) for split, (x, y) in (("train", train), ("test", test))}


def _from_files(files: Sequence[Path], known: KerasSet) -> Arrays:
    try:
        if files[0].suffix == ".npz":
            return _npz(files[0])
        return _cifar(files[0]) if known.files[0].startswith("cifar") else _idx_files(files)
    except (
        OSError,
        EOFError,
        KeyError,
        ValueError,
        TypeError,
        AttributeError,
        IndexError,
        ImportError,
        zlib.error,
        tarfile.TarError,
        pickle.UnpicklingError,
    ) as error:  # all errors that damaged files of these formats raise
        raise DatasetError(
            f"a file of {', '.join(known.files)} in {files[0].parent} is missing or damaged ({error})",
            hint="give all files, as they were published",
        ) from error


def _npz(path: Path) -> Arrays:
    """Read the archive of MNIST that Keras publishes."""
    stored = read_arrays(path.read_bytes())
    return {split: (stored[f"x_{split}"], stored[f"y_{split}"].astype(np.intp)) for split in ("train", "test")}


def _idx_files(files: Sequence[Path]) -> Arrays:
    def find(start: str) -> NDArray[np.uint8]:
        (path,) = [path for path in files if path.name.replace(".idx", "-idx").startswith(start)]
        return read_idx(path)

    return {
        split: (find(f"{prefix}-images-idx3"), find(f"{prefix}-labels-idx1").astype(np.intp))
        for split, prefix in (("train", "train"), ("test", "t10k"))
    }


def read_idx(path: Path) -> NDArray[np.uint8]:
    """Return the bytes in an IDX file, compressed with gzip or not, as uint8 in their shape.

    Raises ValueError if it is not an IDX file of bytes, or cut off, and OSError if it cannot be read.
    """
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    with gzip.open(path) if packed else path.open("rb") as file:
        content = file.read(_MAX_BYTES + 1)
    if len(content) > _MAX_BYTES or content[:3] != b"\0\0\x08" or len(content) < 4:
        raise ValueError(f"{path.name} is not an IDX file of bytes")
    shape = np.frombuffer(content, ">u4", count=content[3], offset=4).tolist()
    if len(content) != 4 + 4 * len(shape) + math.prod(shape):
        raise ValueError(f"{path.name} is cut off")
    return np.frombuffer(content, np.uint8, offset=4 + 4 * len(shape)).reshape(shape)


def _cifar(path: Path) -> Arrays:
    batches: dict[str, list[Mapping[bytes, Any]]] = {"train": [], "test": []}
    with tarfile.open(path) as archive:
        for member in sorted(archive, key=lambda member: member.name):
            name = member.name.rpartition("/")[2]
            split = "test" if name.startswith("test") else "train" if name.startswith(("data_batch", "train")) else None
            file = archive.extractfile(member) if split and member.isfile() and member.size < _MAX_BYTES else None
            if split and file:
                batches[split].append(_ArraysOnly(io.BytesIO(file.read()), encoding="bytes").load())
    return {split: _images_and_labels(found) for split, found in batches.items()}


def _images_and_labels(batches: Sequence[Mapping[bytes, Any]]) -> tuple[NDArray[np.uint8], NDArray[np.intp]]:
    pixels = np.concatenate([batch[b"data"] for batch in batches]).reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    key = b"fine_labels" if b"fine_labels" in batches[0] else b"labels"
    return np.ascontiguousarray(pixels), np.concatenate([np.asarray(batch[key], np.intp) for batch in batches])


class _ArraysOnly(pickle.Unpickler):
    """Unpickles arrays and plain values only: any other pickle could run code."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("_codecs", "encode") or (
            module.split(".")[0] == "numpy" and name in ("_reconstruct", "ndarray", "dtype", "_frombuffer")
        ):
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"it needs {module}.{name}, which no CIFAR file does")
