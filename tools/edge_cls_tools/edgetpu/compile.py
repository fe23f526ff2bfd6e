"""Compile a model for the Edge TPU with Google's `edgetpu_compiler`, where it is installed, and hold it to its word."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from edge_cls.backends.names import compiled_for
from edge_cls.errors import ConversionError, MissingDependency, ModelError
from edge_cls.files import write_whole
from edge_cls.model.file import ModelFile, read_model, sha256, write_model
from edge_cls_tools.edgetpu.log import MAPPED, Log, last_words, parse_log

COMPILER = "edgetpu_compiler"
_GRACE = 30
"""Seconds that the compiler gets beyond its own time limit before it is killed."""


@dataclass(frozen=True)
class Compiled:
    """What came of a compilation: the model, the compiler's log beside it, and what the log says."""

    model: Path
    log: Path
    said: Log


def compile_model(path: Path, folder: Path, *, min_mapped: float = 95.0, timeout_sec: int = 180) -> Compiled:
    """Compile the model at `path` to `NAME_edgetpu.tflite` in `folder`, with its labels and manifest, and keep the log.

    A model without a manifest is left as the compiler wrote it.

    Raises MissingDependency without the compiler, ModelError for a file that is no model to compile, and
    ConversionError, after which only the log is there, where the compiler fails or takes longer than `timeout_sec`
    seconds, where fewer than `min_mapped` percent of the operators map, or where no part for the Edge TPU came out.
    """
    compiler = shutil.which(COMPILER)
    if compiler is None:
        raise MissingDependency(
            f"{COMPILER} is not installed",
            hint="on x86-64 Debian or Ubuntu add Google's apt repository coral-edgetpu-stable and install "
            f"edgetpu-compiler (there is none for ARM), or see what it would map: edge-cls edgetpu check {path}",
        )
    source = read_model(path)
    if compiled_for(source.network):
        raise ModelError(f"{path} is compiled for the Edge TPU already", hint="give the model that it was made from")
    log = folder / f"{path.stem}_edgetpu.log"
    with tempfile.TemporaryDirectory() as scratch:
        text = _run(compiler, source, Path(scratch), timeout_sec)
        write_whole(log, text.encode(errors="replace"))
        said = parse_log(text)
        _hold(said, text, path, log, min_mapped)
        made = _result(Path(scratch) / "out" / "model_edgetpu.tflite", path, log)
        target = folder / f"{path.stem}_edgetpu.tflite"
        if source.manifest is None:
            write_whole(target, made.path.read_bytes())
        else:
            # The space is that of the source, so that examples taught with one are good for the other.
            space = source.manifest.space or sha256(source.network)
            write_model(
                replace(source, path=target, network=made.network, manifest=replace(source.manifest, space=space))
            )
    return Compiled(target, log, said)


def _run(compiler: str, source: ModelFile, scratch: Path, timeout_sec: int) -> str:
    """Return all that the compiler said of the bare network: how it treats what is attached differs by version."""
    given, out = scratch / "model.tflite", scratch / "out"
    given.write_bytes(source.network)
    out.mkdir()
    command = [compiler, "-s", "-o", str(out), "--timeout_sec", str(timeout_sec), str(given)]
    running = subprocess.Popen(  # noqa: S603 - the user's own compiler, found on the PATH
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=scratch,
        start_new_session=True,
    )
    try:
        console, _ = running.communicate(timeout=timeout_sec + _GRACE)
        end = "" if running.returncode == 0 else f"\nCompilation failed: it ended with {running.returncode}\n"
    except subprocess.TimeoutExpired as error:
        end = f"\nCompilation failed: it took longer than {timeout_sec} seconds and was ended\n"
        console = error.output or b""
    finally:
        if running.returncode is None:
            # The compiler works in a child of its own, which would go on.
            os.killpg(running.pid, signal.SIGKILL)
            running.communicate()
    own = out / "model_edgetpu.log"
    written = own.read_bytes() if own.is_file() else b""
    return console.decode(errors="replace") + end + "\n" + written.decode(errors="replace")


def _hold(said: Log, text: str, path: Path, log: Path, min_mapped: float) -> None:
    check = f"see {log}, and 'edge-cls edgetpu check {path}'"
    if not said.compiled or "Compilation failed" in text:
        raise ConversionError(f"{path} was not compiled ({last_words(text)})", hint=check)
    if said.subgraphs == 0:
        raise ConversionError(f"nothing of {path} was mapped to the Edge TPU", hint=check)
    if said.subgraphs is None or said.percent is None:
        raise ConversionError(
            f"{COMPILER} {said.version or 'of an unknown version'} does not say what it mapped", hint=f"see {log}"
        )
    if said.percent < min_mapped:
        left = [f"{row.count} {row.operator} ({row.status})" for row in said.rows if row.status != MAPPED]
        raise ConversionError(
            f"{said.percent:.1f} % of {path} is mapped to the Edge TPU, less than {min_mapped:g} %"
            + (f": left are {', '.join(left[:4])}" if left else ""),
            hint=f"{check}, or ask for less with --min-mapped",
        )


def _result(made: Path, path: Path, log: Path) -> ModelFile:
    if not made.is_file():
        raise ConversionError(f"{COMPILER} wrote no model for {path}", hint=f"see {log}")
    model = read_model(made)
    if not compiled_for(model.network):
        raise ConversionError(f"what {COMPILER} wrote for {path} has no part for the Edge TPU", hint=f"see {log}")
    return model
