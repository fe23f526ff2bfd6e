"""Export and import keep all examples, in every form, in any order and any number of times."""

from __future__ import annotations

import itertools
import json
import os
import sqlite3
import tempfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_cls.core.quantization import QuantizedVector
from edge_cls.errors import MemoryFileError, OutputError, SpaceMismatch
from edge_cls.images.preprocess import Frame
from edge_cls.images.reading import encode_jpeg
from edge_cls.memory.exchange.exporting import Form, export, form_of
from edge_cls.memory.exchange.folder import RECORDS
from edge_cls.memory.exchange.folder_names import folder_names
from edge_cls.memory.exchange.importing import Imported, import_into
from edge_cls.memory.store import Memory, Merged
from edge_cls_tools.dataset.loading import all_photos, load_dataset
from tests.colors import color_frame
from tests.properties import fewer

FORMS: tuple[Form, ...] = ("dataset", "db")
JPEGS = [encode_jpeg(color_frame("red", side=16, seed=seed)) for seed in range(12)]
LABELS = ["mug", "Mug", "MUG", "a/b", "..", ".hidden", "con", "Käse", "x" * 100, RECORDS, "test"]


class Model:
    """A model whose embedding is a hash of the crop."""

    def __init__(self, space: str = "space") -> None:
        self.space = space

    def crop(self, frame: Frame) -> bytes:
        return encode_jpeg(frame[:64, :64])

    def embed(self, crop: bytes) -> QuantizedVector:
        digest = zlib.crc32(crop + self.space.encode())
        return QuantizedVector(np.random.default_rng(digest).integers(-128, 128, 16).astype(np.int8), 0.5, -3)


def teach(memory: Memory, label: str, jpeg: bytes, model: Model | None = None) -> str:
    model = model or Model()
    return memory.add(label, model.embed(jpeg), space=model.space, crop=jpeg, taught_at=1_700_000_000.125)


def state(memory: Memory) -> list[tuple[object, ...]]:
    """Return each example as comparable values, without the content of deleted ones, which may be erased."""
    return [
        (
            *(record.id, record.label, record.taught_at, record.device, record.deleted_at, record.stamp),
            *(record.editor, *(() if record.deleted_at else (record.crop, record.space))),
            None if record.deleted_at or not record.embedding else record.embedding.dequantize().tobytes(),
        )
        for record in memory.all_examples()
    ]


def take(memory: Memory, source: Path, model: Model | None = None) -> Imported:
    return import_into(memory, source, lambda _: model or Model(), chosen=model is not None)


def labels(memory: Memory) -> list[str]:
    return sorted(example.label for example in memory.embeddings())


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    """Three mugs and two cups, one of which was deleted."""
    with Memory(tmp_path / "taught.db", device="garage") as memory:
        taught = [teach(memory, "mug", jpeg) for jpeg in JPEGS[:3]] + [
            teach(memory, "cup", jpeg) for jpeg in JPEGS[3:5]
        ]
        memory.remove(taught[-1:])
        yield memory


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Memory]:
    """An empty memory."""
    with Memory(tmp_path / "other.db", device="kitchen") as memory:
        yield memory


@pytest.mark.parametrize("form", FORMS)
def test_an_export_brings_back_everything_without_the_model(
    memory: Memory, other: Memory, form: Form, tmp_path: Path
) -> None:
    for label, jpeg in zip(LABELS, itertools.cycle(JPEGS)):
        teach(memory, label, jpeg)
    memory.forget("Käse")
    memory.vacuum()
    export(memory, tmp_path / "out", form)

    def no_model(_: str | None) -> Model:
        raise AssertionError("no model is needed")

    imported = import_into(other, tmp_path / "out", no_model, chosen=False)
    assert state(other) == state(memory)
    assert (imported.merged.added, imported.merged.deleted, imported.problems, imported.missing) == (14, 2, (), 0)


STEP = st.tuples(st.sampled_from(["teach", "remove", "relabel", "forget", "undo"]), st.integers(0, 5))
STEPS = st.lists(STEP, max_size=6)


