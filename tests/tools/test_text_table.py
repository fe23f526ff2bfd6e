"""A table of text has the same lines everywhere, and folds nothing."""

from __future__ import annotations

from edge_cls_tools.cli.text_table import text_table


def test_columns_are_aligned_and_nothing_is_cut() -> None:
    long = "a/very/long/path/" * 10
    assert list(text_table([("name", "n"), (long, "1")])) == [f"{'name':{len(long)}}  n", f"{long}  1"]


def test_a_wide_character_takes_two_columns() -> None:
    assert list(text_table([("花", "1"), ("abc", "2")])) == ["花   1", "abc  2"]


def test_a_line_does_not_end_in_spaces() -> None:
    assert list(text_table([("a", ""), ("b", "long")])) == ["a", "b  long"]
