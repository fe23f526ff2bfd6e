"""What `edge-cls fewshot --unknown` prints."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge_cls_tools.evaluation.open_set import FarResult, OpenSetResult

COLUMNS = ("set", "head", "taught", "shots", "right", "wrong", "unknown", "nearest", "ECE", "accepted", "same kind")
LEGEND = """\
Of photos of taught classes: named right, named wrong, and reported as unknown; nearest: the best label is right,
whatever is unknown; ECE: expected calibration error of the best score; accepted: mean score / accuracy of named ones.
Of other photos: the share that is let in (named as a taught class), and the AUROC of 'known' against taught classes;
same kind: classes of the same folder that were not taught; far: photos of quite other things, for which {requested:.1%}
was requested (--false-accept), with the ratio of the measured to the requested share."""


def open_set_lines(results: Sequence[OpenSetResult], means: Sequence[OpenSetResult]) -> Iterator[str]:
    """Yield the lines for `results`, which are at least one, and their `means` over the sets."""
    from edge_cls_tools.cli.text_table import text_table

    kinds = list(results[0].far) + [kind for kind in results[-1].far if kind not in results[0].far]
    header = (*COLUMNS, *(f"far: {kind}" for kind in kinds))
    yield from text_table([header, *(_row(one, kinds) for one in (*results, *means))])
    yield from LEGEND.format(requested=results[0].false_accept).splitlines()
    for name, taught, requested, shots in dict.fromkeys(
        (one.set, one.ways, one.requested_ways, one.shots) for one in results if one.ways < one.requested_ways
    ):
        yield (
            f"{name}: {taught} classes were taught instead of {requested}, because one of its {taught + 1} classes "
            f"with more than {shots} photos stays untaught"
        )
    if not kinds:
        yield "no far photos were shown: give more than one folder, or --far DIR"


def _row(one: OpenSetResult, kinds: Sequence[str]) -> list[str]:
    shares = (one.right, one.wrong, one.unknown, one.nearest_right)
    accepted = "-"
    if one.accepted_score is not None and one.accepted_accuracy is not None:
        accepted = f"{one.accepted_score:.2f} / {one.accepted_accuracy:.2f}"
    taught = str(one.ways) if one.ways == one.requested_ways else f"{one.ways} (not {one.requested_ways})"
    return [
        *(one.set, one.head, taught, str(one.shots)),
        *(f"{share:.1%}" for share in shares),
        *(f"{one.calibration_error:.3f}", accepted, f"{one.same_kind:.1%}, {one.auroc:.3f}"),
        *(_far(one.far[kind]) if kind in one.far else "-" for kind in kinds),
    ]


def _far(one: FarResult) -> str:
    return f"{one.let_in:.1%} (x{one.of_requested:.1f}), {one.auroc:.3f}"
