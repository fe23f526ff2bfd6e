"""Checks of the files that are the device's own: its configuration, its model, its memory. None is changed."""

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

# What this file imports inside functions needs numpy, OpenCV and the interpreter. Where one of these is broken the
# doctor has to say so, and cannot need them itself.
_BACKBONE = "edge-embed.tflite"
"""The model where none is configured."""
_BROKEN = "mend what the lines above say of libraries"


def check_configuration(machine: Machine, path: Path | None) -> tuple[Check, Needs]:
    """Return what is wrong with the configuration, and what the device is set up for.

    `path`: the file; where it is None that in /etc, if there is one.
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
        return fail(name, f"it cannot be read ({error})", _BROKEN), Needs()
    return ok(name, f"there is no {DEFAULT_FILE}: the defaults hold" if path is None else str(path)), _needs(config)


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
    """Give what is found of the model, and of the memory, if there is one, that goes with it."""
    try:
        model, space = _check_model(needs)
        yield model
        if needs.memory is not None:
            yield _check_memory(machine, needs, needs.memory, space)
    except ImportError as error:
        yield fail("model", f"it cannot be loaded ({error})", _BROKEN)
    except PermissionError:  # a service of systemd keeps its files where nobody else looks
        yield warn("memory", f"this user may not look into {needs.memory}", machine.as_root)


def _check_model(needs: Needs) -> tuple[Check, str | None]:
    """Return whether the model can be read and gives what it gave where it was made; and its embedding space.

    The space is "" where the model has no embedding, and None where nobody can tell.
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
        if needs.edge_tpu:  # which runs nowhere else
            return ok(name, f"{path} can be read"), (file.manifest.space or None) if file.manifest else None
        model = Model(file, labels=() if needs.labels is None else read_labels(needs.labels))
        check_golden(model)
    except EdgeClsError as error:
        return fail(name, error.message, error.hint), None
    frames = len(file.golden)
    golden = f"its {frames} golden frames agree" if frames else "it has no golden frames"
    shown = path if needs.model else "the built-in backbone"
    return ok(name, f"{shown}, {len(model.labels)} classes: {golden}"), model.space if model.teachable else ""


def _check_memory(machine: Machine, needs: Needs, path: Path, space: str | None) -> Check:
    """Look into a copy: opening the file itself would bring it up to date, or mend it, under a service at work."""
    from edge_cls.classifier import no_embedding
    from edge_cls.config.checks import OF_THE_SERVICE
    from edge_cls.memory.maintenance import copy_untouched
    from edge_cls.memory.store import Memory
    from edge_cls.model.builtin import builtin_file

    name = "memory"
    if not path.exists():
        if path.parent in OF_THE_SERVICE and not path.parent.exists():
            return ok(name, f"{path} does not exist yet: the service makes its folder at its first start")
        if not (path.parent.is_dir() and machine.may(path.parent)):
            return fail(name, f"{path} cannot be made", f"sudo install -d -o {machine.user} {path.parent}")
        return ok(name, f"{path} does not exist yet: what is taught first makes it")
    # SQLite writes a log and an index beside the file; whoever made them last owns them. Root gives them back merely by
    # reading, so this comes first.
    files = [path, *(log for suffix in ("-wal", "-shm") if (log := path.with_name(path.name + suffix)).exists())]
    # What lies in the folder of a service is the service's; in one of root's it may be anybody's.
    like = path.parent if path.parent.stat().st_uid else path
    if strange := [file for file in files if file.stat().st_uid != like.stat().st_uid]:
        whose = "the memory itself" if like == path else "its folder"
        hint = f"sudo chown -h --reference={like} {_names(strange)}"
        return fail(name, f"{strange[0]} belongs to another user than {whose}", hint)
    path.open("rb").close()  # whether it may be read at all
    size = sum(file.stat().st_size for file in files)
    if size > machine.free(Path(tempfile.gettempdir()))[0]:
        hint = "TMPDIR=/var/tmp edge-cls doctor"
        return warn(name, f"{path} was not looked into, as {tempfile.gettempdir()} has no room for a copy", hint)
    with tempfile.TemporaryDirectory(prefix="edge-cls-doctor-") as folder:
        copied = Path(folder) / "memory.db"
        try:
            copy_untouched(path, copied)
            with Memory(copied) as memory:
                problems = ["it is damaged"] if memory.recovered else memory.check()
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
            f"{found}: it was taught with another model ({theirs[:12]} instead of {space[:12]})",
            f"edge-cls memory reembed --memory {path} --model {model}",
        )
    if closed := [place for place in (path.parent, *files) if not machine.may(place)]:
        hint = f"teach as its owner, or: sudo chown -h {machine.user} {_names(closed)}"
        return warn(name, f"{found}: this user may not write it", hint)
    return ok(name, found)


def _names(files: Iterable[Path]) -> str:
    """Return files as a chown takes them: the shell may not look into the folder, so a pattern would stay one.

    Whoever may write there may lay links to the files of others. With -h those stay theirs.
    """
    return " ".join(map(str, files))


def with_options(needs: Needs, model: Path | None, memory: Path | None) -> Needs:
    """Return `needs` with another model, which the configuration's labels are not of, and memory, where given."""
    if model is not None:
        needs = replace(needs, model=model, labels=None)
    return replace(needs, memory=memory or needs.memory)
