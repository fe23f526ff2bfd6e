"""Photos given to a command: all that can be read are classified, the others are named."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from edge_cls.classifier import Classifier, Prediction


def classify_photos(classifier: Classifier, photos: Sequence[Path]) -> tuple[list[tuple[Path, Prediction]], int]:
    """Return the prediction for each photo that can be read, and the exit code of the command: 0 if all of them can.

    A photo that cannot be read is reported on stderr.
    """
    from edge_cls.errors import ImageError
    from edge_cls.images.reading import read_image

    classified, code = [], 0
    for photo in photos:
        try:
            classified.append((photo, classifier.classify(read_image(photo))))
        except ImageError as error:
            typer.echo(f"error: {error}", err=True)
            code = ImageError.exit_code
    return classified, code
