"""Measures how close the int8 EfficientNet-Lite0 is to its float network, on photos that did not calibrate it.

    python tools/benchmarks/lite0_fidelity.py VALIDATION --sizes 160,224

VALIDATION contains `images/` and `labels.csv` with the columns `file` and `index0_999`. The calibration used photos of
the first 600; `--skip` leaves them out. The classes come from the float class layer of the published weights, on the
embedding of both networks.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from edge_cls.cli.native_stderr import quiet_native_libraries


def main(
    validation: Annotated[Path, typer.Argument(help="Folder with labels.csv and images/.")],
    sizes: Annotated[str, typer.Option(help="Sides of the input in pixels, separated by commas.")] = "160,224",
    skip: Annotated[int, typer.Option(min=0, help="Photos to leave out, the first by name.")] = 600,
    count: Annotated[int, typer.Option(min=1, help="Photos to measure.")] = 600,
) -> None:
    """Print the SQNR of the embedding, and the top-1 accuracy of both networks."""
    with quiet_native_libraries():
        from edge_cls.backends.litert import Interpreter
        from edge_cls.core.quantization import dequantize
        from edge_cls.model.builtin import builtin_file
        from edge_cls.model.lite0.build import contract
        from edge_cls.model.lite0.calibrated import RANGES_FILE, load_calibrated
        from edge_cls.model.lite0.quantized import quantized_network
        from edge_cls.model.lite0.weights import read_weights, weights_path
        from edge_cls_tools.io.batches import batches
        from edge_cls_tools.quantization.layer_noise import sqnr
        from edge_cls_tools.quantization.lite0 import float_network, normalized

        tensors = read_weights(weights_path())
        calibrated = load_calibrated(builtin_file(RANGES_FILE).read_bytes())
        with (validation / "labels.csv").open(newline="") as file:
            rows = sorted(csv.DictReader(file), key=lambda row: row["file"])[skip : skip + count]
        truth = np.array([int(row["index0_999"]) for row in rows])
        paths = [validation / "images" / row["file"] for row in rows]
        for size in map(int, sizes.split(",")):
            exact = Interpreter(float_network(tensors, size))
            int8 = Interpreter(quantized_network(tensors, calibrated, size))
            output = int8.outputs[0]
            pairs = [
                (
                    exact.invoke(normalized(pixels))[0].reshape(-1),
                    dequantize(int8.invoke(pixels)[0].reshape(-1), output.scale, output.zero_point),
                )
                for batch in batches(paths, contract(size), lambda _: None)
                for pixels in batch
            ]
            embeddings = [np.stack(part).astype(np.float64) for part in zip(*pairs, strict=True)]
            noise = sqnr(float(np.sum(embeddings[0] ** 2)), float(np.sum((embeddings[1] - embeddings[0]) ** 2)))
            found = [np.argmax(part @ tensors["_fc.weight"].T + tensors["_fc.bias"], axis=1) for part in embeddings]
            typer.echo(
                f"{size} px, {len(rows)} photos: SQNR {noise:.2f} dB, top-1 float {(found[0] == truth).mean():.2%}, "
                f"int8 {(found[1] == truth).mean():.2%}, agreement {(found[0] == found[1]).mean():.2%}"
            )


if __name__ == "__main__":
    typer.run(main)
