"""The mean of open-set results over the data sets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from statistics import fmean

from edge_cls_tools.evaluation.open_set import FarResult, OpenSetResult

MEAN = "mean"
"""The name of the set in a mean."""


def means_over_sets(results: Sequence[OpenSetResult]) -> list[OpenSetResult]:
    """Return the mean over the sets for each head, number of requested ways, and number of shots.

    The set of a mean is MEAN. `ways` are the requested ones, and `untaught` is the smallest number. A score or accuracy
    that a set lacks is left out of the mean. There are no means if there is only one set.
    """
    cells: dict[tuple[str, int, int], list[OpenSetResult]] = {}
    for one in results:
        cells.setdefault((one.head, one.requested_ways, one.shots), []).append(one)
    return [mean_of(cell) for cell in cells.values() if len(cell) > 1]


def mean_of(results: Sequence[OpenSetResult]) -> OpenSetResult:
    """Return the mean of `results`, which are at least one: see `means_over_sets`."""
    first = results[0]
    means: dict[str, float | None] = {}
    for field in fields(OpenSetResult):
        values = [getattr(one, field.name) for one in results]
        numbers = [value for value in values if isinstance(value, float)]
        if numbers or None in values:
            means[field.name] = fmean(numbers) if numbers else None
    far = {kind: _mean_far([one.far[kind] for one in results if kind in one.far]) for kind in first.far}
    untaught = min(one.untaught for one in results)
    return replace(first, set=MEAN, ways=first.requested_ways, untaught=untaught, far=far, **means)  # type: ignore[arg-type]


def _mean_far(results: Sequence[FarResult]) -> FarResult:
    return FarResult(
        fmean(one.let_in for one in results),
        fmean(one.of_requested for one in results),
        fmean(one.auroc for one in results),
    )
