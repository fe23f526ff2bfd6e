"""The device's own files are checked and never changed, whatever their problems are."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import pytest

from edge_cls.classifier import Classifier
from edge_cls.doctor.contents import check_configuration, check_contents, with_options
from edge_cls.doctor.report import Check, Level, Needs
from edge_cls.errors import SpaceMismatch
from edge_cls.memory.store import Memory
from edge_cls.model.file import read_model, write_model
from edge_cls.model.lite0 import weights
from edge_cls.model.model import Model
from tests import toy_model
from tests.colors import color_frame
from tests.doctor.machines import machine, pi_4, write
from tests.examples import make_version_1, teach


def model_check(needs: Needs, tmp_path: Path) -> Check:
    return next(check_contents(machine(tmp_path), needs))


def contents(folder: Path) -> dict[str, bytes]:
    """Return the files in a folder with their content, but not that of a -shm, which every reader changes."""
    return {
        file.name: b"" if file.name.endswith("-shm") else file.read_bytes()
        for file in folder.iterdir()
        if file.is_file()
    }


def memory_check(path: Path, model: Path, **changes: Any) -> Check:
    """Return the check of a memory, and assert that its folder did not change."""
    before = contents(path.parent)
    model_result, memory = check_contents(machine(path.parent, **changes), Needs(model=model, memory=path))
    assert model_result.level is Level.OK
    assert contents(path.parent) == before
    assert memory.name == "memory"
    return memory


@pytest.fixture
def taught(tmp_path: Path, tiny: Path) -> Path:
    """A closed memory of two classes, taught with the tiny model."""
    (tmp_path / "state").mkdir()
    path = tmp_path / "state/taught.db"
    with Memory(path) as memory:
        for seed, label in enumerate(("mug", "mug", "cup")):
            teach(memory, label, space=Model(read_model(tiny)).space, seed=seed)
    return path


# --- configuration


def test_without_a_configuration_the_defaults_apply(tmp_path: Path) -> None:
    check, needs = check_configuration(machine(pi_4(tmp_path)), None)
    assert (check.level, needs) == (Level.OK, Needs())


@pytest.mark.parametrize(
    ("text", "needs"),
    [
        ('source.name = "picamera2:1"', Needs(picamera2=True)),
        ('source.name = "v4l2:/dev/video2"', Needs(v4l2=Path("/dev/video2"))),
        ('source.name = "v4l2:2"', Needs(v4l2=Path("/dev/video2"))),
        ('source.name = "/dev/v4l/by-id/usb-cam"', Needs(v4l2=Path("/dev/v4l/by-id/usb-cam"))),
        ('source.name = "demo"', Needs()),
        ('delegate = "edgetpu:usb:0"', Needs(edge_tpu=True)),
        ('delegate = "auto"', Needs()),
        ('panel.kind = "gpio"', Needs(gpio=True)),
        ('panel.kind = "keyboard"', Needs()),
        ('[[sink]]\nkind = "gpio"\npin = 4\nlabel = "mug"', Needs(gpio=True)),
        ('memory = "/var/lib/t.db"\nmodel = "/m.tflite"', Needs(memory=Path("/var/lib/t.db"), model=Path("/m.tflite"))),
    ],
)
def test_the_needs_of_the_device_are_those_of_its_configuration(tmp_path: Path, text: str, needs: Needs) -> None:
    """They are read from the file in /etc, or from a given file."""
    root = write(pi_4(tmp_path), {"etc/edge-cls/config.toml": text})
    check, found = check_configuration(machine(root), None)
    assert check.level is Level.OK, check.message
    assert found == needs
    assert check_configuration(machine(tmp_path), root / "etc/edge-cls/config.toml")[1] == needs


def test_an_invalid_or_missing_configuration_is_reported(tmp_path: Path) -> None:
    file = write(tmp_path, {"config.toml": "modle = 1\n"}) / "config.toml"
    check, needs = check_configuration(machine(tmp_path), file)
    assert (check.level, needs) == (Level.FAIL, Needs())
    assert "modle" in check.message
    assert check.hint == "did you mean model?"
    assert check_configuration(machine(tmp_path), tmp_path / "absent.toml")[0].level is Level.FAIL


def test_variables_count_as_settings(tmp_path: Path) -> None:
    environ = {"EDGE_CLS_DELEGATE": "edgetpu"}
    assert check_configuration(machine(tmp_path, environ=environ), None)[1] == Needs(edge_tpu=True)


# --- model


def test_a_model_that_reproduces_its_golden_frames_is_ok(tmp_path: Path, tiny: Path) -> None:
    for model in (Path("builtin"), tiny):
        check = model_check(Needs(model=model), tmp_path)
        assert check.level is Level.OK
        assert "golden frames match" in check.message


def test_the_default_backbone_is_named_with_its_file(tmp_path: Path, default_backbone: Path) -> None:
    check = model_check(Needs(), tmp_path)
    assert check.message == f"{default_backbone}, the default, 0 classes: its 3 golden frames match"


def test_the_backbone_of_a_memory_is_named(tmp_path: Path) -> None:
    memory = tmp_path / "taught.db"
    with Classifier("builtin", memory=memory) as classifier:
        classifier.teach("red", color_frame("red"))
    model, check = check_contents(machine(tmp_path), Needs(memory=memory))
    assert "edge-embed.tflite, on which the memory was taught, 0 classes" in model.message
    assert check.level is Level.OK


def test_a_backbone_that_is_not_built_is_checked_and_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a device with the service it is the service's."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "var/lib/edge-cls").mkdir(parents=True)
    check = model_check(Needs(model=Path("lite0-128")), tmp_path)
    assert check.level is Level.OK
    assert check.message.startswith(f"{tmp_path}/var/lib/edge-cls/backbones/lite0-128-")
    assert "not built yet" in check.message
    assert not (tmp_path / "cache").exists()
    assert list((tmp_path / "var/lib/edge-cls").iterdir()) == []


def test_missing_weights_are_reported_and_the_other_backbone_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(weights, "_MODULE", "no_such_package_of_weights")
    check = model_check(Needs(), tmp_path)
    assert (check.level, check.message) == (Level.FAIL, "the weights of EfficientNet-Lite0 are not installed")
    assert check.hint.endswith("or use the backbone builtin")


@pytest.mark.parametrize("content", [None, b"", b"text", 2000])
def test_a_missing_or_damaged_model_is_reported(tmp_path: Path, tiny: Path, content: bytes | int | None) -> None:
    model = tmp_path / "bad.tflite"
    if content is not None:
        model.write_bytes(tiny.read_bytes()[:content] if isinstance(content, int) else content)
    check = model_check(Needs(model=model), tmp_path)
    assert check.level is Level.FAIL
    assert "bad.tflite" in check.message
    assert check.hint


def test_a_model_with_other_golden_frames_is_reported(tmp_path: Path, tiny: Path) -> None:
    file = read_model(tiny)
    wrong = tuple(replace(golden, pixels_sha256="0" * 64) for golden in file.golden)
    write_model(replace(file, path=tmp_path / "wrong.tflite", golden=wrong))
    check = model_check(Needs(model=tmp_path / "wrong.tflite"), tmp_path)
    assert check.level is Level.FAIL
    assert "golden frame 0" in check.message


def test_labels_of_another_model_are_reported(tmp_path: Path) -> None:
    model = tmp_path / "mean.tflite"
    toy_model.write_mean_color(model)
    labels = write(tmp_path, {"labels.txt": "one\ntwo\n"}) / "labels.txt"
    check = model_check(Needs(model=model, labels=labels), tmp_path)
    assert check.level is Level.FAIL
    assert "2 labels" in check.message


def test_a_model_for_the_edge_tpu_is_read_and_not_run(tmp_path: Path, tiny: Path) -> None:
    check = model_check(Needs(model=tiny, edge_tpu=True), tmp_path)
    assert check == Check("model", Level.OK, f"{tiny} can be read")


def test_libraries_that_cannot_be_imported_are_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "edge_cls.model.golden", None)
    check = model_check(Needs(), tmp_path)
    assert check.level is Level.FAIL
    assert "libraries" in check.hint


# --- memory


def test_an_undamaged_memory_is_ok(taught: Path, tiny: Path) -> None:
    check = memory_check(taught, tiny)
    assert check.level is Level.OK
    assert "3 examples of 2 classes" in check.message


def test_a_memory_in_use_is_read_in_its_current_state(taught: Path, tiny: Path) -> None:
    """The newest example is in the log beside the file."""
    with Memory(taught) as memory:
        teach(memory, "bowl", space=memory.space or "", seed=9)
        assert taught.with_name("taught.db-wal").stat().st_size
        check = memory_check(taught, tiny)
    assert check.level is Level.OK
    assert "4 examples of 3 classes" in check.message


def test_a_damaged_memory_is_reported_but_not_repaired(taught: Path, tiny: Path) -> None:
    content = bytearray(taught.read_bytes())
    content[1024 * 3 : 1024 * 12] = bytes(1024 * 9)
    taught.write_bytes(content)
    check = memory_check(taught, tiny)
    assert check.level is Level.FAIL
    assert f"edge-cls memory check --repair --memory {taught}" in check.hint
    assert "edge-cls-doctor" not in check.message


@pytest.mark.parametrize("content", [b"text\n" * 1000, b"SQLite format 3\0" + bytes(3000)])
def test_a_file_that_is_not_a_memory_is_reported(taught: Path, tiny: Path, content: bytes) -> None:
    taught.write_bytes(content)
    check = memory_check(taught, tiny)
    assert check.level is Level.FAIL
    assert str(taught) in check.message
    assert "edge-cls-doctor" not in check.message + check.hint


def test_a_database_of_another_program_is_reported(tmp_path: Path, tiny: Path) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "other.db")) as other:
        other.execute("CREATE TABLE place (name TEXT)")
    check = memory_check(tmp_path / "other.db", tiny)
    assert check.level is Level.FAIL
    assert check.message == f"{tmp_path / 'other.db'} is a database of another program"


def test_a_memory_of_an_older_version_is_not_migrated(tmp_path: Path, tiny: Path) -> None:
    (tmp_path / "state").mkdir()
    make_version_1(tmp_path / "state/old.db", 6, lambda number: b"jpeg %d" % number)
    check = memory_check(tmp_path / "state/old.db", tiny)
    assert "6 examples of 3 classes" in check.message


def test_a_memory_taught_with_another_model_is_reported(taught: Path, tmp_path: Path) -> None:
    model = tmp_path / "mean.tflite"
    toy_model.write_mean_color(model)
    check = memory_check(taught, model)
    assert check.level is Level.FAIL
    assert "another model" in check.message
    assert check.hint == f"edge-cls memory reembed --memory {taught} --model {model}"


def test_a_memory_with_a_model_that_cannot_be_taught_is_reported(taught: Path, tmp_path: Path) -> None:
    """The model is valid, but 'run' would refuse it together with the memory."""
    model = tmp_path / "mean.tflite"
    toy_model.write_mean_color(model)
    labels = write(tmp_path, {"labels.txt": "red\ngreen\nblue\n"}) / "labels.txt"
    needs = Needs(model=model, labels=labels, memory=taught)
    model_result, memory = check_contents(machine(tmp_path), needs)
    with pytest.raises(SpaceMismatch) as refused:
        Classifier(model, labels=labels, memory=taught)
    assert (model_result.level, memory.level) == (Level.OK, Level.FAIL)
    assert (memory.message, memory.hint) == (refused.value.message, refused.value.hint)
    with Memory(taught) as emptied:
        for label in ("mug", "cup"):
            emptied.forget(label)
    assert [check.level for check in check_contents(machine(tmp_path), needs)] == [Level.OK, Level.OK]


@pytest.mark.parametrize("cut", [True, False])
def test_a_memory_is_ok_if_the_embedding_of_the_model_is_unknown(
    taught: Path, tiny: Path, tmp_path: Path, cut: bool
) -> None:
    model = tmp_path / "model.tflite"
    toy_model.write_mean_color(model)
    if cut:
        model.write_bytes(tiny.read_bytes()[:2000])
    needs = Needs(model=model, edge_tpu=not cut, memory=taught)
    model_result, memory = check_contents(machine(tmp_path), needs)
    assert (model_result.level, memory.level) == (Level.FAIL if cut else Level.OK, Level.OK)


def test_a_memory_that_this_user_may_not_read_is_a_warning(
    taught: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For example the memory of a service with its own user. The error is simulated: root may read every file."""

    def refused(self: Path, mode: str = "r") -> NoReturn:
        raise PermissionError(13, f"Permission denied ({mode})", str(self))

    monkeypatch.setattr(Path, "open", refused)
    _, check = check_contents(machine(taught.parent), Needs(model=tiny, memory=taught))
    assert (check.level, check.hint) == (Level.WARN, f"sudo {taught.parent}/home/ada/venv/bin/edge-cls doctor")
    assert str(taught) in check.message


