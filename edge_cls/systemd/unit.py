"""The unit of the service, fitted to this machine: where its command lies, what of /home it must see, its user."""

from __future__ import annotations

import re
import stat
import sys
import sysconfig
from collections.abc import Collection, Iterable
from pathlib import Path

import edge_cls
from edge_cls.errors import ServiceError

GROUPS = ("video", "render", "gpio", "input", "plugdev", "apex")
"""Who may use cameras and their buffers, pins, a keypad, an Edge TPU (USB; PCIe). No machine has to have them all."""

_COMMAND = "/opt/edge-cls/bin/edge-cls"
_VENV = "/usr/bin/python3 -m venv /opt/edge-cls"
"""Not just python3, which may be the very one that the service cannot see."""
_ELSEWHERE = f"install edge-cls elsewhere: {_VENV}"
_HOME = Path("/home")
"""ProtectHome=tmpfs puts an empty folder in its place, where other folders can be shown ..."""
_CLOSED = tuple(Path(path) for path in ("/root", "/run", "/tmp", "/var/tmp"))  # noqa: S108 - none is used
"""... and, as PrivateTmp does, one in the place of these, where they cannot, or would be gone after the next boot."""


def template() -> str:
    """Return the unit as it is shipped."""
    package = Path(__file__).resolve().parents[1]
    # A wheel carries the folder inside the package; in a checkout it stands beside it.
    for folder in (package / "systemd", package.parent / "systemd"):
        if (folder / "edge-cls.service").is_file():
            return (folder / "edge-cls.service").read_text()
    raise ServiceError("this installation lacks edge-cls.service", hint="install edge-cls again")


def own_command() -> Path:
    """Return the `edge-cls` of this Python."""
    command = Path(sysconfig.get_path("scripts")) / "edge-cls"
    if not command.is_file():
        raise ServiceError(f"there is no {command}", hint=f"install edge-cls into an environment: {_VENV}")
    return command


def own_folders() -> list[Path]:
    """Return where this Python, what it was made from, and edge-cls lie."""
    folders = (Path(sys.prefix), Path(sys.base_prefix), Path(edge_cls.__file__).parents[1])
    return [place for folder in folders for place in (folder, folder.resolve())]


def render(text: str, *, command: Path, folders: Iterable[Path]) -> str:
    """Return the unit `text` for `command`, which needs `folders` to run.

    Of /home the service sees those folders alone, read only, however private the home around them is. Raises
    ServiceError where the service could not reach one of them.
    """
    folders = list(folders)
    shown = _outermost(folder for folder in folders if folder.is_relative_to(_HOME))
    for path in (command, *folders):
        if not re.fullmatch(r"[\w/.+@-]+", str(path), re.ASCII):
            raise ServiceError(f"systemd would misread the path {path}", hint=_ELSEWHERE)
        if any(path.is_relative_to(closed) for closed in _CLOSED):
            raise ServiceError(f"the service cannot see {path}", hint=_ELSEWHERE)
        for place in (path, *path.parents):
            if place.is_relative_to(_HOME) and not any(place.is_relative_to(folder) for folder in shown):
                break  # the service sees a folder of this name that systemd makes
            if not place.stat().st_mode & stat.S_IXOTH:
                raise ServiceError(f"the service's user may not enter {place}", hint=f"run: chmod -R o+rX {place}")
    binds = "".join(f"BindReadOnlyPaths={folder}\n" for folder in shown)
    line = "ProtectHome=tmpfs\n"
    return text.replace(_COMMAND, str(command)).replace(line, line + binds)


def render_user(groups: Collection[str]) -> str:
    """Return the sysusers.d file of the service's user, who joins those of our groups that are in `groups`."""
    joined = "".join(f"m edge-cls {group}\n" for group in GROUPS if group in groups)
    return f'u edge-cls - "edge-cls camera appliance" /var/lib/edge-cls\n{joined}'


def _outermost(folders: Iterable[Path]) -> list[Path]:
    found: list[Path] = []
    for folder in sorted(set(folders)):
        if not any(folder.is_relative_to(outer) for outer in found):
            found.append(folder)
    return found
