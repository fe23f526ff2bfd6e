"""How this copy of edge-cls was installed, for hints that say how to install more.

The name edge-cls on a package index need not be this project, so that no hint says `pip install edge-cls`. Installers
record the place that a package came from (direct_url.json, PEP 610), and a hint names that place again.
"""

from __future__ import annotations

import importlib.util
import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from importlib.metadata import Distribution

NAME = "edge-cls"


def install_hint(*requirements: str) -> str:
    """Return the hint to install third-party packages, such as "numpy<2", for the Python that runs this.

    >>> install_hint("numpy<2").endswith("'numpy<2'")
    True
    """
    installer = _installer(_this_copy(), sys.executable) or f"{shlex.quote(sys.executable)} -m pip install"
    return f"run: {installer} {shlex.join(requirements)}"


def extra_hint(extra: str, *, copy: Distribution | None = None, python: str = sys.executable) -> str:
    """Return the hint to install the optional dependencies `extra` of edge-cls, from the place that this copy is from.

    `copy` is the installed package, looked up if it is None, and `python` the interpreter that it is installed for.
    """
    copy = copy or _this_copy()
    installer, source = _installer(copy, python), _source(copy, extra)
    if source is None or installer is None:
        return f"install the {extra} extra of {NAME} the way {NAME} was installed"
    return f"run: {installer} {source}"


def _this_copy() -> Distribution | None:
    """Return the installed package; None for one that runs from its folder, without being installed."""
    # Late, since hardly any run has something to install, and loading it takes a while on a small board.
    from importlib.metadata import Distribution, PackageNotFoundError

    try:
        return Distribution.from_name(NAME)
    except PackageNotFoundError:
        return None


def _installer(copy: Distribution | None, python: str) -> str | None:
    """Return the start of the command that installs for `python` as `copy` was installed; None if that is unknown."""
    name = (copy.read_text("INSTALLER") or "").strip() if copy else ""
    if name == "pip" and importlib.util.find_spec("pip"):
        return f"{shlex.quote(python)} -m pip install"
    return f"uv pip install --python {shlex.quote(python)}" if name == "uv" else None


def _source(copy: Distribution | None, extra: str) -> str | None:
    """Return the arguments of an installer for the place that `copy` came from, with an extra; None if unknown."""
    try:
        recorded: dict[str, Any] = json.loads((copy and copy.read_text("direct_url.json")) or "{}")
        url = urlsplit(recorded["url"])
    except (ValueError, LookupError, TypeError):
        return None
    if url.scheme == "file":
        path = Path(unquote(url.path))
        if not path.exists():
            return None
        if "dir_info" in recorded:
            editable = "-e " if recorded["dir_info"].get("editable") else ""
            return f"{editable}{shlex.quote(f'{path}[{extra}]')}"
    address = recorded["url"]
    if "@" in url.netloc:  # it may hold a password
        return None
    if vcs := recorded.get("vcs_info"):
        address = f"{vcs['vcs']}+{address}@{vcs['commit_id']}"
    return shlex.quote(f"{NAME}[{extra}] @ {address}")