def test_a_memory_that_is_too_large_to_be_copied_is_a_warning(taught: Path, tiny: Path) -> None:
    check = memory_check(taught, tiny, free=taught.stat().st_size - 1)
    assert check.level is Level.WARN
    assert "no room" in check.message
    assert check.hint == "TMPDIR=/var/tmp edge-cls doctor"


def test_the_labels_of_the_configuration_are_not_used_for_another_model() -> None:
    needs = Needs(model=Path("a"), labels=Path("b"), memory=Path("c"))
    assert with_options(needs, None, None) == needs
    assert with_options(needs, Path("x"), None) == Needs(model=Path("x"), memory=Path("c"))
    assert with_options(needs, None, Path("y")) == replace(needs, memory=Path("y"))


def test_a_missing_memory_is_ok_if_it_can_be_created(tmp_path: Path, tiny: Path) -> None:
    assert memory_check(tmp_path / "new.db", tiny).level is Level.OK
    check = memory_check(tmp_path / "new.db", tiny, forbidden=lambda path: path == tmp_path)
    assert (check.level, check.hint) == (Level.FAIL, f"sudo install -d -o ada {tmp_path}")


def test_a_missing_memory_is_ok_if_the_service_creates_its_folder(tmp_path: Path, tiny: Path) -> None:
    other = tmp_path / "var/lib/other"
    _, check = check_contents(machine(tmp_path), Needs(model=tiny, memory=other / "taught.db"))
    assert (check.level, check.hint) == (Level.FAIL, f"sudo install -d -o ada {other}")
    state = tmp_path / "var/lib/edge-cls"
    needs = Needs(model=tiny, memory=state / "taught.db")
    _, check = check_contents(machine(tmp_path), needs)
    assert check.level is Level.OK
    assert "first start" in check.message
    state.mkdir(parents=True)  # then the permissions of the folder count
    _, check = check_contents(machine(tmp_path, forbidden=lambda path: path == state), needs)
    assert check.level is Level.FAIL


