"""Valid labels, and the two dialects of labels.txt."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from edge_cls.core.labels import MAX_LENGTH, check_label, format_labels, parse_labels
from edge_cls.errors import LabelError

# The printable characters, so that hardly any drawn text is discarded.
CHARACTER = st.characters(exclude_categories=["C", "Z"]) | st.just(" ")
LABEL = st.text(CHARACTER, min_size=1, max_size=MAX_LENGTH).map(str.strip).filter(bool)


@pytest.mark.parametrize("label", ["mug", "Käse", "二つ", "red mug, 2", "🦜", "x" * MAX_LENGTH])
def test_a_printable_line_is_a_label(label: str) -> None:
    assert check_label(label) == label


def test_white_space_around_a_label_is_removed() -> None:
    assert check_label("  red mug\n") == "red mug"


@pytest.mark.parametrize("label", ["", " \t\n", "a\nb", "a\tb", "a\x00b", "a\u2028b", "x" * (MAX_LENGTH + 1)])
def test_empty_long_and_unprintable_labels_are_refused(label: str) -> None:
    with pytest.raises(LabelError, match="is not a label; use one line of 1 to 100 printable characters"):
        check_label(label)


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("cat\ndog\n", ("cat", "dog")),
        ("cat\r\ndog", ("cat", "dog")),
        ("\ufeffcat\ndog", ("cat", "dog")),
        ("\n cat \n\n dog\n\n", ("cat", "dog")),
        ("0 cat\n1 dog\n", ("cat", "dog")),
        ("0:cat\n1: dog\n", ("cat", "dog")),
        ("1 dog\n0 big cat\n", ("big cat", "dog")),
        ("2 pence\neuro\n", ("2 pence", "euro")),
        ("7\n8\n", ("7", "8")),
    ],
)
def test_both_dialects_are_read(text: str, labels: tuple[str, ...]) -> None:
    assert parse_labels(text) == labels


@pytest.mark.parametrize("text", ["", "\n \n", "\ufeff"])
def test_an_empty_file_is_refused(text: str) -> None:
    with pytest.raises(LabelError, match="the labels file is empty; write one label per line"):
        parse_labels(text)


@pytest.mark.parametrize("text", ["1 cat\n2 dog\n", "0 cat\n2 dog\n", "0 cat\n0 dog\n"])
def test_an_indexed_file_must_number_from_0_without_gaps(text: str) -> None:
    with pytest.raises(LabelError, match="number them from 0 without gaps, or not at all"):
        parse_labels(text)


@given(st.lists(LABEL, min_size=1, max_size=20))
def test_labels_in_the_plain_dialect_are_read_as_they_were_written(labels: list[str]) -> None:
    assume(any(not label[0].isdigit() for label in labels))
    assert parse_labels(format_labels(labels)) == tuple(labels)


@given(st.lists(LABEL, min_size=1, max_size=20), st.sampled_from([" ", ":", ": ", "\t"]))
def test_the_indexed_dialect_is_read_in_any_order(labels: list[str], separator: str) -> None:
    assume(not any(label.startswith(":") for label in labels))
    lines = [f"{index}{separator}{label}" for index, label in enumerate(labels)]
    assert parse_labels("\n".join(reversed(lines))) == tuple(labels)
