"""Makes models/lite0-ranges.npz: ranges of the activations of EfficientNet-Lite0, and corrections of its biases.

    python tools/calibrate_lite0.py PHOTOS -o models/lite0-ranges.npz

The sharpest of the first photos by name are used: PHOTOS was the `images` of 1,300 validation photos of ImageNet.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edge_cls.cli.native_stderr import quiet_native_libraries


def main(
    photos: Annotated[Path, typer.Argument(help="Folder of photos.")],
    target: Annotated[Path, typer.Option("-o", help="The file to write.")],
    among: Annotated[int, typer.Option(min=1, help="Number of photos to choose from, the first by name.")] = 600,
    count: Annotated[int, typer.Option(min=2, help="Number of photos to choose, the sharpest.")] = 100,
) -> None:
    """Write the calibration to a file."""
    with quiet_native_libraries():
        from edge_cls.files import write_whole
        from edge_cls.model.lite0.calibrated import dump_calibrated
        from edge_cls.model.lite0.weights import read_weights, weights_path
        from edge_cls_tools.quantization.lite0 import calibrate, sharpest

        chosen = sharpest(sorted(path for path in photos.iterdir() if path.is_file())[:among], count)
        content = dump_calibrated(calibrate(read_weights(weights_path()), chosen))
        write_whole(target, content)
    typer.echo(f"{target}: {len(content)} bytes, from {len(chosen)} photos")


if __name__ == "__main__":
    typer.run(main)
