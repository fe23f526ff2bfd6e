"""The report of a quantisation: the loss of int8, the corrections, and the noise of each layer."""

from __future__ import annotations

from matplotlib.figure import Figure

from edge_cls.errors import ConversionError
from edge_cls_tools.quantization.layer_noise import LayerNoise, worst_layers
from edge_cls_tools.quantization.quantize import Quantization
from edge_cls_tools.report.page import page, plot


def quantization_page(made: Quantization, max_drop: float) -> bytes:
    """Return the report of `made`, an HTML file in UTF-8."""
    return page(
        "quantization.html",
        model=made.file.path.name,
        comparison=made.comparison,
        problem=_problem(made, max_drop),
        max_drop=max_drop,
        remedies=made.remedies,
        plot=plot(_noise_figure(made.layers)) if made.layers else None,
        worst=worst_layers(made.layers, count=8),
    )


def _problem(made: Quantization, max_drop: float) -> str:
    try:
        made.check(max_drop)
    except ConversionError as error:
        return error.message
    return ""


def _noise_figure(layers: tuple[LayerNoise, ...]) -> Figure:
    figure = Figure(figsize=(10, 3.5))
    axes = figure.subplots()
    axes.plot([layer.own_sqnr for layer in layers], ".-", color="#9aa7b4", label="layer alone")
    axes.plot([layer.sqnr for layer in layers], ".-", color="#b3261e", label="in the network")
    axes.set(xlabel="layer, from input to output", ylabel="SQNR in dB")
    axes.legend(frameon=False)
    return figure
