"""Keras networks in files, of ours or of somebody else."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from edge_cls.errors import ModelError

if TYPE_CHECKING:
    import keras

_FAULTS = (OSError, ValueError, TypeError, LookupError, EOFError, zipfile.BadZipFile, zlib.error)
"""What Keras raises for files that are damaged, or not its own."""


def load_keras(path: Path, *, hint: str) -> keras.Model:
    """Return the network at `path`. Raises ModelError, with `hint`, where it cannot be loaded."""
    import keras

    try:
        return keras.saving.load_model(path, compile=False)
    except _FAULTS as error:
        raise ModelError(f"{path} is no Keras model that can be loaded ({error})", hint=hint) from error
