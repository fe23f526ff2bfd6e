"""An evaluation for other programs: the JSON of the numbers, and a table of every answer."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import asdict
from pathlib import Path

from edge_cls.errors import OutputError
from edge_cls_tools.evaluation.comparison import Pair, compare
from edge_cls_tools.evaluation.metrics import Evaluation
from edge_cls_tools.evaluation.predictions import Predictions, readable
from edge_cls_tools.evaluation.robustness import Robustness


def evaluation_json(evaluation: Evaluation, *, robustness: Robustness | None, pair: Pair | None) -> str:
    """Return all numbers; what was not asked for is null."""
    document = asdict(evaluation) | {
        "robustness": asdict(robustness) if robustness else None,
        "comparison": asdict(compare(pair)) if pair else None,
    }
    return json.dumps(document, indent=2, ensure_ascii=False)


def predictions_csv(predictions: Predictions, data: Path) -> bytes:
    """Return a line for each photo: its file below `data`, its class, and what the model says, UTF-8."""
    manifest, labels = predictions.model.file.manifest, predictions.model.labels
    floor = (manifest.unknown_below if manifest else None) or 0.0
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["file", "class", "predicted", "confidence", "correct", "unknown"])
    for photo, predicted, confidence in zip(
        predictions.photos, predictions.predicted, predictions.confidence, strict=True
    ):
        said = [labels[predicted], f"{confidence:.6f}", int(predicted == photo.label), int(confidence < floor)]
        writer.writerow([readable(photo.path.relative_to(data)), labels[photo.label], *said])
    return text.getvalue().encode()


def make_folder(folder: Path) -> None:
    """Make the folder of a report: before the measuring, so that a mistake costs no time. Raises OutputError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder} cannot be made ({error.strerror})", hint="name a folder for --report") from error