@fewer(3)
@given(
    histories=st.lists(STEPS, min_size=2, max_size=3),
    forms=st.lists(st.sampled_from(FORMS), min_size=3, max_size=3),
    order=st.lists(st.integers(0, 2), min_size=3, max_size=6),
)
def test_neither_order_nor_repetition_matters(
    histories: list[list[tuple[str, int]]], forms: list[Form], order: list[int]
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with Memory(folder / "start.db", device="start") as start:
            for seed in range(3):
                teach(start, "abc"[seed], JPEGS[seed])
            export(start, folder / "copy.db", "db")
        sources = []
        for index, (steps, form) in enumerate(zip(histories, forms, strict=False)):
            with Memory(folder / f"{index}.db", device=f"device {index}") as memory:
                take(memory, folder / "copy.db")
                live_through(memory, steps, index)
                sources.append(folder / f"{index}-{form}")
                export(memory, sources[-1], form)
        with Memory(folder / "one.db") as one, Memory(folder / "two.db") as two:
            for source in sources:
                take(one, source)
            for index in [*order, *reversed(range(len(sources)))]:
                take(two, sources[index % len(sources)])
            assert state(one) == state(two)


def live_through(memory: Memory, steps: list[tuple[str, int]], device: int) -> None:
    for step, number in steps:
        examples = memory.embeddings()
        match step:
            case "teach":
                teach(memory, "abcd"[number % 4], JPEGS[3 + device * 3 + number % 3])
            case "remove" if examples:
                memory.remove([examples[number % len(examples)].id])
            case "relabel":
                memory.relabel("abcd"[number % 4], "dcba"[number % 3])
            case "forget":
                memory.forget("abcd"[number % 4])
            case "undo":
                memory.undo()


def test_the_workstation_trains_on_the_folder(memory: Memory, tmp_path: Path) -> None:
    memory.forget("cup")
    for jpeg in JPEGS[5:8]:
        teach(memory, "a/b", jpeg)
    export(memory, tmp_path / "out", "dataset")
    assert load_dataset(tmp_path / "out").labels == ("a_b", "mug")
    contents = {photo.path.read_bytes() for photo in all_photos(tmp_path / "out")}
    assert contents == {*JPEGS[:3], *JPEGS[5:8]}


def test_changes_by_hand_in_the_folder_are_imported(memory: Memory, other: Memory, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export(memory, out, "dataset")
    moved, changed, gone = sorted((out / "mug").iterdir())
    (out / "bowl").mkdir()
    moved.rename(out / "bowl" / moved.name)
    changed.write_bytes(JPEGS[8])
    gone.unlink()
    (out / "cup" / "more.png").write_bytes(JPEGS[9])
    for into in (memory, other):
        imported = take(into, out)
        # A changed photo is a new example; the original is kept in memories that have it.
        assert (imported.missing, imported.problems) == (2, ())
        assert take(into, out).merged == Merged(0, 0, 0, 5)
    assert labels(memory) == ["bowl", "cup", "cup", "mug", "mug", "mug"]
    assert labels(other) == ["bowl", "cup", "cup", "mug"]
    assert memory.find(moved.stem).label == other.find(moved.stem).label == "bowl"


def test_a_photo_copied_to_another_class_is_one_more(memory: Memory, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export(memory, out, "dataset")
    photo = next((out / "mug").iterdir())
    (out / "cup" / photo.name).write_bytes(photo.read_bytes())
    take(memory, out)
    assert labels(memory) == ["cup", "cup", "mug", "mug", "mug"]


def test_a_later_decision_on_the_device_wins_over_a_move_by_hand(memory: Memory, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export(memory, out, "dataset")
    photo = next((out / "mug").iterdir())
    (out / "bowl").mkdir()
    photo.rename(out / "bowl" / photo.name)
    memory.remove([photo.stem])
    take(memory, out)
    assert labels(memory) == ["cup", "mug", "mug"]


def write_photos(root: Path) -> None:
    for index, label in enumerate(("mug", "cup", "cup")):
        (root / label).mkdir(parents=True, exist_ok=True)
        (root / label / f"{index}.jpg").write_bytes(JPEGS[index])


def test_a_folder_of_photos_is_imported_without_the_bad_ones(other: Memory, tmp_path: Path) -> None:
    write_photos(tmp_path / "photos")
    (tmp_path / "photos" / "mug" / "bad.jpg").write_text("no photo")
    (tmp_path / "photos" / "mug" / "notes.txt").write_text("not looked at")
    (tmp_path / "photos" / "bell\a").mkdir()
    (tmp_path / "photos" / "loop").symlink_to(tmp_path / "photos")
    imported = take(other, tmp_path / "photos")
    assert labels(other) == ["cup", "cup", "mug"]
    assert sorted(str(problem).split(" is ")[1].split(";")[0] for problem in imported.problems) == [
        "not a label",
        "not an image of a known format",
    ]
    assert take(other, tmp_path / "photos").merged.unchanged == 3


def test_deleted_examples_stay_deleted_if_their_photos_are_imported_again(other: Memory, tmp_path: Path) -> None:
    write_photos(tmp_path / "photos")
    take(other, tmp_path / "photos")
    other.forget("cup")
    os.utime(tmp_path / "photos" / "cup" / "1.jpg")
    take(other, tmp_path / "photos")
    assert labels(other) == ["mug"]


def test_photos_become_vectors_of_the_memory_or_are_refused(memory: Memory, other: Memory, tmp_path: Path) -> None:
    write_photos(tmp_path / "photos")
    before = state(memory)
    with pytest.raises(SpaceMismatch, match="reembed"):
        take(memory, tmp_path / "photos", Model("another"))
    with pytest.raises(SpaceMismatch, match="give the model that the memory was taught with"):
        import_into(memory, tmp_path / "photos", lambda _: Model("another"), chosen=False)
    assert state(memory) == before
    take(other, tmp_path / "photos", Model("another"))
    assert other.space == "another"


def test_photos_beside_examples_are_embedded_by_the_backbone_of_the_examples(
    memory: Memory, other: Memory, tmp_path: Path
) -> None:
    """Also in a new memory, which has no space until the first example decides."""
    export(memory, tmp_path / "out", "dataset")
    write_photos(tmp_path / "photos")
    (tmp_path / "photos" / "cup").rename(tmp_path / "out" / "new cups")
    asked: list[str | None] = []

    def model(space: str | None) -> Model:
        asked.append(space)
        return Model(space or "the default")

    import_into(other, tmp_path / "out", model, chosen=False)
    assert (other.space, set(asked)) == (memory.space, {memory.space})
    assert "new cups" in labels(other)


def test_examples_of_another_backbone_are_embedded_again(memory: Memory, other: Memory, tmp_path: Path) -> None:
    export(memory, tmp_path / "out", "dataset")
    take(other, tmp_path / "out", Model("another"))
    assert (other.space, labels(other)) == ("another", labels(memory))
    for example in other.embeddings():
        expected = Model("another").embed(other.crop(example.id)).dequantize()
        np.testing.assert_array_equal(example.embedding.dequantize(), expected)


def test_an_empty_memory_takes_the_space_of_the_import_also_if_a_tombstone_comes_first(
    other: Memory, tmp_path: Path
) -> None:
    with Memory(tmp_path / "taught.db") as memory:
        taught = sorted(teach(memory, "mug", jpeg) for jpeg in JPEGS[:3])
        memory.remove(taught[:1])
        memory.vacuum()
        export(memory, tmp_path / "out", "dataset")
    import_into(other, tmp_path / "out", lambda _: Model("another"), chosen=False)
    assert (other.space, labels(other)) == ("space", ["mug", "mug"])


@pytest.mark.parametrize("form", FORMS)
def test_an_export_overwrites_nothing_and_an_empty_memory_can_be_exported(
    other: Memory, form: Form, tmp_path: Path
) -> None:
    export(other, tmp_path / "out", form)
    with pytest.raises(OutputError, match="exists"):
        export(other, tmp_path / "out", form)
    if form != "dataset":
        assert take(other, tmp_path / "out").merged.added == 0
    assert not list(tmp_path.glob(".*"))


def test_the_suffix_selects_the_form() -> None:
    assert [form_of(Path(name), None) for name in ("b.DB", "c", "d.x")] == ["db", "dataset", "dataset"]
    assert form_of(Path("a"), "db") == "db"


def test_folder_names_are_the_labels_where_they_can_be() -> None:
    given_labels = ["mug", "Mug", "a/b", "a_b", "..", ".mug", "mug ", "e\u0301", "\u00e9"]
    assert list(folder_names(given_labels, taken=["Taken"]).values()) == [
        *("mug", "Mug (2)", "a_b", "a_b (2)", "_", "_mug", "mug (3)", "e\u0301", "\u00e9 (2)")
    ]
    assert folder_names(["taken"], taken=["Taken"]) == {"taken": "taken (2)"}


@given(st.lists(st.text(min_size=1, max_size=100), unique=True, max_size=20))
def test_folder_names_are_names_and_differ_on_any_system(given_labels: list[str]) -> None:
    given_labels = [label for label in given_labels if label.isprintable()]
    names = folder_names(given_labels)
    assert list(names) == given_labels
    assert len({name.casefold() for name in names.values()}) == len(names)
    for name in names.values():
        assert len(name.encode()) <= 255
        assert not set(name) & set('/\\<>:"|?*\0')
        assert not name.startswith(".")


def test_a_crop_that_is_too_large_is_refused(memory: Memory, tmp_path: Path) -> None:
    with Memory(tmp_path / "source.db") as source:
        teach(source, "mug", JPEGS[0] + bytes(2**20))
        export(source, tmp_path / "out", "dataset")
    with pytest.raises(MemoryFileError, match="its photo is larger than 1024 KiB"):
        take(memory, tmp_path / "out")


def entry(**values: object) -> Callable[[dict[str, Any]], object]:
    """Return a change of the first example, which is left without a photo and keeps its embedding."""
    return lambda document: document["examples"][0].update(values | {"photo": None})


BAD_DOCUMENTS: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "another": (lambda document: document.update(format="a game"), "is damaged .format"),
    "newer": (lambda document: document.update(version=2), "is damaged .version"),
    "more": (lambda document: document.update(extra=1), "is damaged .extra"),
    "number": (lambda document: document["examples"][0].update(stamp="1"), "is damaged .examples.0.stamp"),
    "huge": (lambda document: document["examples"][0].update(stamp=10**30), "is damaged|its stamp"),
    "vector": (
        lambda document: document["examples"][0].update(vector="%%"),
        "its embedding has an invalid dimension of 0",
    ),
    "id": (entry(id="../../etc/passwd"), "its id is not a UUID"),
    "label": (entry(label="two\nlines"), "is not a label"),
    "time": (entry(taught_at=np.inf), "its time is not a finite number"),
    "stamp": (entry(stamp=2**62), "its stamp [0-9]+ is out of range"),
    "device": (entry(device="\x1b[31m"), "its device name is too long or not printable"),
    "scale": (entry(scale=np.nan), "its embedding has an invalid scale"),
    "zero point": (entry(zero_point=3000), "its embedding has an invalid scale or zero point"),
    "other dimension": (entry(vector="AAAAAAAAAAA="), "its embedding has an invalid dimension of 8"),
    "nothing": (entry(vector=None), "neither a photo nor an embedding"),
    "folder": (lambda document: document["folders"].update(new="\n"), "is not a label"),
}


@pytest.mark.parametrize(("harm", "message"), BAD_DOCUMENTS.values(), ids=BAD_DOCUMENTS)
def test_a_bad_document_is_refused_and_changes_nothing(
    memory: Memory, harm: Callable[[dict[str, Any]], object], message: str, tmp_path: Path
) -> None:
    with Memory(tmp_path / "source.db") as source:
        teach(source, "new", JPEGS[6])
        export(source, tmp_path / "bad", "dataset")
    document = json.loads((tmp_path / "bad" / RECORDS).read_text())
    harm(document)
    (tmp_path / "bad" / RECORDS).write_text(json.dumps(document))
    before = state(memory)
    with pytest.raises(MemoryFileError, match=message) as raised:
        take(memory, tmp_path / "bad")
    assert "\n" not in str(raised.value)
    assert state(memory) == before


def write_songs(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE song (title TEXT)")
    connection.commit()
    connection.close()


def write_damaged(path: Path) -> None:
    with Memory(path) as memory:
        for jpeg in JPEGS * 4:
            teach(memory, "mug", jpeg)
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 5000] = b"\xaa" * 5000
    path.write_bytes(content)


def write_with_a_flipped_bit(path: Path) -> None:
    with Memory(path) as memory:
        teach(memory, "mug", JPEGS[0])
    content = bytearray(path.read_bytes())
    content[content.find(JPEGS[0][300:320])] ^= 1
    path.write_bytes(content)


def crafted(statement: str, value: bytes | str) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        with Memory(path) as memory:
            teach(memory, "mug", JPEGS[0])
        connection = sqlite3.connect(path)
        connection.create_function("crc32", 1, zlib.crc32)
        connection.execute(statement, (value,))
        connection.commit()
        connection.close()

    return write


BAD_FILES: dict[str, tuple[Callable[[Path], object], str]] = {
    "text": (lambda path: path.write_text("nothing but text"), "is neither a memory nor a folder"),
    "empty": (lambda path: path.touch(), "is neither a memory nor a folder"),
    "a zip": (lambda path: path.write_bytes(b"PK\3\4 and no more"), "is neither a memory nor a folder"),
    "only the name of a database": (lambda path: path.write_bytes(b"SQLite format 3\0" * 100), "is"),
    "another program's": (write_songs, "is a database of another program"),
    "damaged": (write_damaged, "is damaged"),
    "a flipped bit": (write_with_a_flipped_bit, "is damaged .*checksum mismatch"),
    "crafted": (crafted("UPDATE example SET id = ?", "../../x"), "its id is not a UUID"),
    "no photo": (
        crafted("UPDATE example SET crop = ?1, crop_crc = crc32(?1)", b"no photo"),
        "its photo is not an image of a known format",
    ),
    "an empty folder": (lambda path: path.mkdir(), "has no folder with photos"),
    "missing": (Path.absolute, "does not exist"),
}


@pytest.mark.parametrize(("make", "message"), BAD_FILES.values(), ids=BAD_FILES)
def test_a_file_that_is_not_a_memory_is_refused_and_unchanged(
    memory: Memory, make: Callable[[Path], object], message: str, tmp_path: Path
) -> None:
    path = tmp_path / "source"
    make(path)
    content, before, there = path.read_bytes() if path.is_file() else None, state(memory), sorted(tmp_path.iterdir())
    with pytest.raises(MemoryFileError, match=message) as raised:
        take(memory, path)
    assert "\n" not in str(raised.value)
    assert state(memory) == before
    assert (path.read_bytes() if path.is_file() else None) == content
    assert sorted(tmp_path.iterdir()) == there
