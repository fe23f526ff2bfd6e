"""Tables as plain text: the same in a terminal of any width, in a pipe and in a file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.cells import cell_len


def text_table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield a line for each row, its columns aligned to the left. No cell is folded or cut.

    All rows have the same length. A wide character (Chinese, say) counts as the two columns that it takes.
    """
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell + " " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=True)).rstrip()
