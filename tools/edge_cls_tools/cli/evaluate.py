"""`edge-cls evaluate`: measure a model on photos."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge_cls.cli.native_stderr import quiet_native_libraries
from edge_cls.cli.options import JsonOption, LabelsOption, ModelArgument

if TYPE_CHECKING:
    from edge_cls_tools.evaluation.comparison import PairedComparison
    from edge_cls_tools.evaluation.metrics import Evaluation
    from edge_cls_tools.evaluation.robustness import Robustness


def evaluate(
    model: ModelArgument,
    data: Annotated[
        Path,
        typer.Argument(
            metavar="FOLDER",
            readable=False,
            help="A folder per class; if it has a test folder, only that is used.",
            show_default=False,
        ),
    ],
    report: Annotated[
        Path | None,
        typer.Option(
            readable=False,
            metavar="FOLDER",
            help="Write index.html, evaluation.json and predictions.csv to this folder.",
            show_default=False,
        ),
    ] = None,
    robustness: Annotated[
        bool, typer.Option("--robustness", help="Measure the accuracy on corrupted photos too.")
    ] = False,
    robustness_photos: Annotated[
        int, typer.Option(min=1, metavar="N", help="Most photos to use for --robustness.")
    ] = 200,
    compare: Annotated[
        Path | None,
        typer.Option(
            readable=False,
            metavar="MODEL",
            help="Compare with this model on the same photos.",
            show_default=False,
        ),
    ] = None,
    labels: LabelsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure an int8 model on photos that it was not trained on.

    Example:
      edge-cls evaluate model.tflite photos --report report
    """
    with quiet_native_libraries():
        from edge_cls_tools.cli.progress import progress_display
        from edge_cls_tools.evaluation.comparison import compare as compare_pair
        from edge_cls_tools.evaluation.files import evaluation_json
        from edge_cls_tools.evaluation.job import prepare_evaluation

        job = prepare_evaluation(model, data, labels=labels, compare=compare)
        if report:
            from edge_cls_tools.report.evaluation_report import make_report_folder, write_evaluation_report

            make_report_folder(report)
        with progress_display() as display:
            result = job.run(display, robustness_photos=robustness_photos if robustness else None)
        if report:
            page = write_evaluation_report(report, result)
    if as_json:
        typer.echo(evaluation_json(result.evaluation, robustness=result.robustness, pair=result.pair))
        return
    _print_evaluation(result.evaluation)
    if result.robustness:
        _print_robustness(result.robustness)
    if result.pair:
        _print_comparison(compare_pair(result.pair))
    if report:
        typer.echo(f"report: {page}")


def _print_evaluation(evaluation: Evaluation) -> None:
    from edge_cls_tools.cli.text_table import text_table

    left_out = f" ({evaluation.left_out} training photos are left out)" if evaluation.left_out else ""
    typer.echo(f"{evaluation.photos} photos{left_out}")
    low, high = evaluation.accuracy_ci95
    typer.echo(f"accuracy {evaluation.accuracy:.1%} ({low:.1%} to {high:.1%}), top-5 {evaluation.top5_accuracy:.1%}")
    before = (
        f" ({evaluation.uncalibrated_calibration_error:.3f} before temperature {evaluation.temperature:.2f})"
        if evaluation.temperature != 1
        else ""
    )
    typer.echo(f"expected calibration error {evaluation.expected_calibration_error:.3f}{before}")
    if known := evaluation.known:
        accuracy = "" if known.accuracy is None else f", accuracy on these {known.accuracy:.1%}"
        typer.echo(f"coverage {known.share:.1%} at the model's threshold of confidence {known.threshold:.2f}{accuracy}")
    rows = [("class", "precision", "recall", "F1", "photos", "most often confused with")]
    for index, (label, row) in enumerate(zip(evaluation.labels, evaluation.confusion, strict=True)):
        if not (sum(row) or any(other[index] for other in evaluation.confusion)):
            continue  # of a thousand classes, only those that are among the true or predicted labels
        metrics = evaluation.classes[label]
        count, other = max(((count, other) for other, count in enumerate(row) if other != index), default=(0, index))
        numbers = (f"{metrics.precision:.1%}", f"{metrics.recall:.1%}", f"{metrics.f1:.1%}", str(metrics.photos))
        rows.append((label, *numbers, f"{evaluation.labels[other]} ({count})" if count else ""))
    for line in text_table(rows):
        typer.echo(line)


def _print_robustness(robustness: Robustness) -> None:
    from edge_cls_tools.cli.text_table import text_table

    sample = f" (a sample of {robustness.available})" if robustness.photos < robustness.available else ""
    typer.echo(
        f"robustness on {robustness.photos} photos{sample}: {robustness.clean_accuracy:.1%} unchanged, "
        f"{robustness.mean_accuracy:.1%} corrupted (mean over all kinds and severities)"
    )
    rows = [("corruption", *(f"{severity}" for severity in range(1, 6)), "severity 1 to 5")]
    for name, kind in robustness.kinds.items():
        span = f"{kind.strengths[0]:g} to {kind.strengths[-1]:g} {kind.unit}"
        rows.append((name, *(f"{accuracy:.1%}" for accuracy in kind.accuracy), span))
    for line in text_table(rows):
        typer.echo(line)


def _print_comparison(comparison: PairedComparison) -> None:
    low, high = comparison.difference_ci95
    typer.echo(
        f"against {comparison.other}, on {comparison.photos} photos that neither was trained on: "
        f"{comparison.accuracy:.1%} and {comparison.other_accuracy:.1%}"
    )
    typer.echo(
        f"difference {100 * comparison.difference:+.1f} points ({100 * low:+.1f} to {100 * high:+.1f}); "
        f"only one correct: {comparison.only_model} and {comparison.only_other}; "
        f"p = {comparison.p_value:.3g} ({comparison.test})"
    )
