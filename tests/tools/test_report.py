"""A report contains all its pictures, and escapes all text."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import numpy as np
from matplotlib.figure import Figure

from edge_cls_tools.report.page import picture, plot


def test_a_picture_is_embedded_and_small() -> None:
    html = picture(np.zeros((300, 600, 3), np.uint8))
    assert re.fullmatch(r'<img src="data:image/jpeg;base64,[A-Za-z0-9+/=]+" width="160" height="80" alt="">', html)


def test_a_plot_is_an_svg_whose_text_is_escaped_and_the_same_each_time() -> None:
    def draw() -> str:
        figure = Figure()
        figure.subplots().set_title("<script>")
        return plot(figure)

    svg = draw()
    assert svg == draw()
    elements = ET.fromstring(svg).iter()  # noqa: S314 - our own plot
    texts = [element.text for element in elements if element.tag.endswith("text")]
    assert "<script>" in texts
    assert "<script" not in svg
