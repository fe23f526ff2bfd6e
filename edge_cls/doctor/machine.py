"""The machine as the checks see it. All they ask of it is here, so that tests give them another one."""

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
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

_LIMIT_S = 30.0
"""Loading an interpreter on a Zero 2 W takes a few seconds, a camera that is well a few more."""
_SETTINGS = "pyvenv.cfg"
_TIME_ERROR = 5
"""What adjtimex(2) returns while the clock is not synchronised."""


@dataclass(frozen=True)
class Outcome:
    """How a child process ended: its `status`, None where it had to be given up, and what it wrote."""

    status: int | None
    output: str
    errors: str

    @property
    def last_line(self) -> str:
        """The last line of its errors, where Python says what was wrong; "it gave no answer" where there is none."""
        lines = self.errors.strip().splitlines()
        return lines[-1].strip() if lines and self.status is not None else "it gave no answer"


@dataclass(frozen=True)
class Machine:
    """What is asked of the machine. `root` stands for /, `prefix` is the folder of the (virtual) environment.

    `version` gives that of an installed distribution, `importable` whether a module is found without importing it;
    `may` tells whether this user may read and write a file; `free` gives the free and all bytes around a path;
    `run` runs a command with a limit, and never raises; `clock_off` tells whether the kernel holds the clock for wrong,
    None where it does not say.
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
        """Return what stands in a file below `root`, without white space at its ends; "" where it cannot be read."""
        return text(self.root / path)

    @property
    def board(self) -> str:
        """What the board calls itself, "" on one that has no device tree."""
        return self.text("proc/device-tree/model")

    @property
    def is_pi(self) -> bool:
        """Whether it is a Raspberry Pi."""
        return self.board.startswith("Raspberry Pi")

    @property
    def user(self) -> str:
        """The name of this user, as a shell command has it."""
        return self.environ.get("USER") or "$USER"

    @property
    def pip(self) -> str:
        """The command of this Python's own pip. Another one would install elsewhere, or refuse to."""
        return f"{self.prefix}/bin/python -m pip"

    @property
    def as_root(self) -> str:
        """The command that looks over what only root may see."""
        return f"sudo {self.prefix}/bin/edge-cls doctor"

    @property
    def in_venv(self) -> bool:
        """Whether `prefix` is a venv, which may be made anew, and no folder of the system."""
        return (self.prefix / _SETTINGS).is_file()

    @property
    def opening(self) -> str:
        """The command that lets this venv see the system's packages, as apt installs them; "" where it does already."""
        settings = self.prefix / _SETTINGS
        if re.search(r"(?mi)^include-system-site-packages\s*=\s*false", text(settings)):
            return f"sed -i 's/^\\(include-system-site-packages *=\\).*/\\1 true/' {settings}"
        return ""

    def apt_install(self, *packages: str) -> str:
        """Return the command that installs Debian's packages of libraries, and lets this Python see them."""
        return " && ".join(filter(None, (f"sudo apt install -y {' '.join(packages)}", self.opening)))

    def python_child(self, code: str) -> Outcome:
        """Return how `code` ends in a Python of its own: libraries and drivers may crash it, or never return."""
        return self.run((sys.executable, "-c", code))


def text(path: Path) -> str:
    """Return what stands in a file, without white space and zeros at its ends; "" where it cannot be read."""
    try:
        return path.read_text(errors="replace").strip("\0\n\t ")
    except OSError:
        return ""


def numbers(version: str) -> tuple[int, ...]:
    """Return the numbers a version begins with: (2, 14, 0) for "2.14.0rc1"."""
    return tuple(int(number) for number in re.findall(r"\d+", version)[:3])


def this_machine() -> Machine:
    """Return the one that this process runs on."""
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
        run=_run,
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
    # struct timex is some 200 bytes; with its first field 0 nothing is set, which anybody may do.
    try:
        state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(1024))
    except (OSError, AttributeError):
        return None
    return None if state < 0 else bool(state == _TIME_ERROR)


def _run(argv: Sequence[str]) -> Outcome:
    """Run a command in a folder that is deleted afterwards: lgpio makes a pipe where it is imported.

    A process that hangs in a driver cannot even be killed. It is left alone then: nobody waits for it for ever.
    """
    with tempfile.TemporaryDirectory(prefix="edge-cls-doctor-", ignore_cleanup_errors=True) as folder:
        output, errors = Path(folder) / "output", Path(folder) / "errors"
        with output.open("wb") as out, errors.open("wb") as err:
            try:
                child = subprocess.Popen(  # noqa: S603 - the commands are the checks' own, and no shell reads them
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
            status: int | None = child.wait(_LIMIT_S)
        except subprocess.TimeoutExpired:
            status = None
            os.killpg(child.pid, signal.SIGKILL)  # and what it has started
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(1)
        return Outcome(status, text(output), text(errors))
