"""Files of numpy arrays (.npz and .npy), which may be damaged."""

from __future__ import annotations

import io
import tokenize
import zipfile
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

_DAMAGE = (
    ValueError,
    LookupError,
    EOFError,
    OSError,
    MemoryError,  # a shape that no machine has room for
    RuntimeError,  # a compression or an encryption that zipfile does not know
    zipfile.BadZipFile,
    zlib.error,
    tokenize.TokenError,  # from Python 3.12 on, numpy's parser of headers lets it through
)
"""What numpy and zipfile raise for a damaged file, depending on the byte and on their versions."""


def read_arrays(content: bytes) -> dict[str, NDArray[Any]]:
    """Return the arrays in the content of a .npz file, by name. Nothing is unpickled.

    Raises ValueError if the file is damaged.
    """
    try:
        with np.lib.npyio.NpzFile(io.BytesIO(content)) as file:
            return {name: np.asarray(file[name]) for name in file.files}
    except _DAMAGE as error:
        raise ValueError(str(error) or type(error).__name__) from error


def read_array(content: bytes) -> NDArray[Any]:
    """Return the array in the content of a .npy file. Nothing is unpickled. Raises ValueError if it is damaged."""
    try:
        return np.lib.format.read_array(io.BytesIO(content), allow_pickle=False)
    except _DAMAGE as error:
        raise ValueError(str(error) or type(error).__name__) from error
