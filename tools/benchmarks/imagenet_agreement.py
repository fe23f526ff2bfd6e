"""Measures how often an int8 MobileNetV2 and its float network predict the same class on ImageNet photos.

    python tools/benchmarks/imagenet_agreement.py WEIGHTS.weights.h5 VALIDATION --calibration PHOTOS

WEIGHTS is `keras.applications.MobileNetV2` with its 1000-class top layer. VALIDATION contains `images/` and
`labels.csv` with the columns `file` and `index0_999`. The calibration photos, evenly chosen from folders or tar
archives, should not overlap with the validation photos.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from edge_cls.cli.native_stderr import quiet_native_libraries


def main(
    weights: Annotated[Path, typer.Argument(help="mobilenet_v2_<alpha>_<size>....weights.h5, with the top layer.")],
    validation: Annotated[Path, typer.Argument(help="Folder with labels.csv and images/.")],
    calibration: Annotated[list[Path], typer.Option(help="Folders of photos for the quantisation ranges.")],
    images: Annotated[int, typer.Option(min=1, help="Number of calibration photos.")] = 100,
) -> None:
    """Print float and int8 top-1 accuracy, their agreement, and the effect of each correction."""
    with quiet_native_libraries():
        import keras

        from edge_cls.backends.litert import Interpreter
        from edge_cls.core.manifest import Preprocessing
        from edge_cls.images.preprocess import preprocess
        from edge_cls_tools.distillation.photo_pool import find_photos
        from edge_cls_tools.io.batches import batches, normalize
        from edge_cls_tools.quantization.convert import convert

        alpha, size = weights.name.removeprefix("mobilenet_v2_").split("_")[:2]
        side = int(size)
        whole = keras.applications.MobileNetV2(input_shape=(side, side, 3), alpha=float(alpha), weights=None)
        whole.load_weights(weights)
        outputs = {"embedding": whole.layers[-2].output, "probability": whole.output}
        contract = Preprocessing(side, side)
        pool = find_photos(calibration)
        chosen = [pool[i] for i in np.linspace(0, len(pool) - 1, min(images, len(pool))).astype(int)]
        pixels = np.stack([preprocess(photo.read(), contract) for photo in chosen])
        made = convert(keras.Model(whole.input, outputs, name="imagenet"), pixels)
        with (validation / "labels.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        truth = np.array([int(row["index0_999"]) for row in rows])
        networks = [Interpreter(network) for network in (made.float32, made.int8)]
        places = [[output.name for output in network.outputs].index("probability") for network in networks]
        predictions: list[list[int]] = [[], []]
        for batch in batches([validation / "images" / row["file"] for row in rows], contract, lambda _: None):
            for given in zip(normalize(batch), batch, strict=True):
                for which, image in enumerate(given):
                    predictions[which].append(int(networks[which].invoke(image)[places[which]].argmax()))
    exact, int8 = np.array(predictions)
    for remedy in made.remedies:
        kept = "" if remedy.kept else " (not applied)"
        typer.echo(
            f"{remedy.name}: SQNR of the embedding {remedy.without:.1f} dB without, {remedy.with_it:.1f} dB with{kept}"
        )
    typer.echo(f"float top-1 {(exact == truth).mean():.1%}, int8 top-1 {(int8 == truth).mean():.1%}")
    typer.echo(f"agreement {(exact == int8).mean():.2%} of {len(rows)} photos")


if __name__ == "__main__":
    typer.run(main)
