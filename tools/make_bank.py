"""Makes the bank of generic photos of backbones: into their own file, or into files of banks.

    python tools/make_bank.py PHOTOS builtin lite0-128 lite0-160 lite0-192 lite0-224 imported.tflite -o models/banks

PHOTOS was the `images` of 1,300 validation photos of ImageNet. Every second photo by name is for the banks, and 256 of
those are used, evenly spread; the other half is for measuring what the banks achieve.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edge_cls.cli.native_stderr import quiet_native_libraries


def main(
    photos: Annotated[Path, typer.Argument(help="Folder of photos.")],
    models: Annotated[list[str], typer.Argument(help="Names of backbones, or .tflite files with an embedding.")],
    target: Annotated[Path, typer.Option("-o", help="Folder to write NAME.bank to; builtin is rewritten in place.")],
) -> None:
    """Write the banks of the models."""
    with quiet_native_libraries():
        from dataclasses import replace

        from edge_cls.core.bank import MAX_PHOTOS
        from edge_cls.files import write_whole
        from edge_cls.model.backbones import load_model
        from edge_cls.model.background import BackgroundPhotos, evenly, make_bank
        from edge_cls.model.file import write_model
        from edge_cls.model.model import Model
        from edge_cls.model.names import BUILTIN

        half = sorted(path for path in photos.iterdir() if path.is_file())[::2]
        chosen = BackgroundPhotos(photos, evenly(half, MAX_PHOTOS), len(half))
        for name in models:
            model = Model(load_model(name, keep=False))
            made = make_bank(model, chosen)
            if name == BUILTIN:
                write_model(replace(model.file, encoded_bank=made.encoded))
            else:
                write_whole(target / f"{name if name.startswith('lite0') else Path(name).stem}.bank", made.encoded)
            typer.echo(f"{name}: {len(made.encoded)} bytes, {made}")


if __name__ == "__main__":
    typer.run(main)
