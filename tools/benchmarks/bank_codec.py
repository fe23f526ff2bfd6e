"""Measures the loss by the encoding of a bank of generic photos, and the effect of the number of its photos.

    python tools/benchmarks/bank_codec.py PHOTOS builtin lite0-160

Every second photo of PHOTOS is for banks, and the others are asked. For each encoding it prints its bytes, the mean
cosine of an encoded embedding to the exact one, and by how much the largest cosine of a photo to the bank changes: mean
and standard deviation. The last column is how far the share of photos above a threshold is from the stated 5 %, as root
mean square over trials: 15 photos are taught, and the threshold is what 5 % of a random bank exceed.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from edge_cls.cli.native_stderr import quiet_native_libraries
from edge_cls.core.bank import Bank
from edge_cls.core.unit_vectors import unit_rows
from edge_cls.model.backbones import load_model
from edge_cls.model.background import evenly
from edge_cls.model.model import Model

Rows = NDArray[np.float32]
STATED, TAUGHT = 0.05, 15


def plain(bits: int) -> Callable[[Rows], tuple[Rows, int]]:
    """Return the encoding of square roots in `bits` bits each: it returns unit vectors, and its bytes."""

    def encode(rows: Rows) -> tuple[Rows, int]:
        steps = 2**bits - 1
        roots = np.sqrt(rows / rows.max(axis=1, keepdims=True))
        return unit_rows((np.rint(roots * steps) / steps) ** 2), rows.size * bits // 8

    return encode


def shipped(rows: Rows) -> tuple[Rows, int]:
    """Return the unit vectors of an encoded bank, and its bytes."""
    encoded = Bank(rows).encode()
    return Bank.decode(encoded).units, len(encoded)


ENCODINGS: tuple[tuple[str, int, Callable[[Rows], tuple[Rows, int]]], ...] = (
    ("4 bits", 128, plain(4)),
    ("2 bits", 256, plain(2)),
    ("Bank.encode", 256, shipped),
    ("exact", 256, lambda rows: (unit_rows(rows), rows.nbytes)),
)


def main(
    photos: Annotated[Path, typer.Argument(help="Folder of photos of quite different things.")],
    models: Annotated[list[str], typer.Argument(help="Backbones whose embeddings are not negative.")],
    trials: Annotated[int, typer.Option(min=1, help="Random banks and taught photos for the rate.")] = 200,
) -> None:
    """Print a row for each model and encoding."""
    paths = sorted(path for path in photos.iterdir() if path.is_file())
    typer.echo("model         encoding     photos   bytes  cosine  closest          off the stated 5 %")
    for name in models:
        with quiet_native_libraries():
            model = Model(load_model(name))
        embeddings = np.stack([model.embed(path.read_bytes()).dequantize() for path in paths])
        for label, count, encode in ENCODINGS:
            half, asked = embeddings[::2], unit_rows(embeddings[1::2])
            chosen = half[evenly(range(len(half)), count)]
            units, size = encode(chosen)
            exact = unit_rows(chosen)
            change = (asked @ units.T).max(axis=1) - (asked @ exact.T).max(axis=1)
            cosine = float((units * exact).sum(axis=1).mean())
            closest = f"{change.mean():+.4f} ± {change.std():.4f}"
            off = _off(half, asked, min(count, len(half)), encode, trials)
            typer.echo(f"{name:13} {label:12} {count:6} {size:7} {cosine:7.4f}  {closest} {off:8.2%}")


def _off(half: Rows, asked: Rows, count: int, encode: Callable[[Rows], Any], trials: int) -> float:
    """Return the root mean square difference of the rate of asked photos above the threshold from the stated one."""
    random = np.random.default_rng(0)
    errors = []
    for _ in range(trials):
        units = encode(half[random.permutation(len(half))[:count]])[0]
        order = random.permutation(len(asked))
        taught, others = asked[order[:TAUGHT]], asked[order[TAUGHT:]]
        threshold = np.quantile((units @ taught.T).max(axis=1), 1 - STATED)
        errors.append(((others @ taught.T).max(axis=1) > threshold).mean() - STATED)
    return float(np.sqrt(np.mean(np.square(errors))))


if __name__ == "__main__":
    typer.run(main)
