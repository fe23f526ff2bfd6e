"""A contact sheet: many frames with captions in one image."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

from edge_cls.images.preprocess import Frame

WIDTH, HEIGHT, CAPTION, MARGIN = 184, 138, 20, 4
"""Size of a frame, height of its caption, and the space between frames, in pixels."""
_COLORS = {True: (46, 125, 50), False: (198, 40, 40), None: (69, 90, 100)}


@dataclass(frozen=True, eq=False)
class Picture:
    """A frame and its caption; `right` colours the caption green (True), red (False) or grey (None)."""

    frame: Frame
    caption: str
    right: bool | None


def contact_sheet(pictures: Sequence[Picture], *, columns: int) -> bytes:
    """Return a PNG file that shows `pictures` row by row, `columns` in each row."""
    rows = -(-len(pictures) // columns)
    cell_width, cell_height = WIDTH + MARGIN, HEIGHT + CAPTION + MARGIN
    sheet = Image.new("RGB", (columns * cell_width + MARGIN, rows * cell_height + MARGIN), "white")
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(12)
    for index, picture in enumerate(pictures):
        left = MARGIN + index % columns * cell_width
        top = MARGIN + index // columns * cell_height
        sheet.paste(Image.fromarray(picture.frame).resize((WIDTH, HEIGHT)), (left, top))
        draw.rectangle((left, top + HEIGHT, left + WIDTH - 1, top + HEIGHT + CAPTION - 1), _COLORS[picture.right])
        draw.text((left + 4, top + HEIGHT + 3), picture.caption, "white", font)
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG")
    return buffer.getvalue()
