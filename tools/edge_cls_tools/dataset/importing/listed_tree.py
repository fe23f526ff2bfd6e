"""Importing photos in one folder with a list of their classes, as of ImageNet, Places365 and many others."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from edge_cls.core.labels import check_label, parse_labels
from edge_cls.errors import DatasetError
from edge_cls.files import new_folder, open_regular
from edge_cls.images.reading import SUFFIXES
from edge_cls_tools.io.place import place

LISTS = ("labels.csv", "val_annotations.txt", "LOC_val_solution.csv", "places365_val.txt", "val.txt")
"""Names of lists that are found: ours, Tiny ImageNet's, Kaggle's for ImageNet, Places365's, and Caffe's."""
_MAX_LIST = 256 * 2**20
"""Largest list in bytes: about two million photos."""
_CLASS_COLUMNS = ("wnid", "class", "label", "category", "predictionstring", "name")
"""Column names of the class, the preferred first: WordNet's ids before names, because ImageNet has some names twice."""
_FILE_COLUMNS = ("file", "filename", "file_name", "image", "imageid", "image_id", "path")
"""Column names of the file."""


@dataclass(frozen=True)
class Imported:
    """The number of photos imported, and the number of those in the list that were not found."""

    photos: int
    missing: int


def import_listed(
    folder: Path, out: Path, *, labels: Path | None, names: Path | None, link: bool, advance: Callable[[int], None]
) -> Imported:
    """Write the photos below `folder` to `out`, with a folder per class, according to the list `labels`.

    The list is CSV, with or without a header, or has a file and its class per line, separated by a tab or spaces.
    Without `labels` a list with a name in LISTS is looked for in `folder` and beside it. If the classes are numbers,
    `names` is a labels file for them. With `link` the files are hard links, otherwise copies; nothing in `folder`
    changes. `advance` is called with the number of photos written. Raises DatasetError if the list or the names cannot
    be read or match no photo, LabelError if a class is not a valid label, and OutputError if `out` exists or cannot be
    written.
    """
    path = labels or _find_list(folder)
    by_number = _names(names) if names else {}
    photos = _by_name(folder)
    task = [(photos.get(file.lstrip("/")), by_number.get(label, label)) for file, label in read_list(path)]
    found = [(photo, _label(label)) for photo, label in task if photo]
    if not found:
        raise DatasetError(f"no photo below {folder} is in {path}", hint="name the folder that belongs to the list")
    with new_folder(out) as temporary:
        for photo, label in found:
            place(photo, temporary / label / photo.name, link=link)
            advance(1)
    return Imported(len(found), len(task) - len(found))


def read_list(path: Path) -> Iterator[tuple[str, str]]:
    """Yield the file and the class in each line of a list. Raises DatasetError if it cannot be read."""
    try:
        lines = _text(path).splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path} cannot be read ({error})", hint="give a CSV or text file with --labels") from error
    first = lines[0] if lines else ""
    rows = list(csv.reader(lines)) if "," in first else [line.split("\t" if "\t" in first else None) for line in lines]
    header = [cell.strip().lower() for cell in rows[0]] if rows else []
    file_column, class_column = 0, 1
    if header and header[0] in _FILE_COLUMNS:
        del rows[0]
        class_column = next((header.index(name) for name in _CLASS_COLUMNS if name in header), 1)
    for row in rows:
        if len(row) > class_column:
            label = row[class_column].strip()
            boxes = class_column < len(header) and header[class_column] == "predictionstring"
            yield row[file_column].strip(), label.split()[0] if boxes and label else label


def _text(path: Path) -> str:
    with open_regular(path, limit=_MAX_LIST) as file:
        return file.read().decode("utf-8-sig")


def _find_list(folder: Path) -> Path:
    for path in (where / name for where in (folder, folder.parent) for name in LISTS):
        if path.is_file():
            return path
    raise DatasetError(
        f"neither {folder} nor the folder around it holds {', '.join(LISTS)}",
        hint="name the list of files and classes with --labels; a folder per class needs no import",
    )


def _by_name(folder: Path) -> dict[str, Path]:
    """Return the photos below `folder` by every name that a list may use: path, name, and name without suffix."""
    if not folder.is_dir():
        raise DatasetError(f"{folder} is not a folder", hint="name the folder with the photos")
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    by_stem = {path.stem: path for path in paths} | {path.name: path for path in paths}
    return by_stem | {path.relative_to(folder).as_posix(): path for path in paths}


def _names(path: Path) -> dict[str, str]:
    """Return class names by number, from a labels file, or a file with the number after the name, as of Places365."""
    try:
        text = _text(path)
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path} cannot be read ({error})", hint="give a labels file with --names") from error
    numbered = [re.fullmatch(r"(\S.*)\s(\d+)", line.strip()) for line in text.splitlines() if line.strip()]
    if numbered and all(numbered):
        return {match[2]: match[1] for match in numbered if match}
    return {str(number): label for number, label in enumerate(parse_labels(text))}


def _label(text: str) -> str:
    """Return a class as the name of a folder: /a/airport_terminal/indoor of Places365 is airport_terminal-indoor.

    Raises LabelError or DatasetError if it cannot be one.
    """
    label = check_label(re.sub(r"^/\w/", "", text).replace("/", "-"))
    if label.startswith(".") or "\0" in label:
        raise DatasetError(f"{text!r} cannot be the name of a class folder", hint="change it in the list")
    return label
