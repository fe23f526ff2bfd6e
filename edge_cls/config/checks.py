"""Checks of the files and programs that a configuration names. No camera is opened and no pin is used."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from edge_cls.config.errors import ConfigProblem
from edge_cls.config.loading import DEFAULT_FILE
from edge_cls.config.schema import Config
from edge_cls.config.sinks import CommandSink, JsonLinesSink, StateFileSink
from edge_cls.core.urls import showable
from edge_cls.files import open_regular
from edge_cls.model.backbones import expected_path
from edge_cls.model.names import NAMES
from edge_cls.sources.names import parse_source

_ANY_SIZE = 2**63
_SECRET = re.compile(r"@|pass|pwd|token", re.IGNORECASE)
SERVICE_FOLDERS = (Path("/var/lib/edge-cls"), Path("/run/edge-cls"))
"""Folders that systemd creates when it starts the service."""
SERVICE_BACKBONES = SERVICE_FOLDERS[0] / "backbones"
"""The folder in which `service install` builds a backbone: see `edge_cls.model.backbones.expected_path`."""
_HIDDEN = tuple(map(Path, ("/home", "/root", "/run/user", "/tmp", "/var/tmp")))  # noqa: S108 - none is used
_VOLATILE = (Path("/run"), Path("/dev"))


@dataclass(frozen=True)
class Confinement:
    """The files that the unit of the service lets it reach.

    The service reads its configuration from `file`. It sees empty folders in place of those in `hidden` (ProtectHome,
    PrivateTmp), except for `shown`, which are folders below them. It can write only below `writable`
    (ProtectSystem=strict).
    """

    file: Path = DEFAULT_FILE
    shown: Collection[Path] = ()
    hidden: Collection[Path] = _HIDDEN
    writable: Collection[Path] = (*SERVICE_FOLDERS, Path("/dev"))

    def reads(self, file: Path) -> bool:
        """Return whether `file` is the configuration of the service."""
        return file.resolve() == self.file.resolve()

    def hides(self, path: Path) -> bool:
        """Return whether the service cannot see `path`."""
        return _is_below(path, self.hidden) and not _is_below(path, self.shown)


def missing(config: Config) -> Iterator[ConfigProblem]:
    """Yield a problem for each file or program that must exist before the service starts, and does not."""
    for where, path in _read(config):
        if problem := _unreadable(path):
            yield ConfigProblem(where, problem, "check the path and its permissions")
    for where, path in _written(config):
        if path.is_dir():
            yield ConfigProblem(where, f"{path} is a folder", "name a file in it")
    name = _source(config)
    if name and parse_source(name)[0] == "files" and not Path(name).exists() and not _matches(name):
        hint = "name a camera (picamera2, v4l2:0, rtsp://...), demo, or a file or folder that exists"
        yield ConfigProblem("source.name", f"{showable(name)} does not exist", hint)
    for where, program in _started(config):
        if not _is_program(program):
            hint = f"check the path, or make it executable: chmod +x {program}"
            yield ConfigProblem(where, f"{program} is not an executable program", hint)


def warnings(config: Config, file: Path, *, service: Confinement) -> Iterator[ConfigProblem]:
    """Yield a problem for each setting that is valid, but probably a mistake.

    `file` is the file that the configuration was read from.
    """
    name = _source(config)
    if not name:
        yield ConfigProblem("source.name", "no source is set", "set it here, or use --source")
    elif "://" in name and _SECRET.search(name) and file.stat().st_mode & 0o004 and _holds(file, name):
        yield ConfigProblem("source.name", "every user can read the password in this file", _protecting(file, service))
    if config.memory is None and config.panel is not None and config.panel.button:
        yield ConfigProblem("panel.button", "without a memory nothing can be taught", "set memory")
    if config.memory is None and config.classes == "memory":
        yield ConfigProblem("classes", "without a memory there are no taught classes", "set memory, or change classes")
    for where, is_set in (("labels", config.labels is not None), ("classes", config.classes == "model")):
        if is_set and (config.model is None or str(config.model) in NAMES):
            yield ConfigProblem(where, "a backbone has no classes of its own", "set model to a file, or remove it")
    out_of_reach = list(_out_of_reach(config, service)) if service.reads(file) else []
    yield from out_of_reach
    reported = {problem.where for problem in out_of_reach}
    for where, path in _written(config):
        if where not in reported and path.parent not in SERVICE_FOLDERS and not path.parent.is_dir():
            # The service could not write into a folder that root owns.
            make = "install -d -o edge-cls -g edge-cls" if service.reads(file) else "mkdir -p"
            yield ConfigProblem(where, f"the folder {path.parent} does not exist", f"create it: {make} {path.parent}")


def model_of_service(config: Config) -> str:
    """Return the model that the service will use, for a person."""
    if config.model is not None and str(config.model) not in NAMES:
        return str(config.model)
    path = str(expected_path("default" if config.model is None else str(config.model), cache=SERVICE_BACKBONES))
    if config.model is not None or config.memory is None:
        return path
    return f"{path}, or the backbone that the memory was taught on"


def _out_of_reach(config: Config, service: Confinement) -> Iterator[ConfigProblem]:
    """Yield a problem for each setting that works in a terminal, but not in the service, which its unit confines."""
    written = dict(_written(config))
    writable = [folder.resolve() for folder in service.writable]  # a folder may be a link to a larger card
    for where, path in (dict(_named(config)) | written).items():
        real = Path(os.path.realpath(path))
        # Neither a link nor its target may be hidden.
        if any(service.hides(place) for place in (path.absolute(), real)):
            yield ConfigProblem(
                where, f"the service cannot see {showable(str(path))}", "put it below /var/lib/edge-cls"
            )
        elif where in written and not _is_below(real, writable):
            yield ConfigProblem(where, f"the service cannot write {path}", "choose a place below /var/lib/edge-cls")
        elif where == "memory" and _is_below(real, _VOLATILE):
            yield ConfigProblem(
                where, f"{path} is lost when the machine is switched off", "put it below /var/lib/edge-cls"
            )
    if config.panel is not None and config.panel.kind == "keyboard" and config.panel.device is None:
        hint = 'name a keypad: device = "/dev/input/by-id/usb-NAME-event-kbd"'
        yield ConfigProblem("panel.device", "the service has no terminal to read keys from", hint)


def _source(config: Config) -> str:
    """Return the name of the source with its password, "" if none is set."""
    return "" if config.source.name is None else config.source.name.get_secret_value()


def _is_below(path: Path, folders: Collection[Path]) -> bool:
    return any(path.is_relative_to(folder) for folder in folders)


def _named(config: Config) -> Iterator[tuple[str, Path]]:
    """Yield the paths that the service must be able to see."""
    yield from _read(config)
    name = _source(config)
    if name and parse_source(name)[0] == "files" and "://" not in name:
        yield "source.name", Path(name)
    for where, program in _started(config):
        yield where, Path(program)


def _read(config: Config) -> Iterator[tuple[str, Path]]:
    for where, path in (("model", config.model), ("labels", config.labels)):
        if path is not None and str(path) not in NAMES:  # a backbone is built below /var/lib/edge-cls
            yield where, path


def _started(config: Config) -> Iterator[tuple[str, str]]:
    for number, sink in enumerate(config.sink, 1):
        if isinstance(sink, CommandSink):
            yield f"sink #{number}, argv", sink.argv[0]


def _written(config: Config) -> Iterator[tuple[str, Path]]:
    if config.memory is not None:
        yield "memory", config.memory
    for number, sink in enumerate(config.sink, 1):
        if isinstance(sink, JsonLinesSink | StateFileSink) and sink.path.is_absolute():  # not on standard output
            yield f"sink #{number}, path", sink.path


def _protecting(file: Path, service: Confinement) -> str:
    """Return the command after which only the user of `file` can read it: its owner, or the service."""
    theirs = file.stat().st_uid != 0 and not service.reads(file)
    # The service's user is not in the group root.
    return f"chmod 640 {file}" if theirs else f"chown root:edge-cls {file} && chmod 640 {file}"


def _holds(file: Path, text: str) -> bool:
    return text in file.read_text(encoding="utf-8", errors="replace")


def _unreadable(path: Path) -> str | None:
    try:
        open_regular(path, limit=_ANY_SIZE).close()
    except FileNotFoundError:
        return f"{path} does not exist"
    except OSError as error:
        return f"{path} cannot be read ({error.strerror})"
    return None


def _matches(pattern: str) -> bool:
    return glob.has_magic(pattern) and any(True for _ in glob.iglob(pattern, recursive=True))  # noqa: PTH207 - takes absolute ones


def _is_program(path: str) -> bool:
    return Path(path).is_file() and os.access(path, os.X_OK)
