"""The folder of an evaluation: the page, the numbers as JSON, and a table with every prediction."""

from __future__ import annotations

from pathlib import Path

from edge_cls.errors import OutputError
from edge_cls.files import write_whole
from edge_cls_tools.evaluation.files import evaluation_json, predictions_csv
from edge_cls_tools.evaluation.job import EvaluationResult
from edge_cls_tools.report.evaluation_page import evaluation_page


def make_report_folder(folder: Path) -> None:
    """Create the folder of a report. Call it before the measurement, so that a mistake costs no time.

    Raises OutputError if it cannot be created.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"{folder} cannot be created ({error.strerror})", hint="name a folder for --report"
        ) from error


def write_evaluation_report(folder: Path, result: EvaluationResult) -> Path:
    """Write index.html, evaluation.json and predictions.csv to `folder`, and return the path of the page.

    Raises OutputError if a file cannot be written.
    """
    evaluation, predictions, data = result.evaluation, result.predictions, result.data
    html = evaluation_page(evaluation, predictions, data, robustness=result.robustness, pair=result.pair)
    numbers = evaluation_json(evaluation, robustness=result.robustness, pair=result.pair)
    write_whole(folder / "evaluation.json", f"{numbers}\n".encode())
    write_whole(folder / "predictions.csv", predictions_csv(predictions, data))
    write_whole(folder / "index.html", html)
    return folder / "index.html"
