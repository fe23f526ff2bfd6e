"""`edge-cls memory`: the output and effect of each command, and how to undo it."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from edge_cls.classifier import Classifier
from edge_cls.images.reading import read_image
from edge_cls.learning import coach
from edge_cls.learning.learner import Learner
from edge_cls.learning.open_set import UNKNOWN_DISTANCE
from edge_cls.learning.threshold import Rates
from edge_cls.memory.store import Memory
from edge_cls.model.file import read_model
from edge_cls.model.model import Model
from edge_cls.model.names import DEFAULT, SPACES
from tests.commands import EdgeCls, good


@pytest.fixture(scope="module")
def prepared(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A memory of two photos of red and two of green, to be copied."""
    path = tmp_path_factory.mktemp("prepared") / "taught.db"
    model = Model(read_model(folder / "tiny.tflite"))
    with Memory(path) as memory:
        for label in ("red", "green"):
            for photo in sorted((folder / "photos" / label).iterdir()):
                crop = model.crop(read_image(photo))
                memory.add(label, model.embed(crop), space=model.space, crop=crop, taught_at=1_700_000_000.0)
    return path


@pytest.fixture
def taught(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the prepared memory, which the environment names."""
    path = tmp_path / "taught.db"
    shutil.copyfile(prepared, path)
    monkeypatch.setenv("EDGE_CLS_MEMORY", str(path))
    return path


def listed(edge_cls: EdgeCls, *options: str) -> dict[str, int]:
    rows = json.loads(good(edge_cls("memory", "list", "--json", *options)))["classes"]
    assert all(set(row) == {"label", "examples"} for row in rows)
    return {row["label"]: row["examples"] for row in rows}


def ids_of(path: Path, label: str) -> list[str]:
    with Memory(path) as memory:
        return [example.id for example in memory.embeddings() if example.label == label]


def test_list_and_show_print_the_classes_and_examples(edge_cls: EdgeCls, taught: Path) -> None:
    assert listed(edge_cls) == {"red": 2, "green": 2}
    assert [line.split() for line in good(edge_cls("memory", "list")).splitlines()] == [["2", "red"], ["2", "green"]]
    shown = good(edge_cls("memory", "show", "red")).splitlines()
    assert [line.split()[0] for line in shown] == [identity[:8] for identity in ids_of(taught, "red")]
    (one,) = json.loads(good(edge_cls("memory", "show", shown[0].split()[0], "--json")))["examples"]
    assert (one["id"], one["label"]) == (ids_of(taught, "red")[0], "red")


def test_show_saves_the_crops(edge_cls: EdgeCls, taught: Path, tmp_path: Path) -> None:
    good(edge_cls("memory", "show", "green", "--save", str(tmp_path / "crops")))
    with Memory(taught) as memory:
        expected = {f"{identity}.jpg": memory.crop(identity) for identity in ids_of(taught, "green")}
    assert {path.name: path.read_bytes() for path in (tmp_path / "crops").iterdir()} == expected


CHANGES = {
    "forget red": ({"green": 2}, "forgot red (2 examples)"),
    "relabel red rosso": ({"rosso": 2, "green": 2}, "red is now rosso (2 examples)"),
    "relabel red green": ({"green": 4}, "red joined green (2 examples)"),
    "move RED blue": ({"blue": 1, "red": 1, "green": 2}, "moved RED from red to blue"),
    "remove RED GREEN": ({"red": 1, "green": 1}, "removed 2 examples of red, green"),
}


@pytest.mark.parametrize(("command", "after", "said"), [(name, *change) for name, change in CHANGES.items()])
def test_each_change_says_what_it_did_and_can_be_undone(
    edge_cls: EdgeCls, taught: Path, command: str, after: dict[str, int], said: str
) -> None:
    ids = {label.upper(): ids_of(taught, label)[0][:8] for label in ("red", "green")}
    out = good(edge_cls("memory", *(ids.get(word, word) for word in command.split())))
    assert out == f"{said.replace('RED', ids['RED'])}; undo: edge-cls memory undo\n"
    assert listed(edge_cls) == after
    assert good(edge_cls("memory", "undo")).startswith("undone: ")
    assert listed(edge_cls) == {"red": 2, "green": 2}
    assert good(edge_cls("memory", "redo")).startswith("redone: ")
    assert listed(edge_cls) == after


def test_undo_goes_back_to_the_beginning_and_then_says_so(edge_cls: EdgeCls, taught: Path) -> None:
    for left in (3, 2, 1, 0):
        good(edge_cls("memory", "undo"))
        assert sum(listed(edge_cls).values()) == left
    done = edge_cls("memory", "undo")
    assert (done.returncode, done.stdout) == (1, "")
    assert "has no change to undo" in done.stderr
    assert taught.exists()


def test_vacuum_ends_what_can_be_undone(edge_cls: EdgeCls, taught: Path) -> None:
    good(edge_cls("memory", "forget", "red"))
    assert "erased 2 examples permanently" in good(edge_cls("memory", "vacuum"))
    assert edge_cls("memory", "undo").returncode == 1
    assert listed(edge_cls) == {"green": 2}
    assert good(edge_cls("memory", "check")) == f"{taught}: no problems found (2 examples)\n"


def test_a_backup_brings_everything_back(edge_cls: EdgeCls, taught: Path, tmp_path: Path) -> None:
    copy = str(tmp_path / "copy.db")
    good(edge_cls("memory", "backup", copy))
    good(edge_cls("memory", "forget", "red"))
    said = good(edge_cls("memory", "restore", copy))
    assert listed(edge_cls) == {"red": 2, "green": 2}
    before = said.strip().partition("the previous examples are in ")[2]
    assert listed(edge_cls, "--memory", before) == {"green": 2}
    assert edge_cls("memory", "backup", copy).returncode == 1
    assert taught.exists()


@pytest.mark.usefixtures("default_backbone")
def test_a_memory_that_was_reembedded_by_name_needs_no_model(edge_cls: EdgeCls, taught: Path) -> None:
    assert good(edge_cls("memory", "reembed", "--model", "default")) == "4 examples embedded again\n"
    assert "red" in good(edge_cls("teach", "red", "red.png"))
    with Memory(taught) as memory:
        assert memory.space == SPACES[DEFAULT]


def test_reembedding_makes_the_memory_one_of_the_new_model(edge_cls: EdgeCls, taught: Path) -> None:
    done = edge_cls("teach", "red", "red.png", "--model", "mean.tflite")
    assert done.returncode == 1
    assert "reembed" in done.stderr
    assert "4 examples embedded again" in good(edge_cls("memory", "reembed", "--model", "mean.tflite"))
    good(edge_cls("teach", "red", "red.png", "--model", "mean.tflite"))
    with Memory(taught) as memory:
        assert {len(example.embedding.values) for example in memory.embeddings()} == {3}


@pytest.mark.parametrize("name", ["out", "out.db"])
def test_an_export_goes_into_another_memory(edge_cls: EdgeCls, taught: Path, tmp_path: Path, name: str) -> None:
    out, other = str(tmp_path / name), str(tmp_path / "other.db")
    assert "4 examples of 2 classes" in good(edge_cls("memory", "export", out))
    assert "4 added" in good(edge_cls("memory", "import", out, "--memory", other))
    assert "4 known\n" in good(edge_cls("memory", "import", out, "--memory", other))
    assert listed(edge_cls, "--memory", other) == {"red": 2, "green": 2}
    again = edge_cls("memory", "export", out)
    assert (again.returncode, again.stdout) == (1, "")
    assert taught.exists()


def test_a_folder_of_photos_becomes_a_memory_and_bad_ones_are_named(edge_cls: EdgeCls, tmp_path: Path) -> None:
    photos, other = tmp_path / "photos", str(tmp_path / "new.db")
    (photos / "red").mkdir(parents=True)
    (photos / "red" / "good.png").write_bytes(Path("red.png").read_bytes())
    (photos / "red" / "bad.png").write_text("no photo")
    done = edge_cls("memory", "import", str(photos), "--memory", other, "--model", "tiny.tflite")
    assert done.returncode == 1
    assert (
        done.stderr
        == f"error: {photos}/red/bad.png is not an image of a known format; use JPEG, PNG, WebP or BMP files\n"
    )
    assert "1 added" in done.stdout
    assert listed(edge_cls, "--memory", other) == {"red": 1}


def test_missing_photos_are_reported_and_their_examples_kept(edge_cls: EdgeCls, taught: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    good(edge_cls("memory", "export", str(out)))
    next((out / "red").iterdir()).unlink()
    done = edge_cls("memory", "import", str(out))
    assert done.returncode == 0
    assert done.stderr.startswith("1 photos are missing from the export;")
    assert listed(edge_cls) == {"red": 2, "green": 2}
    assert taught.exists()


def test_damage_is_reported_by_check_and_by_the_next_command(edge_cls: EdgeCls, taught: Path) -> None:
    content = bytearray(taught.read_bytes())
    with Memory(taught) as memory:
        crop = memory.crop(ids_of(taught, "red")[0])
    place = content.find(crop[100:160])
    assert place > 0
    content[place] ^= 1
    taught.write_bytes(content)
    done = edge_cls("memory", "check")
    assert (done.returncode, done.stderr) == (
        1,
        "to save the examples that can be read: edge-cls memory check --repair\n",
    )
    assert "is corrupt (checksum mismatch)" in done.stdout

    taught.write_bytes(bytes(content[:6000]) + b"\xaa" * (len(content) - 6000))
    done = edge_cls("memory", "list", "--json")
    assert done.stderr.startswith("warning: the memory was damaged")
    assert isinstance(json.loads(done.stdout)["classes"], list)


BAD = {
    "list --memory missing.db": (1, "missing.db does not exist"),
    "undo --memory missing.db": (1, "missing.db does not exist"),
    "export out --memory missing.db": (1, "missing.db does not exist"),
    "list --memory text.db": (1, "text.db is not a memory of edge-cls"),
    "show purple": (1, "has no class 'purple'; choose one of its classes (red, green)"),
    "show ffffffffffff": (1, "no example ffffffffffff"),
    "forget purple": (1, "has no class 'purple'"),
    "relabel purple red": (1, "has no class 'purple'"),
    "relabel red ": (1, "is not a label"),
    "move ffffffffffff red": (1, "no example ffffffffffff"),
    "remove ffffffffffff": (1, "no example ffffffffffff"),
    "backup text.db": (1, "text.db exists"),
    "restore missing.db": (1, "missing.db does not exist"),
    "restore text.db": (1, "text.db"),
    "reembed --model cut.tflite": (1, "cut.tflite"),
    "export new --as xls": (78, "unknown form 'xls'"),
    "import missing": (1, "missing does not exist"),
    "import text.jpg": (1, "is neither a memory nor a folder"),
    "import empty": (1, "has no folder with photos"),
}


@pytest.mark.parametrize(("command", "code", "message"), [(name, *said) for name, said in BAD.items()])
def test_what_cannot_be_done_is_one_line_and_changes_nothing(
    edge_cls: EdgeCls, taught: Path, command: str, code: int, message: str
) -> None:
    done = edge_cls("memory", *command.split(" "))
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.count("\n") == 1
    assert message in done.stderr
    assert listed(edge_cls) == {"red": 2, "green": 2}
    assert not Path("missing.db").exists()
    assert good(edge_cls("memory", "check")) == f"{taught}: no problems found (4 examples)\n"


@pytest.mark.usefixtures("taught")
def test_the_coach_says_what_each_class_needs_and_which_head_is_used(edge_cls: EdgeCls) -> None:
    document = json.loads(good(edge_cls("memory", "coach", "--json")))
    assert [(one["label"], one["examples"], one["verdict"]) for one in document["classes"]] == [
        ("red", 2, "too few"),
        ("green", 2, "too few"),
    ]
    said = good(edge_cls("memory", "coach"))
    assert "red: 2 examples (1 different), too few\n" in said
    assert "teach the empty place too, as the class background\njudged without its backbone" in said
    assert said.endswith(f"head: {document['head']}\n")
    assert (document["conflicts"], document["lacks_background"]) == ([], True)
    assert "judged without" not in good(edge_cls("memory", "coach", "--model", "tiny.tflite"))
    assert document["rates"] is None
    other = edge_cls("memory", "coach", "--model", "mean.tflite")
    assert (other.returncode, other.stdout) == (1, "")
    assert "was taught with another backbone" in other.stderr


def test_teach_and_coach_name_both_of_two_classes_that_look_alike(edge_cls: EdgeCls, taught: Path) -> None:
    photos = [f"photos/red/{index:02d}.png" for index in range(2)]
    lines = good(edge_cls("teach", "rosso", *photos, "--model", "tiny.tflite")).splitlines()
    coach = good(edge_cls("memory", "coach")).splitlines()
    (sentence,) = [line for line in coach if "look alike" in line]
    assert sentence in lines
    (conflict,) = json.loads(good(edge_cls("memory", "coach", "--json")))["conflicts"]
    assert {conflict["label"], conflict["other"]} == {"red", "rosso"}
    assert conflict["near"] == conflict["examples"] == 2
    assert set(conflict["ids"]) == set(ids_of(taught, conflict["label"]))
    good(edge_cls("teach", "background", "blue.png", "--model", "tiny.tflite"))
    assert "teach the empty place" not in good(edge_cls("memory", "coach"))


@pytest.mark.usefixtures("taught")
def test_the_coach_says_how_well_known_and_unknown_are_separated(
    edge_cls: EdgeCls, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = good(edge_cls("memory", "coach", "--model", "tiny.tflite"))
    assert said.splitlines()[-1].startswith("head: ")  # four examples are too few
    monkeypatch.setattr(Learner, "rates", lambda _: Rates(0.083, 0.4))
    said = good(edge_cls("memory", "coach", "--model", "tiny.tflite"))
    assert said.splitlines()[-1] == (
        "of your own frames about 1 in 12 would be unknown; "
        "of a similar thing that is not taught about 4 in 10 would pass: teach it too"
    )
    document = json.loads(good(edge_cls("memory", "coach", "--json", "--model", "tiny.tflite")))
    assert document["rates"] == {"own_unknown": 0.083, "similar_known": 0.4}


def test_the_coach_judges_by_the_backbone_that_the_memory_was_taught_on(
    edge_cls: EdgeCls, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = str(tmp_path / "taught.db")
    good(edge_cls("teach", "red", "red.png", "--model", "builtin", "--memory", path))
    distances: list[float] = []

    def progress(learner: Learner) -> list[coach.Progress]:
        distances.append(learner.unknown_distance)
        return []

    monkeypatch.setattr(coach, "progress", progress)
    assert "without its backbone" not in good(edge_cls("memory", "coach", "--memory", path))
    with Classifier("builtin", memory=path) as classifier:
        expected = classifier.learner.unknown_distance
    assert distances == [expected] != [UNKNOWN_DISTANCE]


def test_check_repairs_what_it_found(edge_cls: EdgeCls, taught: Path) -> None:
    content = bytearray(taught.read_bytes())
    with Memory(taught) as memory:
        place = content.find(memory.crop(ids_of(taught, "red")[0])[100:160])
    content[place] ^= 1
    taught.write_bytes(content)
    done = edge_cls("memory", "check", "--repair")
    assert (done.returncode, done.stdout) == (1, "")
    assert "warning: the memory was damaged: 4 examples were recovered, no loss is known" in done.stderr
    assert "no problems found (4 examples)" in good(edge_cls("memory", "check"))


def test_an_example_that_lost_all_but_its_label_can_be_seen_and_removed(edge_cls: EdgeCls, taught: Path) -> None:
    with Memory(taught) as memory:
        memory._database.connection.execute("DELETE FROM embedding WHERE example = 1")
        memory._database.connection.execute("UPDATE example SET crop = NULL, crop_crc = NULL WHERE number = 1")
    shown = json.loads(good(edge_cls("memory", "show", "red", "--json")))["examples"]
    assert len(shown) == 2
    done = edge_cls("memory", "reembed", "--model", "mean.tflite")
    (hint,) = re.findall("edge-cls (memory remove [0-9a-f]{8})", done.stderr)
    good(edge_cls(*hint.split()))
    assert "no problems found (3 examples)" in good(edge_cls("memory", "check"))


def test_an_import_that_fails_leaves_no_memory_behind(edge_cls: EdgeCls, tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    new = tmp_path / "new.db"
    assert edge_cls("memory", "import", str(tmp_path / "nothing"), "--memory", str(new)).returncode == 1
    assert not list(tmp_path.glob("new.db*"))
