"""An evaluation for other programs: all numbers as JSON, and a table with every prediction."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import asdict
from pathlib import Path

from edge_cls.core.documents import with_schema
from edge_cls_tools.evaluation.comparison import Pair, compare
from edge_cls_tools.evaluation.metrics import Evaluation
from edge_cls_tools.evaluation.predictions import Predictions, readable
from edge_cls_tools.evaluation.robustness import Robustness


def evaluation_json(evaluation: Evaluation, *, robustness: Robustness | None, pair: Pair | None) -> str:
    """Return all numbers as JSON; `robustness` and `comparison` are null if they were not measured."""
    document = asdict(evaluation) | {
        "robustness": asdict(robustness) if robustness else None,
        "comparison": asdict(compare(pair)) if pair else None,
    }
    return json.dumps(with_schema(document), indent=2, ensure_ascii=False)


def predictions_csv(predictions: Predictions, data: Path) -> bytes:
    """Return a CSV line for each photo: its file below `data`, its true and predicted class and the confidence, UTF-8.

    `correct` and `unknown` are 0 or 1; `unknown` is 1 if the confidence is below the threshold in the model file.
    """
    manifest, labels = predictions.model.file.manifest, predictions.model.labels
    threshold = (manifest.unknown_below if manifest else None) or 0.0
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["file", "class", "predicted", "confidence", "correct", "unknown"])
    for photo, predicted, confidence in zip(
        predictions.photos, predictions.predicted, predictions.confidence, strict=True
    ):
        row = [labels[predicted], f"{confidence:.6f}", int(predicted == photo.label), int(confidence < threshold)]
        writer.writerow([readable(photo.path.relative_to(data)), labels[photo.label], *row])
    return text.getvalue().encode()
