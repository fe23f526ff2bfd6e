"""What tests/lanes/test_aarch64.py runs on aarch64: builds a backbone, teaches, and makes a model of what was taught.

Nothing of the tests' libraries is installed there.
"""

from __future__ import annotations

import json
import os
import platform
import time
from pathlib import Path

import numpy as np
import typer

from edge_cls import Classifier
from edge_cls.images.preprocess import Frame
from edge_cls.model.backbones import read_backbone
from edge_cls.tflite.content import content_sha256
from edge_cls_tools.cli.train import train

PATTERNS = ("rows", "columns", "squares")
BACKBONE = "lite0-160"


def picture(pattern: str, number: int) -> Frame:
    """Return a pattern in two random colours, with a random period: uint8 (160, 160, 3)."""
    rng = np.random.default_rng([number, *pattern.encode()])
    period = int(rng.integers(12, 40))
    wave = np.arange(160) // period % 2
    rows, columns = np.meshgrid(wave, wave, indexing="ij")
    mask = {"rows": rows, "columns": columns, "squares": rows ^ columns}[pattern]
    colors = rng.integers(0, 256, (2, 3))
    return np.asarray(np.clip(colors[mask] + rng.normal(0, 12, (160, 160, 3)), 0, 255), np.uint8)


def main(folder: Path) -> None:
    """Do everything with files in `folder`. The last line on stdout is JSON; times are seconds of the processor."""
    os.environ["XDG_CACHE_HOME"] = str(folder)
    start = time.process_time()
    backbone = read_backbone(BACKBONE)
    built = time.process_time()
    memory, model = folder / "taught.db", folder / "taught.tflite"
    with Classifier(BACKBONE, memory=memory) as classifier:
        for number in range(6):
            for pattern in PATTERNS:
                classifier.teach(pattern, picture(pattern, number))
    taught = time.process_time()
    app = typer.Typer(add_completion=False)
    app.command()(train)
    app(["--from-memory", str(memory), "--out", str(model)], standalone_mode=False)
    trained = time.process_time()
    with Classifier(model) as classifier:
        asked = [(pattern, number) for pattern in PATTERNS for number in (100, 101)]
        predicted = [classifier.classify(picture(*one)).predictions[0].label for one in asked]
    right = [label == pattern for label, (pattern, _) in zip(predicted, asked, strict=True)]
    results = {
        "machine": platform.machine(),
        "space": backbone.manifest.space if backbone.manifest else "",
        "content": content_sha256(backbone.network, "embedding"),
        "right": sum(right),
        "seconds": {"build": built - start, "train": trained - taught},
    }
    typer.echo(json.dumps(results))
