"""Class labels: the rules for a label, and the two formats of `labels.txt`."""

from __future__ import annotations

import re
from collections.abc import Sequence

from edge_cls.errors import LabelError

MAX_LENGTH = 100
"""Characters of the longest label."""
BACKGROUND = "background"
"""The reserved label of frames that show none of the classes, such as the empty place before a camera. Heads predict it
like any class, but it is never reported as a state, and its examples are negatives of the open set."""


def check_label(label: str) -> str:
    """Return `label` without surrounding white space.

    Raises LabelError if it is empty, longer than `MAX_LENGTH`, or contains line breaks or control characters.
    """
    label = label.strip()
    if not label or len(label) > MAX_LENGTH or not label.isprintable():
        raise LabelError(
            f"{label[:MAX_LENGTH]!r} is not a label", hint=f"use one line of 1 to {MAX_LENGTH} printable characters"
        )
    return label


def parse_labels(text: str) -> tuple[str, ...]:
    r"""Return the labels of a `labels.txt`, by index.

    The plain format has a label per line. In the indexed format every line starts with a number: `0 cat` or `0:cat`.
    Raises LabelError if the file has no label, or if its numbers are not those from 0 without gaps.

    >>> parse_labels("cat\ndog\n"), parse_labels("0 cat\n1 dog\n"), parse_labels("0:cat\n1: dog")
    (('cat', 'dog'), ('cat', 'dog'), ('cat', 'dog'))
    >>> parse_labels("2 pence\neuro\n")
    ('2 pence', 'euro')
    """
    lines = [line.strip() for line in text.removeprefix("\ufeff").splitlines() if line.strip()]
    if not lines:
        raise LabelError("the labels file is empty", hint="write one label per line")
    indexed = [re.fullmatch(r"(\d{1,9})[:\s]+(.+)", line) for line in lines]
    if not all(indexed):
        return tuple(lines)
    by_index = {int(match[1]): match[2] for match in indexed if match}
    if sorted(by_index) != list(range(len(lines))):
        raise LabelError(
            f"the labels file numbers its {len(lines)} labels {min(by_index)} to {max(by_index)}",
            hint="number them from 0 without gaps, or not at all",
        )
    return tuple(by_index[index] for index in range(len(lines)))


def format_labels(labels: Sequence[str], *, indexed: bool = False) -> str:
    r"""Return the text of a `labels.txt`: a label per line, or `0 label` if `indexed`.

    >>> format_labels(["cat", "dog"]), format_labels(["cat", "dog"], indexed=True)
    ('cat\ndog\n', '0 cat\n1 dog\n')
    """
    return "".join(f"{index} {label}\n" if indexed else f"{label}\n" for index, label in enumerate(labels))