@pytest.mark.parametrize("places", [("state/taught.db",), ("state", "state/taught.db")])
def test_a_memory_that_this_user_may_not_write_is_a_warning(taught: Path, tiny: Path, places: tuple[str, ...]) -> None:
    closed = [taught.parent.parent / place for place in places]
    check = memory_check(taught, tiny, forbidden=lambda path: path in closed)
    assert check.level is Level.WARN
    # Each file by its name: a shell that may not read the folder does not expand a pattern.
    assert check.hint == f"teach as its owner, or: sudo chown -h ada {' '.join(map(str, closed))}"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_log_of_another_user_is_reported(taught: Path, tiny: Path) -> None:
    with Memory(taught) as memory:
        teach(memory, "bowl", space=memory.space or "", seed=9)
        shutil.chown(taught.with_name("taught.db-wal"), user=65534)
        check = memory_check(taught, tiny)
    assert check.level is Level.FAIL
    assert check.hint == f"sudo chown -h --reference={taught} {taught}-wal"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_memory_of_root_in_the_folder_of_a_service_is_reported(taught: Path, tiny: Path) -> None:
    os.chown(taught.parent, 65534, 65534)
    check = memory_check(taught, tiny)
    assert check.level is Level.FAIL
    assert check.message == f"{taught} belongs to another user than its folder"
    assert check.hint == f"sudo chown -h --reference={taught.parent} {taught}"
    shutil.chown(taught, user=65534)
    assert memory_check(taught, tiny).level is Level.OK
    os.chown(taught.parent, 0, 0)
    with Memory(taught) as memory:
        teach(memory, "bowl", space=memory.space or "", seed=9)
        os.chown(taught.parent, 65534, 65534)
        os.chown(taught.with_name("taught.db-shm"), 0, 0)
        check = memory_check(taught, tiny)
    assert check.message == f"{taught}-shm belongs to another user than its folder"
    assert check.hint == f"sudo chown -h --reference={taught.parent} {taught}-shm"
