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

        from edge_cls.core.bank import MAX_PHOTOS, Bank
        from edge_cls.files import write_whole
        from edge_cls.model.backbones import load_model
        from edge_cls.model.background import bank_of_photos, evenly
        from edge_cls.model.file import write_model
        from edge_cls.model.model import Model
        from edge_cls.model.names import BUILTIN

        chosen = evenly(sorted(path for path in photos.iterdir() if path.is_file())[::2], MAX_PHOTOS)
        for name in models:
            model = Model(load_model(name, keep=False))
            made = bank_of_photos(model, chosen, place=str(photos))
            if name == BUILTIN:
                write_model(replace(model.file, encoded_bank=made.encoded))
            else:
                write_whole(target / f"{name if name.startswith('lite0') else Path(name).stem}.bank", made.encoded)
            distance = Bank.decode(made.encoded).distance
            typer.echo(f"{name}: {made.photos} photos, {len(made.encoded)} bytes, median distance {distance:.3f}")


if __name__ == "__main__":
    typer.run(main)
