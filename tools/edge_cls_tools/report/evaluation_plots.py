"""The plots of an evaluation, in colours that colour-blind people can distinguish (Okabe and Ito, 2008)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray

from edge_cls_tools.evaluation.metrics import ClassMetrics
from edge_cls_tools.evaluation.reliability import BINS, Bin, CoveragePoint
from edge_cls_tools.evaluation.robustness import Robustness

BLUE, ORANGE, GREY = "#0072b2", "#d55e00", "#8a949e"
WITH_NUMBERS = 20
"""Most classes for which the cells of a confusion matrix show their counts."""


def confusion_plot(labels: Sequence[str], confusion: NDArray[np.int64]) -> Figure:
    """Return the confusion matrix, int (classes, classes), true labels by row, as shares of the photos of each row."""
    count = len(labels)
    side = max(4.0, min(11.0, 0.75 * count if count <= WITH_NUMBERS else 0.16 * count))
    figure = Figure(figsize=(side + 1, side))
    axes = figure.subplots()
    shares = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    size = 9 if count <= WITH_NUMBERS else max(4.5, 600 / count / 1.3)
    names = [_short(label) for label in labels]
    slant = 40 if count <= WITH_NUMBERS else 90
    axes.set_xticks(range(count), names, rotation=slant, ha="right", va="center", rotation_mode="anchor", fontsize=size)
    axes.set_yticks(range(count), names, fontsize=size)
    axes.tick_params(length=0)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    axes.spines[:].set_visible(False)
    if count <= WITH_NUMBERS:
        for row, column in np.argwhere(confusion):
            color = "white" if shares[row, column] > 0.5 else "black"
            axes.text(column, row, str(confusion[row, column]), ha="center", va="center", color=color, fontsize=size)
    bar = figure.colorbar(image, ax=axes, fraction=0.04, pad=0.02, format=PercentFormatter(1))
    bar.outline.set_visible(False)
    return figure


def classes_plot(classes: dict[str, ClassMetrics]) -> Figure:
    """Return precision and recall of each class as bars, the best F1 at the top."""
    ranked = sorted(classes.items(), key=lambda item: item[1].f1)
    figure = Figure(figsize=(8, 0.9 + 0.34 * len(ranked)))
    axes = figure.subplots()
    rows = np.arange(len(ranked))
    axes.barh(rows + 0.19, [one.precision for _, one in ranked], 0.36, color=BLUE, label="precision")
    axes.barh(rows - 0.19, [one.recall for _, one in ranked], 0.36, color=ORANGE, label="recall")
    axes.set_yticks(rows, [f"{_short(label)} ({one.photos})" for label, one in ranked])
    axes.set_ylim(-0.6, len(ranked) - 0.4)
    _percent(axes, "x")
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, frameon=False)
    return figure


def reliability_plot(before: Sequence[Bin], after: Sequence[Bin], errors: tuple[float, float]) -> Figure:
    """Return the reliability diagrams of the raw and of the calibrated probabilities, with their calibration errors."""
    figure = Figure(figsize=(9, 4.6))
    grid = figure.subplots(2, 2, sharex=True, sharey="row", height_ratios=(4, 1))
    edges = np.arange(BINS) / BINS
    names = ("before calibration", "after calibration")
    for (top, bottom), bins, name, error in zip(grid.T, (before, after), names, errors, strict=True):
        total = sum(one.photos for one in bins)
        top.bar(edges, [one.accuracy for one in bins], 1 / BINS, align="edge", color=BLUE, edgecolor="white")
        full = [one for one in bins if one.photos]
        top.plot([one.confidence for one in full], [one.accuracy for one in full], "o", color=ORANGE, markersize=4)
        top.plot([0, 1], [0, 1], "--", color=GREY, linewidth=1)
        top.set_title(f"{name}: ECE {error:.3f}", fontsize=11)
        bottom.bar(edges, [one.photos / total for one in bins], 1 / BINS, align="edge", color=GREY, edgecolor="white")
        bottom.set_xlabel("confidence")
        _percent(top, "y")
        bottom.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        bottom.spines[["top", "right"]].set_visible(False)
        bottom.xaxis.set_major_formatter(PercentFormatter(1))
        bottom.set_xlim(0, 1)
    grid[0, 0].set_ylabel("accuracy")
    grid[1, 0].set_ylabel("photos")
    return figure


def rejection_plot(curve: Sequence[CoveragePoint], known: CoveragePoint | None) -> Figure:
    """Return accuracy and coverage against the confidence threshold; `known` is the threshold of the model file."""
    figure = Figure(figsize=(8, 3.6))
    axes = figure.subplots()
    thresholds = [one.threshold for one in curve]
    accuracy = [np.nan if one.accuracy is None else one.accuracy for one in curve]
    # A prediction is kept if the threshold equals its confidence, so the steps are after that value.
    axes.step(thresholds, accuracy, color=BLUE, label="accuracy of the kept predictions", where="pre")
    axes.step(thresholds, [one.share for one in curve], "--", color=ORANGE, label="coverage", where="pre")
    if known is not None:
        axes.axvline(known.threshold, color=GREY, linestyle=":")
        axes.text(known.threshold + 0.01, 0.03, "threshold in the model file", color="#5b6876", fontsize=9)
    _percent(axes, "y")
    axes.set_xlim(0, 1)
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    axes.set_xlabel("confidence threshold")
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, frameon=False)
    return figure


def robustness_plot(robustness: Robustness) -> Figure:
    """Return accuracy against severity, a small plot for each kind of corruption; severity 0 is the unchanged photo."""
    columns = 5
    rows = -(-len(robustness.kinds) // columns)
    figure = Figure(figsize=(10, 1.9 * rows))
    panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
    for axes, (name, result) in zip(panels, robustness.kinds.items(), strict=False):
        axes.axhline(robustness.clean_accuracy, color=GREY, linestyle="--", linewidth=1)
        accuracy = [robustness.clean_accuracy, *result.accuracy]
        axes.plot(range(len(accuracy)), accuracy, "o-", color=BLUE, markersize=3.5)
        axes.set_title(name, fontsize=10, loc="left")
        axes.set_xticks(range(len(accuracy)))
        axes.tick_params(labelbottom=True)
        _percent(axes, "y")
    for axes in panels[len(robustness.kinds) :]:
        axes.remove()
    figure.tight_layout()
    return figure


def _percent(axes: Axes, which: Literal["x", "y"]) -> None:
    axis = axes.yaxis if which == "y" else axes.xaxis
    axis.set_major_formatter(PercentFormatter(1))
    axis.set_ticks(np.linspace(0, 1, 5))
    axes.set(**{f"{which}lim": (0, 1.02)})
    axes.grid(axis=which, color="#dde3ea", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _short(label: str) -> str:
    """Return a label cut to the space beside a plot, with each $ escaped, because it would start a formula."""
    return (label if len(label) <= 24 else f"{label[:23]}…").replace("$", r"\$")
