"""`edge-cls evaluate`: how good a model is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge_cls.cli.native_stderr import quiet_native_libraries
from edge_cls.cli.options import JsonOption

if TYPE_CHECKING:
    from rich.console import Console

    from edge_cls_tools.evaluation.comparison import PairedComparison
    from edge_cls_tools.evaluation.metrics import Evaluation
    from edge_cls_tools.evaluation.robustness import Robustness


def evaluate(
    model: Annotated[Path, typer.Argument(readable=False, help="The .tflite model.", show_default=False)],
    data: Annotated[
        Path, typer.Argument(readable=False, help="A folder a class; a test folder in it counts.", show_default=False)
    ],
    report: Annotated[
        Path | None,
        typer.Option(
            readable=False,
            metavar="DIR",
            help="Write index.html, evaluation.json and predictions.csv.",
            show_default=False,
        ),
    ] = None,
    robustness: Annotated[bool, typer.Option("--robustness", help="Measure on changed photos too.")] = False,
    robustness_photos: Annotated[int, typer.Option(min=1, metavar="N", help="... of this many at most.")] = 200,
    compare: Annotated[
        Path | None,
        typer.Option(readable=False, metavar="MODEL", help="Another model, on the same photos.", show_default=False),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(readable=False, help="The labels file of a model that has none inside.", show_default=False),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Measure an int8 model on photos it has not learnt from."""
    with quiet_native_libraries():
        from edge_cls.files import write_whole
        from edge_cls.model.labels_file import read_labels
        from edge_cls_tools.cli.progress import progress_display
        from edge_cls_tools.evaluation.comparison import check_same_labels, predict_missing
        from edge_cls_tools.evaluation.comparison import compare as compare_answers
        from edge_cls_tools.evaluation.files import evaluation_json, make_folder, predictions_csv
        from edge_cls_tools.evaluation.metrics import evaluation_of
        from edge_cls_tools.evaluation.predictions import load_classifier, photos_for, predict, unseen
        from edge_cls_tools.evaluation.robustness import measure_robustness

        given = read_labels(labels) if labels else ()
        classifier = load_classifier(model, labels=given)
        other = load_classifier(compare, labels=given) if compare else None
        if other:
            check_same_labels(classifier, other)
        photos = photos_for(classifier, data)
        if report:
            make_folder(report)
        new = unseen(photos, classifier)
        with progress_display() as display:
            task = display.add_task("classifying", total=len(new), note="")
            predictions = predict(classifier, new, advance=lambda count: display.advance(task, count))
            evaluation = evaluation_of(predictions, left_out=len(photos) - len(new))
            pair = damage = None
            if other:
                compared = display.add_task("comparing", total=len(new), note="")
                pair = predict_missing(other, predictions, advance=lambda count: display.advance(compared, count))
            if robustness:
                changed = display.add_task("changing photos", total=min(len(new), robustness_photos), note="")
                damage = measure_robustness(
                    classifier, new, limit=robustness_photos, advance=lambda count: display.advance(changed, count)
                )
        document = evaluation_json(evaluation, robustness=damage, pair=pair)
        if report:
            from edge_cls_tools.report.evaluation_page import evaluation_page

            page = evaluation_page(evaluation, predictions, data, robustness=damage, pair=pair)
            write_whole(report / "evaluation.json", f"{document}\n".encode())
            write_whole(report / "predictions.csv", predictions_csv(predictions, data))
            write_whole(report / "index.html", page)
    if as_json:
        typer.echo(document)
        return
    from rich.console import Console

    console = Console()
    _show(console, evaluation)
    if damage:
        _show_robustness(console, damage)
    if pair:
        _show_comparison(console, compare_answers(pair))
    if report:
        console.print(f"report: {report / 'index.html'}", soft_wrap=True, markup=False, highlight=False)


def _show(console: Console, evaluation: Evaluation) -> None:
    from rich.markup import escape
    from rich.table import Table

    left_out = f" ({evaluation.left_out} it was trained on are left out)" if evaluation.left_out else ""
    console.print(f"{evaluation.photos} photos{left_out}")
    low, high = evaluation.accuracy_ci95
    console.print(f"accuracy {evaluation.accuracy:.1%} ({low:.1%} to {high:.1%}), top-5 {evaluation.top5_accuracy:.1%}")
    before = (
        f" ({evaluation.uncalibrated_calibration_error:.3f} before temperature {evaluation.temperature:.2f})"
        if evaluation.temperature != 1
        else ""
    )
    console.print(f"expected calibration error {evaluation.expected_calibration_error:.3f}{before}")
    if evaluation.known:
        right = "" if evaluation.known.accuracy is None else f", and {evaluation.known.accuracy:.1%} of these are right"
        console.print(
            f"{evaluation.known.share:.1%} are known (confidence {evaluation.known.threshold:.2f} or more){right}"
        )
    table = Table("class", "precision", "recall", "F1", "photos", "most often taken for")
    for index, (label, row) in enumerate(zip(evaluation.labels, evaluation.confusion, strict=True)):
        if not (sum(row) or any(other[index] for other in evaluation.confusion)):
            continue  # of a thousand classes only those that are shown or named
        metrics = evaluation.classes[label]
        count, other = max(((count, other) for other, count in enumerate(row) if other != index), default=(0, index))
        shares = (f"{metrics.precision:.1%}", f"{metrics.recall:.1%}", f"{metrics.f1:.1%}", str(metrics.photos))
        table.add_row(escape(label), *shares, f"{escape(evaluation.labels[other])} ({count})" if count else "")
    console.print(table)


def _show_robustness(console: Console, robustness: Robustness) -> None:
    from rich.table import Table

    sample = f" (a sample of {robustness.available})" if robustness.photos < robustness.available else ""
    console.print(
        f"robustness, on {robustness.photos} photos{sample}: {robustness.clean_accuracy:.1%} as they are, "
        f"{robustness.mean_accuracy:.1%} changed, on average"
    )
    table = Table("change", *(f"{strength}" for strength in range(1, 6)), "from weak to strong")
    for name, damage in robustness.kinds.items():
        span = f"{damage.strengths[0]:g} to {damage.strengths[-1]:g} {damage.unit}"
        table.add_row(name, *(f"{accuracy:.1%}" for accuracy in damage.accuracy), span)
    console.print(table)


def _show_comparison(console: Console, comparison: PairedComparison) -> None:
    low, high = comparison.difference_ci95
    console.print(
        f"against {comparison.other}, on {comparison.photos} photos that neither has learnt from: "
        f"{comparison.accuracy:.1%} and {comparison.other_accuracy:.1%}",
        soft_wrap=True,
        markup=False,
    )
    console.print(
        f"difference {100 * comparison.difference:+.1f} points ({100 * low:+.1f} to {100 * high:+.1f}); "
        f"right alone: {comparison.only_model} and {comparison.only_other}; "
        f"p = {comparison.p_value:.3g} ({comparison.test})",
        soft_wrap=True,
    )
