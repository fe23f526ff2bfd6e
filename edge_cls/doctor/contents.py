"""Checks of the device's own files: its configuration, its model and its memory. None is changed."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from edge_cls.doctor.machine import Machine
from edge_cls.doctor.report import Check, Needs, fail, ok, warn
from edge_cls.errors import EdgeClsError
from edge_cls.sources.names import device_file, parse_source

if TYPE_CHECKING:
    from edge_cls.config import Config

# The imports inside functions need numpy, OpenCV and the interpreter. If one of them is broken, the doctor must report
# it, so the doctor itself must load without them.
_BACKBONE = "edge-embed.tflite"
"""The model if none is configured."""
_BROKEN = "fix the problems of libraries reported above"


def check_configuration(machine: Machine, path: Path | None) -> tuple[Check, Needs]:
    """Check the configuration, and return the result with what the device needs.

    `path` is the file; None means the one in /etc, if it exists.
    """
    name = "configuration"
    try:
        from edge_cls.config import DEFAULT_FILE, load

        if path is None and (default := machine.root / DEFAULT_FILE.relative_to("/")).exists():
            path = default
        config = load(path, environ=machine.environ)
    except EdgeClsError as error:
        return fail(name, error.message, error.hint), Needs()
    except ImportError as error:
        return fail(name, f"cannot be read ({error})", _BROKEN), Needs()
    return ok(name, f"{DEFAULT_FILE} does not exist; the defaults apply" if path is None else str(path)), _needs(config)


def _needs(config: Config) -> Needs:
    name = config.source.name
    kind, which = parse_source("" if name is None else name.get_secret_value())
    panel = config.panel is not None and config.panel.kind == "gpio"
    return Needs(
        picamera2=kind == "picamera2",
        v4l2=Path(device_file(which)) if kind == "v4l2" else None,
        gpio=panel or any(sink.kind == "gpio" for sink in config.sink),
        edge_tpu=config.delegate.startswith("edgetpu"),
        model=config.model,
        labels=config.labels,
        memory=config.memory,
    )


def check_contents(machine: Machine, needs: Needs) -> Iterator[Check]:
    """Yield the checks of the model and, if one is configured, of the memory."""
    try:
        model, space = _check_model(needs)
        yield model
        if needs.memory is not None:
            yield _check_memory(machine, needs, needs.memory, space)
    except ImportError as error:
        yield fail("model", f"cannot be loaded ({error})", _BROKEN)
    except PermissionError:  # the files of a service are closed to other users
        yield warn("memory", f"this user may not read {needs.memory}", machine.as_root)


def _check_model(needs: Needs) -> tuple[Check, str | None]:
    """Check that the model can be read and reproduces its golden frames; return the result and its embedding space.

    The space is "" if the model has no embedding, and None if it is unknown.
    """
    from edge_cls.model.builtin import builtin_file
    from edge_cls.model.file import read_model
    from edge_cls.model.golden import check_golden
    from edge_cls.model.labels_file import read_labels
    from edge_cls.model.model import Model

    name = "model"
    try:
        path = needs.model or builtin_file(_BACKBONE)
        file = read_model(path)
        if needs.edge_tpu:  # its networks run nowhere else
            return ok(name, f"{path} can be read"), (file.manifest.space or None) if file.manifest else None
        model = Model(file, labels=() if needs.labels is None else read_labels(needs.labels))
        check_golden(model)
    except EdgeClsError as error:
        return fail(name, error.message, error.hint), None
    frames = len(file.golden)
    golden = f"its {frames} golden frames match" if frames else "it has no golden frames"
    shown = path if needs.model else "the built-in backbone"
    return ok(name, f"{shown}, {len(model.labels)} classes: {golden}"), model.space if model.teachable else ""


def _check_memory(machine: Machine, needs: Needs, path: Path, space: str | None) -> Check:
    """Check a copy, because opening the file itself could migrate or repair it while a service uses it."""
    from edge_cls.classifier import no_embedding
    from edge_cls.config.checks import SERVICE_FOLDERS
    from edge_cls.memory.maintenance import copy_untouched
    from edge_cls.memory.store import Memory
    from edge_cls.model.builtin import builtin_file

    name = "memory"
    if not path.exists():
        made_by_service = [machine.root / folder.relative_to("/") for folder in SERVICE_FOLDERS]
        if path.parent in made_by_service and not path.parent.exists():
            return ok(name, f"{path} does not exist yet: the service creates its folder when it first starts")
        if not (path.parent.is_dir() and machine.may(path.parent)):
            return fail(name, f"{path} cannot be created", f"sudo install -d -o {machine.user} {path.parent}")
        return ok(name, f"{path} does not exist yet: teaching creates it")
    # SQLite writes a log and an index beside the file, owned by the user who created them. If root reads the memory, it
    # returns them to the owner of the memory, so their owners are compared before that.
    files = [path, *(log for suffix in ("-wal", "-shm") if (log := path.with_name(path.name + suffix)).exists())]
    # Files in a service's folder must belong to the service; in a folder of root any owner is possible.
    like = path.parent if path.parent.stat().st_uid else path
    if foreign := [file for file in files if file.stat().st_uid != like.stat().st_uid]:
        whose = "the memory itself" if like == path else "its folder"
        hint = f"sudo chown -h --reference={like} {_names(foreign)}"
        return fail(name, f"{foreign[0]} belongs to another user than {whose}", hint)
    path.open("rb").close()  # raises PermissionError if this user may not read it
    size = sum(file.stat().st_size for file in files)
    if size > machine.free(Path(tempfile.gettempdir()))[0]:
        hint = "TMPDIR=/var/tmp edge-cls doctor"
        return warn(name, f"{path} was not checked: {tempfile.gettempdir()} has no room for a copy", hint)
    with tempfile.TemporaryDirectory(prefix="edge-cls-doctor-") as folder:
        copied = Path(folder) / "memory.db"
        try:
            copy_untouched(path, copied)
            with Memory(copied) as memory:
                problems = ["damaged"] if memory.recovered else memory.check()
                taught, theirs = memory.classes(), memory.space
        except EdgeClsError as error:
            return fail(name, error.message.replace(str(copied), str(path)), error.hint.replace(str(copied), str(path)))
    found = f"{path}, {sum(taught.values())} examples of {len(taught)} classes"
    if problems:
        return fail(name, f"{found}: {problems[0]}", f"edge-cls memory check --repair --memory {path}")
    model = needs.model or builtin_file(_BACKBONE)
    if taught and space == "":
        mismatch = no_embedding(path, model)
        return fail(name, mismatch.message, mismatch.hint)
    if theirs is not None and space and theirs != space:
        return fail(
            name,
            f"{found}: taught with another model ({theirs[:12]} instead of {space[:12]})",
            f"edge-cls memory reembed --memory {path} --model {model}",
        )
    if closed := [place for place in (path.parent, *files) if not machine.may(place)]:
        hint = f"teach as its owner, or: sudo chown -h {machine.user} {_names(closed)}"
        return warn(name, f"{found}: this user may not write to it", hint)
    return ok(name, found)


def _names(files: Iterable[Path]) -> str:
    """Return the paths for a chown, each by name: the shell cannot expand a pattern in a folder that it may not read.

    The commands use `chown -h`, since a link in such a folder could lead to a file of another user.
    """
    return " ".join(map(str, files))


def with_options(needs: Needs, model: Path | None, memory: Path | None) -> Needs:
    """Return `needs` with `model` and `memory`, if given. Another model comes without the configuration's labels."""
    if model is not None:
        needs = replace(needs, model=model, labels=None)
    return replace(needs, memory=memory or needs.memory)
