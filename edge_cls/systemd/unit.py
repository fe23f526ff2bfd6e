"""The unit file of the service, adapted to this machine: path of the command, visible folders, user."""

from __future__ import annotations

import re
import stat
import sys
import sysconfig
from collections.abc import Collection, Iterable
from pathlib import Path

import edge_cls
from edge_cls.errors import ServiceError
from edge_cls.files import shipped_file

GROUPS = ("video", "render", "gpio", "input", "plugdev", "apex")
"""Groups that may use cameras and their buffers, pins, a keypad, an Edge TPU (USB, PCIe). Not all machines have all."""

_COMMAND = "/opt/edge-cls/bin/edge-cls"
_VENV = "/usr/bin/python3 -m venv /opt/edge-cls"
"""With the full path, because `python3` may be the one that the service cannot see."""
_ELSEWHERE = f"install edge-cls elsewhere: {_VENV}"
HOME = Path("/home")
"""ProtectHome=tmpfs hides it behind an empty folder, in which single folders can be made visible."""
CLOSED = tuple(Path(path) for path in ("/root", "/run", "/tmp", "/var/tmp"))  # noqa: S108 - none is used
"""Also hidden, by ProtectHome or PrivateTmp; folders in them cannot be made visible, or are lost at the next boot."""
_SCRIPTS = Path(sysconfig.get_path("scripts"))


def template() -> str:
    """Return the unit file as it is shipped. Raises ServiceError if this installation lacks it."""
    path = shipped_file("edge-cls.service", wheel="systemd", checkout="systemd")
    if path is None:
        raise ServiceError("this installation lacks edge-cls.service", hint="install edge-cls again")
    return path.read_text()


def own_command(scripts: Path = _SCRIPTS) -> Path:
    """Return the `edge-cls` command in `scripts`, the folder of this Python's commands.

    Raises ServiceError if there is none.
    """
    command = scripts / "edge-cls"
    if not command.is_file():
        raise ServiceError(f"{command} does not exist", hint=f"install edge-cls into a virtual environment: {_VENV}")
    return command


def own_folders() -> list[Path]:
    """Return the folders of this Python, of its base installation if it is a virtual environment, and of edge-cls."""
    folders = (Path(sys.prefix), Path(sys.base_prefix), Path(edge_cls.__file__).parents[1])
    return [place for folder in folders for place in (folder, folder.resolve())]


def render(
    text: str, *, command: Path, folders: Iterable[Path], home: Path = HOME, closed: Collection[Path] = CLOSED
) -> str:
    """Return the unit `text` with the path of `command`, which needs `folders` to run.

    Of `home` the service sees only those folders, read-only, even if the folders around them are private. Raises
    ServiceError if the service could not reach one of `folders`, for example because it is below one of `closed`.
    """
    folders = list(folders)
    shown = _outermost(folder for folder in folders if folder.is_relative_to(home))
    for path in (command, *folders):
        if not re.fullmatch(r"[\w/.+@-]+", str(path), re.ASCII):
            raise ServiceError(f"the path {path} contains characters that systemd would misinterpret", hint=_ELSEWHERE)
        if any(path.is_relative_to(folder) for folder in closed):
            raise ServiceError(f"the service cannot see {path}", hint=_ELSEWHERE)
        for place in (path, *path.parents):
            if place.is_relative_to(home) and not any(place.is_relative_to(folder) for folder in shown):
                break  # systemd creates a visible folder of this name
            if not place.stat().st_mode & stat.S_IXOTH:
                raise ServiceError(f"the service's user may not enter {place}", hint=f"run: chmod -R o+rX {place}")
    binds = "".join(f"BindReadOnlyPaths={folder}\n" for folder in shown)
    line = "ProtectHome=tmpfs\n"
    return text.replace(_COMMAND, str(command)).replace(line, line + binds)


def render_user(groups: Collection[str]) -> str:
    """Return the sysusers.d file of the service's user, a member of those GROUPS that are also in `groups`."""
    joined = "".join(f"m edge-cls {group}\n" for group in GROUPS if group in groups)
    return f'u edge-cls - "edge-cls image classification" /var/lib/edge-cls\n{joined}'


def _outermost(folders: Iterable[Path]) -> list[Path]:
    found: list[Path] = []
    for folder in sorted(set(folders)):
        if not any(folder.is_relative_to(outer) for outer in found):
            found.append(folder)
    return found
