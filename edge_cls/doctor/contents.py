"""Checks of the device's own files: its configuration, its model and its memory. None is changed."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
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
        memory = None if needs.memory is None else _read_memory(machine, needs.memory)
        taught = memory if isinstance(memory, _Taught) else None
        model, space = _check_model(machine, needs, None if taught is None else taught.space)
        yield model
        if taught is not None:
            yield _check_memory(machine, needs, taught, space)
        elif isinstance(memory, Check):
            yield memory
    except ImportError as error:
        yield fail("model", f"cannot be loaded ({error})", _BROKEN)


def _check_model(machine: Machine, needs: Needs, taught_on: str | None) -> tuple[Check, str | None]:
    """Check that the model can be read and reproduces its golden frames; return the result and its embedding space.

    `taught_on` is the space of the memory. The space is "" if the model has no embedding, and None if it is unknown.
    """
    from edge_cls.core.spaces import current_space
    from edge_cls.model.backbones import load_model
    from edge_cls.model.golden import check_golden
    from edge_cls.model.labels_file import read_labels
    from edge_cls.model.model import Model
    from edge_cls.model.names import NAMES

    name = "model"
    state, backbones = _service_folders(machine)
    try:
        file = load_model(needs.model, space=taught_on, cache=backbones if state.is_dir() else None, keep=False)
        if needs.edge_tpu:  # its networks run nowhere else
            known = file.manifest.space if file.manifest else ""
            return ok(name, f"{file.path} can be read"), current_space(known) if known else None
        model = Model(file, labels=() if needs.labels is None else read_labels(needs.labels))
        check_golden(model)
    except EdgeClsError as error:
        return fail(name, error.message, error.hint), None
    frames = len(file.golden)
    golden = f"its {frames} golden frames match" if frames else "it has no golden frames"
    facts = [str(file.path)]
    if needs.model is None:
        facts.append("on which the memory was taught" if taught_on == model.space else "the default")
    if needs.model is None or str(needs.model) in NAMES:
        with contextlib.suppress(PermissionError):  # the files of a service are closed to other users
            facts += [] if file.path.exists() else ["not built yet"]
    facts.append(f"{len(model.labels)} classes")
    return ok(name, f"{', '.join(facts)}: {golden}"), model.space if model.teachable else ""


def _service_folders(machine: Machine) -> tuple[Path, Path]:
    """Return the folder of the service's state, and that of its backbones in it."""
    from edge_cls.config.checks import SERVICE_BACKBONES

    backbones = machine.root / SERVICE_BACKBONES.relative_to("/")
    return backbones.parent, backbones


@dataclass(frozen=True)
class _Taught:
    """A memory that can be read: its path, the files of it, its embedding space, and what there is to say about it."""

    path: Path
    files: tuple[Path, ...]
    space: str | None
    examples: int
    found: str
    problem: str | None


def _read_memory(machine: Machine, path: Path) -> Check | _Taught:
    """Read a copy, because opening the file itself could migrate or repair it while a service uses it."""
    try:
        return _copied_memory(machine, path)
    except PermissionError:  # the files of a service are closed to other users
        return warn("memory", f"this user may not read {path}", machine.as_root)


def _copied_memory(machine: Machine, path: Path) -> Check | _Taught:
    from edge_cls.config.checks import SERVICE_FOLDERS
    from edge_cls.memory.maintenance import copy_untouched
    from edge_cls.memory.store import Memory

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
    examples = sum(taught.values())
    found = f"{path}, {examples} examples of {len(taught)} classes"
    return _Taught(path, tuple(files), theirs, examples, found, problems[0] if problems else None)


def _check_memory(machine: Machine, needs: Needs, taught: _Taught, space: str | None) -> Check:
    """Check that a memory is undamaged, fits the embedding `space` of the model, and can be written."""
    from edge_cls.classifier import no_embedding
    from edge_cls.model.names import DEFAULT, name_of_space

    name, path, found = "memory", taught.path, taught.found
    if taught.problem:
        return fail(name, f"{found}: {taught.problem}", f"edge-cls memory check --repair --memory {path}")
    model = needs.model or Path(name_of_space(space) or DEFAULT)
    if taught.examples and space == "":
        mismatch = no_embedding(path, model)
        return fail(name, mismatch.message, mismatch.hint)
    if taught.space is not None and space and taught.space != space:
        return fail(
            name,
            f"{found}: taught with another model ({taught.space[:12]} instead of {space[:12]})",
            f"edge-cls memory reembed --memory {path} --model {model}",
        )
    if closed := [place for place in (path.parent, *taught.files) if not machine.may(place)]:
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
