"""Compares the inference times of two models.

    python tools/benchmarks/invoke_ratio.py models/edge-embed.tflite tf2_mobilenet_v2_1.0_224_ptq.tflite

The models are invoked in turn on one thread, so that other load on the machine slows both. The result is the ratio of
the median times.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from edge_cls.backends.litert import Interpreter
from edge_cls.cli.native_stderr import quiet_native_libraries
from edge_cls.model.file import read_model


def main(
    model: Annotated[Path, typer.Argument(help="A .tflite file.")],
    other: Annotated[Path, typer.Argument(help="The .tflite file to compare with.")],
    rounds: Annotated[int, typer.Option(min=10, help="Number of invokes of each model.")] = 300,
) -> None:
    """Print the ratio of the median invoke times."""
    with quiet_native_libraries():
        interpreters = [Interpreter(read_model(path).network, threads=1) for path in (model, other)]
    rng = np.random.default_rng(0)
    frames = [rng.integers(0, 256, interpreter.input.shape[1:], np.uint8) for interpreter in interpreters]
    seconds = np.empty((rounds, 2))
    for turn in seconds:
        for i, (interpreter, frame) in enumerate(zip(interpreters, frames, strict=True)):
            start = time.perf_counter()
            interpreter.invoke(frame)
            turn[i] = time.perf_counter() - start
    ours, others = np.median(seconds[rounds // 10 :], axis=0)
    typer.echo(f"{model.name} takes {ours / others:.3f} of the time of {other.name} (medians of {rounds} invokes)")


if __name__ == "__main__":
    typer.run(main)
