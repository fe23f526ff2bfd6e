"""Pages from the templates in this folder, with embedded pictures and plots. The door to Jinja2 and Matplotlib."""

from __future__ import annotations

import base64
import io
from typing import Any

import jinja2
import matplotlib as mpl
from markupsafe import Markup
from matplotlib.figure import Figure

from edge_cls.images.preprocess import Frame, resize
from edge_cls.images.reading import encode_jpeg
from edge_cls.version import __version__

PICTURE_SIDE = 160
"""Longest side of a photo in a report, in pixels."""

# Every value is escaped, because file names and labels are untrusted text.
_templates = jinja2.Environment(
    loader=jinja2.PackageLoader("edge_cls_tools.report", "."),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_templates.filters["percent"] = lambda share: f"{100 * share:.1f} %"
# Text is not drawn as paths, so that it can be searched, and the same numbers give the same bytes.
_STYLE = {"svg.fonttype": "none", "svg.hashsalt": "edge-cls", "font.family": "sans-serif", "axes.spines.top": False}


def page(template: str, **values: Any) -> bytes:
    """Return the HTML, UTF-8, of `template`, a file in this folder that extends `base.html`."""
    return _templates.get_template(template).render(version=__version__, **values).encode()


def picture(frame: Frame, *, side: int = PICTURE_SIDE) -> Markup:
    """Return an RGB frame as an `<img>` with the picture embedded, its longest side reduced to `side` pixels."""
    height, width = frame.shape[:2]
    scale = min(1.0, side / max(height, width))
    small = resize(frame, max(1, round(width * scale)), max(1, round(height * scale)))
    data = base64.b64encode(encode_jpeg(small, quality=80)).decode()
    return Markup('<img src="data:image/jpeg;base64,{}" width="{}" height="{}" alt="">').format(
        data, small.shape[1], small.shape[0]
    )


def plot(figure: Figure) -> Markup:
    """Return a Matplotlib figure as an `<svg>`. Create it with `Figure()`: pyplot would keep it in memory."""
    buffer = io.StringIO()
    with mpl.rc_context(_STYLE):
        figure.savefig(buffer, format="svg", bbox_inches="tight", metadata={"Date": None})
    text = buffer.getvalue()
    return Markup(text[text.index("<svg") :])  # noqa: S704 - Matplotlib escapes all text
