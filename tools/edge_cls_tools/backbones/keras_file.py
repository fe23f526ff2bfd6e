"""Loading Keras networks from files, which may be damaged or of another format."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from edge_cls.errors import ModelError

if TYPE_CHECKING:
    import keras

_LOAD_ERRORS = (OSError, ValueError, TypeError, LookupError, EOFError, zipfile.BadZipFile, zlib.error)
"""The errors that Keras raises for damaged files and other formats."""


def load_keras(path: Path, *, hint: str) -> keras.Model:
    """Return the network at `path`. Raises ModelError, with `hint`, if it cannot be loaded."""
    import keras

    try:
        return keras.saving.load_model(path, compile=False)
    except _LOAD_ERRORS as error:
        raise ModelError(f"{path} cannot be loaded as a Keras model ({error})", hint=hint) from error
