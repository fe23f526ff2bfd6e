"""The machine as the checks see it: everything that they query, so that tests can replace it."""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

LIMIT_S = 30.0
"""Longest run of a child process, in seconds. A Zero 2 W needs a few to load an interpreter, and a few for a camera."""
_SETTINGS = "pyvenv.cfg"
_TIME_ERROR = 5
"""TIME_ERROR, the result of adjtimex(2) while the clock is not synchronised."""


@dataclass(frozen=True)
class Outcome:
    """The end of a child process: its exit `status`, None if it exceeded the limit, and the text that it wrote."""

    status: int | None
    output: str
    errors: str

    @property
    def last_line(self) -> str:
        """The last line of stderr, which is Python's error message; "no answer" if there is none."""
        lines = self.errors.strip().splitlines()
        return lines[-1].strip() if lines and self.status is not None else "no answer"


@dataclass(frozen=True)
class Machine:
    """The facts and functions of a machine. `root` stands for /, `prefix` is the folder of the (virtual) environment.

    `version` returns the version of an installed distribution, None if it is not installed; `importable` whether a
    module can be found, without importing it; `may` whether this user may read and write a file; `free` the free and
    the total bytes of the disk of a path. `run` runs a command with a time limit, and never raises. `clock_off` returns
    whether the kernel regards the clock as not synchronised, None if it is unknown.
    """

    root: Path
    environ: Mapping[str, str]
    prefix: Path
    folder: Path
    python: tuple[int, int]
    kernel: str
    bits: int
    now: float
    version: Callable[[str], str | None]
    importable: Callable[[str], bool]
    may: Callable[[Path], bool]
    free: Callable[[Path], tuple[int, int]]
    run: Callable[[Sequence[str]], Outcome]
    clock_off: Callable[[], bool | None]

    def text(self, path: str) -> str:
        """Return the stripped content of a file below `root`; "" if it cannot be read."""
        return text(self.root / path)

    @property
    def board(self) -> str:
        """The model of the board; "" if it has no device tree."""
        return self.text("proc/device-tree/model")

    @property
    def is_pi(self) -> bool:
        """Whether it is a Raspberry Pi."""
        return self.board.startswith("Raspberry Pi")

    @property
    def user(self) -> str:
        """The name of this user, for a shell command."""
        return self.environ.get("USER") or "$USER"

    @property
    def pip(self) -> str:
        """The command of this Python's own pip. Another pip would install elsewhere, or refuse."""
        return f"{self.prefix}/bin/python -m pip"

    @property
    def as_root(self) -> str:
        """The command that repeats the checks as root."""
        return f"sudo {self.prefix}/bin/edge-cls doctor"

    @property
    def in_venv(self) -> bool:
        """Whether `prefix` is a venv, which may be recreated, and not a folder of the system."""
        return (self.prefix / _SETTINGS).is_file()

    @property
    def show_apt_packages(self) -> str:
        """The command that lets this venv see the packages of apt; "" if it does already, or is not a venv."""
        settings = self.prefix / _SETTINGS
        if re.search(r"(?mi)^include-system-site-packages\s*=\s*false", text(settings)):
            return f"sed -i 's/^\\(include-system-site-packages *=\\).*/\\1 true/' {settings}"
        return ""

    def apt_install(self, *packages: str) -> str:
        """Return the command that installs Debian packages, and lets this Python see them."""
        return " && ".join(filter(None, (f"sudo apt install -y {' '.join(packages)}", self.show_apt_packages)))

    def python_child(self, code: str) -> Outcome:
        """Run `code` in a Python process of its own, because libraries and drivers may crash or hang it."""
        return self.run((sys.executable, "-c", code))


def text(path: Path) -> str:
    """Return the content of a file, without white space and zero bytes at its ends; "" if it cannot be read."""
    try:
        return path.read_text(errors="replace").strip("\0\n\t ")
    except OSError:
        return ""


def numbers(version: str) -> tuple[int, ...]:
    """Return the numbers at the beginning of a version: (2, 14, 0) for "2.14.0rc1"."""
    return tuple(int(number) for number in re.findall(r"\d+", version)[:3])


def this_machine(*, limit_s: float = LIMIT_S) -> Machine:
    """Return the machine that this process runs on. Its child processes may run for `limit_s` seconds."""
    return Machine(
        root=Path("/"),
        environ=os.environ,
        prefix=Path(sys.prefix),
        folder=Path.cwd(),
        python=sys.version_info[:2],
        kernel=platform.machine(),
        bits=64 if sys.maxsize > 2**32 else 32,
        now=time.time(),
        version=_version,
        importable=_importable,
        may=lambda path: os.access(path, os.R_OK | os.W_OK),
        free=_free,
        run=partial(_run, limit_s=limit_s),
        clock_off=_clock_off,
    )


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _importable(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def _free(path: Path) -> tuple[int, int]:
    usage = shutil.disk_usage(path)
    return usage.free, usage.total


def _clock_off() -> bool | None:
    # struct timex has about 200 bytes. If its first field is 0, the call changes nothing and needs no privilege.
    try:
        state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(1024))
    except (OSError, AttributeError):
        return None
    return None if state < 0 else bool(state == _TIME_ERROR)


def _run(argv: Sequence[str], *, limit_s: float) -> Outcome:
    """Run a command in a temporary folder, because importing lgpio creates a pipe in the working directory.

    A process that exceeds the limit is killed. If it hangs in a driver it cannot be killed, and is left alone.
    """
    with tempfile.TemporaryDirectory(prefix="edge-cls-doctor-", ignore_cleanup_errors=True) as folder:
        output, errors = Path(folder) / "output", Path(folder) / "errors"
        with output.open("wb") as out, errors.open("wb") as err:
            try:
                child = subprocess.Popen(  # noqa: S603 - commands of the checks, without a shell
                    argv,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=err,
                    cwd=folder,
                    env=os.environ | {"LG_WD": folder, "LC_ALL": "C.UTF-8"},
                    start_new_session=True,
                )
            except OSError as error:
                return Outcome(127, "", str(error))
        try:
            status: int | None = child.wait(limit_s)
        except subprocess.TimeoutExpired:
            status = None
            os.killpg(child.pid, signal.SIGKILL)  # with the processes that it has started
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(1)
        return Outcome(status, text(output), text(errors))
