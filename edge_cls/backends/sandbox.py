"""Try a network of unknown origin in a child process, where it can do no harm.

The interpreter trusts what it reads. LiteRT 2 verifies the FlatBuffer, and yet of networks with a few changed bytes
about one in 500 crashes it and one in 1000 makes it allocate gigabytes; tflite-runtime verifies nothing. A child
process that loads the network and runs it once finds all of them, with every interpreter and every version of it.

The same child finds a device library that was built for another version of the interpreter: that crashes too.
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

from edge_cls.backends.backend import Backend, open_backend
from edge_cls.backends.names import CPU, backend_row
from edge_cls.errors import MissingDependency, ModelError

SECONDS = 60
"""Time limit for loading and running a network once; more than any classifier takes on the slowest board."""
MEMORY = 512 * 2**20
"""Bytes that loading and running may take on top of the process: several times what the largest classifiers take."""


def probe(network: bytes, *, name: str, backend: Backend | None = None, seconds: int = SECONDS) -> None:
    """Load and run `network` once in a child process. Raises ModelError if that fails, crashes, hangs or takes 512 MiB.

    Messages call the network `name`. It runs on black pixels, so that a network that crashes on others is not found.
    `backend` is the CPU if it is None; the child opens its device and releases it. Raises MissingDependency if the
    backend's library is missing.
    """
    backend = backend or open_backend(CPU)
    reader, writer = os.pipe()
    with warnings.catch_warnings():
        # Python 3.12 and JAX warn of forking beside other threads. The child takes none of their locks: it has the
        # interpreter's own work to do, and ends without any clean-up.
        warnings.simplefilter("ignore")
        child = os.fork()
    if child == 0:
        os.close(reader)
        _try(network, name, backend, seconds, writer)
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
            f"runs for over {seconds} seconds" if slow else "crashes the TFLite interpreter, or takes too much memory"
        )
        device = "" if backend.name == CPU else f" on {backend_row(backend.name)[1].title}"
        raise ModelError(f"{name} {message}{device}", hint=backend.crash_hint)
    if problem := json.loads(answer):
        kind = MissingDependency if problem["missing"] else ModelError
        raise kind(problem["message"], hint=problem["hint"])


def _try(network: bytes, name: str, backend: Backend, seconds: int, writer: int) -> NoReturn:
    """Load and run `network` in this process, the child, and write the problem with it, or null."""
    try:
        _confine(seconds)
        problem = _problem(network, name, backend)
        os.write(writer, json.dumps(problem).encode())
    finally:
        os._exit(0)


def _confine(seconds: int) -> None:
    """Make this process end by itself after `seconds`, print nothing, and get little memory."""
    faulthandler.disable()
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(seconds)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    data = int(Path("/proc/self/statm").read_text().split()[5]) * resource.getpagesize()
    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    if most == resource.RLIM_INFINITY or most > data + MEMORY:
        resource.setrlimit(resource.RLIMIT_DATA, (data + MEMORY, most))


def _problem(network: bytes, name: str, backend: Backend) -> dict[str, str | bool] | None:
    try:
        engine = backend.open(network, name=name)
        engine.invoke(np.zeros(engine.input.shape[1:], engine.input.dtype))
    except (ModelError, MissingDependency) as error:
        return {"message": error.message, "hint": error.hint, "missing": isinstance(error, MissingDependency)}
    except MemoryError:
        return {
            "message": f"{name} takes more than {MEMORY // 2**20} MiB",
            "hint": "use a smaller model",
            "missing": False,
        }
    return None
