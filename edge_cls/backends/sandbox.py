"""Try a network of unknown origin where it can do no harm.

The interpreter trusts what it reads. LiteRT 2 verifies the FlatBuffer, and yet of networks with a few changed bytes
about one in 500 crashes it and one in 1000 makes it take gigabytes; tflite-runtime verifies nothing. A child process
that loads the network and runs it once finds all of them, whatever the interpreter and its version.

The same child finds a libedgetpu that does not go with the interpreter, which shows in a crash too.
"""

from __future__ import annotations

import faulthandler
import json
import os
import resource
import signal
import warnings
from pathlib import Path
from typing import NoReturn

import numpy as np

from edge_cls.backends.litert import LIBRARY_CLASH, Interpreter
from edge_cls.errors import MissingDependency, ModelError

SECONDS = 60
"""More than any image classifier takes for one frame on the slowest board."""
MEMORY = 512 * 2**20
"""What loading and running may take on top of the process: several times what the largest image classifiers take."""


def probe(network: bytes, *, name: str, delegate: str = "none") -> None:
    """Raise ModelError where loading and running `network` fails, crashes, hangs or takes over 512 MiB.

    A network that crashes on some pixels only is not found: it is run on black ones. With a `delegate` the child takes
    the Edge TPU, and lets go of it; MissingDependency is raised without its library.
    """
    reader, writer = os.pipe()
    with warnings.catch_warnings():
        # Python 3.12 and JAX warn of forking beside other threads. The child takes none of their locks: it has the
        # interpreter's own work to do, and ends without any clean-up.
        warnings.simplefilter("ignore")
        child = os.fork()
    if child == 0:
        os.close(reader)
        _try(network, name, delegate, writer)
    os.close(writer)
    try:
        with os.fdopen(reader, "rb") as pipe:
            answer = pipe.read()
    finally:
        os.kill(child, signal.SIGKILL)  # it has ended already, unless Ctrl-C came
        _, status = os.waitpid(child, 0)
    if not answer:
        slow = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGALRM
        message = (
            f"runs for over {SECONDS} seconds" if slow else "crashes the TFLite interpreter, or takes too much memory"
        )
        if delegate != "none":
            raise ModelError(f"{name} {message} on the Edge TPU", hint=LIBRARY_CLASH)
        raise ModelError(f"{name} {message}", hint="convert or download it again")
    if problem := json.loads(answer):
        kind = MissingDependency if problem["missing"] else ModelError
        raise kind(problem["what"], hint=problem["hint"])


def _try(network: bytes, name: str, delegate: str, writer: int) -> NoReturn:
    """Load and run `network` in this process, the child, and write what is wrong with it, or null."""
    try:
        _confine()
        problem = _problem(network, name, delegate)
        os.write(writer, json.dumps(problem).encode())
    finally:
        os._exit(0)


def _confine() -> None:
    """Let this process end by itself, in silence, and without much memory."""
    faulthandler.disable()
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(SECONDS)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    data = int(Path("/proc/self/statm").read_text().split()[5]) * resource.getpagesize()
    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    if most == resource.RLIM_INFINITY or most > data + MEMORY:
        resource.setrlimit(resource.RLIMIT_DATA, (data + MEMORY, most))


def _problem(network: bytes, name: str, delegate: str) -> dict[str, str | bool] | None:
    try:
        interpreter = Interpreter(network, name=name, delegate=delegate)
        interpreter.invoke(np.zeros(interpreter.input.shape[1:], interpreter.input.dtype))
    except (ModelError, MissingDependency) as error:
        return {"what": error.message, "hint": error.hint, "missing": isinstance(error, MissingDependency)}
    except MemoryError:
        return {
            "what": f"{name} takes more than {MEMORY // 2**20} MiB",
            "hint": "use a smaller model",
            "missing": False,
        }
    return None
