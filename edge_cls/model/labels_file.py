"""Read labels files."""

from __future__ import annotations

from pathlib import Path

from edge_cls.core.labels import parse_labels
from edge_cls.errors import LabelError
from edge_cls.files import open_regular

_MAX_LABELS_FILE = 2**20
"""Bytes of the largest labels file that is read."""


def read_labels(path: Path) -> tuple[str, ...]:
    """Return the labels of a `labels.txt`, by index. Raises LabelError if it cannot be read or is not valid."""
    try:
        with open_regular(path, limit=_MAX_LABELS_FILE) as file:
            return parse_labels(file.read().decode())
    except FileNotFoundError:
        raise LabelError(f"{path} does not exist", hint="give the labels file of the model") from None
    except OSError as error:
        raise LabelError(
            f"{path} cannot be read ({error.strerror})", hint="give a text file with one label per line"
        ) from error
    except UnicodeDecodeError as error:
        raise LabelError(
            f"{path} is not a UTF-8 text file ({error})", hint="write one label per line, UTF-8"
        ) from error
    except LabelError as error:
        raise LabelError(f"{path}: {error.message}", hint=error.hint) from error
