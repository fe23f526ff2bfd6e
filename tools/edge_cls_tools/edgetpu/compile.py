"""Compiles a model for the Edge TPU with Google's `edgetpu_compiler`, if it is installed, and checks the result."""

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
from edge_cls_tools.edgetpu.log import MAPPED, LogSummary, failure_reason, parse_log

COMPILER = "edgetpu_compiler"
GRACE_S = 30.0
"""Seconds beyond the time limit after which the compiler is killed."""


@dataclass(frozen=True)
class Compiled:
    """The compiled model, the log of the compiler in the same folder, and a summary of the log."""

    model: Path
    log: Path
    summary: LogSummary


def compile_model(
    path: Path, folder: Path, *, min_mapped: float = 95.0, timeout_sec: int = 180, grace_s: float = GRACE_S
) -> Compiled:
    """Compile the model at `path` to `NAME_edgetpu.tflite` in `folder`, with its labels and manifest, and keep the log.

    A model without a manifest is written exactly as the compiler returned it.

    Raises MissingDependency if the compiler is not installed, and ModelError if the file is not a model or is compiled
    already. Raises ConversionError, and writes only the log, if the compiler fails or takes longer than `timeout_sec`
    seconds, if fewer than `min_mapped` percent of the operators map, or if the result does not use the Edge TPU.
    """
    compiler = shutil.which(COMPILER)
    if compiler is None:
        raise MissingDependency(
            f"{COMPILER} is not installed",
            hint="on x86-64 Debian or Ubuntu, add Google's apt repository coral-edgetpu-stable and install "
            f"edgetpu-compiler (not available for ARM); to predict the result, run: edge-cls edgetpu check {path}",
        )
    source = read_model(path)
    if compiled_for(source.network):
        raise ModelError(f"{path} is compiled for the Edge TPU already", hint="use the model before compilation")
    log = folder / f"{path.stem}_edgetpu.log"
    with tempfile.TemporaryDirectory() as scratch:
        text = _run(compiler, source, Path(scratch), timeout_sec, grace_s)
        write_whole(log, text.encode(errors="replace"))
        summary = parse_log(text)
        _check_summary(summary, text, path, log, min_mapped)
        made = _read_result(Path(scratch) / "out" / "model_edgetpu.tflite", path, log)
        target = folder / f"{path.stem}_edgetpu.tflite"
        if source.manifest is None:
            write_whole(target, made.path.read_bytes())
        else:
            # The embedding space stays that of the source, so that taught examples are valid for both.
            space = source.manifest.space or sha256(source.network)
            write_model(
                replace(source, path=target, network=made.network, manifest=replace(source.manifest, space=space))
            )
    return Compiled(target, log, summary)


def _run(compiler: str, source: ModelFile, scratch: Path, timeout_sec: int, grace_s: float) -> str:
    """Return the console output and the log of the compiler for the bare network.

    Versions of the compiler treat attached metadata differently, so it is left out.
    """
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
        console, _ = running.communicate(timeout=timeout_sec + grace_s)
        end = "" if running.returncode == 0 else f"\nCompilation failed: exit code {running.returncode}\n"
    except subprocess.TimeoutExpired as error:
        end = f"\nCompilation failed: it took longer than {timeout_sec} seconds and was killed\n"
        console = error.output or b""
    finally:
        if running.returncode is None:
            # The compiler works in a child process, which would otherwise continue.
            os.killpg(running.pid, signal.SIGKILL)
            running.communicate()
    own = out / "model_edgetpu.log"
    written = own.read_bytes() if own.is_file() else b""
    return console.decode(errors="replace") + end + "\n" + written.decode(errors="replace")


def _check_summary(summary: LogSummary, text: str, path: Path, log: Path, min_mapped: float) -> None:
    check = f"see {log}, and 'edge-cls edgetpu check {path}'"
    if not summary.compiled or "Compilation failed" in text:
        raise ConversionError(f"{path} was not compiled ({failure_reason(text)})", hint=check)
    if summary.subgraphs == 0:
        raise ConversionError(f"no operator of {path} was mapped to the Edge TPU", hint=check)
    if summary.subgraphs is None or summary.percent is None:
        raise ConversionError(
            f"the log of {COMPILER} {summary.version or '(unknown version)'} does not say how much was mapped",
            hint=f"see {log}",
        )
    if summary.percent < min_mapped:
        left = [f"{row.count} {row.operator} ({row.status})" for row in summary.rows if row.status != MAPPED]
        raise ConversionError(
            f"{summary.percent:.1f} % of the operators of {path} map to the Edge TPU, less than {min_mapped:g} %"
            + (f"; on the CPU: {', '.join(left[:4])}" if left else ""),
            hint=f"{check}, or lower --min-mapped",
        )


def _read_result(made: Path, path: Path, log: Path) -> ModelFile:
    if not made.is_file():
        raise ConversionError(f"{COMPILER} wrote no model for {path}", hint=f"see {log}")
    model = read_model(made)
    if not compiled_for(model.network):
        raise ConversionError(
            f"the model that {COMPILER} wrote for {path} does not use the Edge TPU", hint=f"see {log}"
        )
    return model
