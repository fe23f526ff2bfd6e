"""Labels files: one label a line."""

from __future__ import annotations

from pathlib import Path

from edge_cls.core.labels import parse_labels
from edge_cls.errors import LabelError
from edge_cls.files import open_regular

_MAX_LABELS_FILE = 2**20


def read_labels(path: Path) -> tuple[str, ...]:
    """Return the labels of a `labels.txt`, by index. Raises LabelError where it cannot be read or makes no sense."""
    try:
        with open_regular(path, limit=_MAX_LABELS_FILE) as file:
            return parse_labels(file.read().decode())
    except FileNotFoundError:
        raise LabelError(f"{path} does not exist", hint="give the labels file of the model") from None
    except OSError as error:
        raise LabelError(
            f"{path} cannot be read ({error.strerror})", hint="give a text file, one label a line"
        ) from error
    except UnicodeDecodeError as error:
        raise LabelError(f"{path} is no text file of labels ({error})", hint="write one label a line, UTF-8") from error
    except LabelError as error:
        raise LabelError(f"{path}: {error.message}", hint=error.hint) from error
