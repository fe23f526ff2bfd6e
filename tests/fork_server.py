"""Runs the command line hundreds of times: everything is imported once, and each run is a fork of that.

`python -m tests.fork_server [MODULE...]` imports the modules, then answers each line of JSON, a request, with one.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import NoReturn, Self

from PIL import Image

from edge_cls.cli import main

SECONDS = 120
"""After which a run counts as hanging."""
_ALL = ("edge_cls.classifier", "edge_cls.app.application")
"""Modules that every run needs: they are imported once."""


@dataclass(frozen=True)
class Answer:
    """The result of a run: `code` is the exit code, or minus the signal; `growth` is its additional memory in MiB."""

    code: int
    stdout: str
    stderr: str
    growth: int
    seconds: float


class ForkServer:
    """A process that has imported edge-cls and `modules`. A run is a fork of it, in the folder `cwd`.

    The runs share a cache folder of their own, and leave the user's alone.
    """

    def __init__(self, *modules: str) -> None:
        self._cache = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        Path(self._cache.name).chmod(0o777)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.fork_server", *modules],
            cwd=Path(__file__).parents[1],
            env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONUTF8": "1", "XDG_CACHE_HOME": self._cache.name},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def run(self, arguments: Sequence[str], cwd: Path, *, unprivileged: bool = False) -> Answer:
        """Run `edge-cls ARGUMENTS`. `unprivileged`: whether file permissions apply to root, too."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        request = {"arguments": list(arguments), "cwd": str(cwd), "unprivileged": unprivileged}
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return Answer(**json.loads(self._process.stdout.readline()))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate()
        self._cache.cleanup()


def _serve(modules: Sequence[str]) -> None:
    for module in (*_ALL, *modules):
        importlib.import_module(module)
    Image.init()
    replies = os.fdopen(os.dup(1), "w")
    for line in sys.stdin:
        request = json.loads(line)
        replies.write(json.dumps(asdict(_run(**request))) + "\n")
        replies.flush()


def _run(arguments: list[str], cwd: str, *, unprivileged: bool) -> Answer:
    started = time.monotonic()
    with tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        child = os.fork()
        if child == 0:
            for descriptor, file in ((1, stdout), (2, stderr)):
                os.dup2(file.fileno(), descriptor)
            _become_the_command(arguments, cwd, unprivileged=unprivileged)
        _, status, usage = os.wait4(child, 0)
        stdout.seek(0)
        stderr.seek(0)
        return Answer(
            code=os.waitstatus_to_exitcode(status),
            stdout=stdout.read().decode(errors="backslashreplace"),
            stderr=stderr.read().decode(errors="backslashreplace"),
            growth=(usage.ru_maxrss - resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) // 1024,
            seconds=time.monotonic() - started,
        )


def _give_up_capabilities() -> None:
    """Make file permissions apply to root, who stays the owner of the files of this environment."""
    version_3, this_process = 0x20080522, 0
    header, none = (ctypes.c_uint32 * 2)(version_3, this_process), (ctypes.c_uint32 * 6)()
    if ctypes.CDLL(None).capset(header, none):
        raise OSError("the capabilities cannot be given up")


def _become_the_command(arguments: list[str], cwd: str, *, unprivileged: bool) -> NoReturn:
    code = 70
    try:
        signal.alarm(SECONDS)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        os.chdir(cwd)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        if unprivileged:
            _give_up_capabilities()
        main(arguments)
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 0 if ended.code is None else 71
    except BaseException:  # noqa: BLE001 - this is where Python itself would print the traceback
        traceback.print_exc()
        code = 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    _serve(sys.argv[1:])
