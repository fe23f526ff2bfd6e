"""A diagnosis as text: a block for each kind of problem, with the worst findings, and a verdict."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

from edge_cls_tools.dataset.check.findings import Diagnosis, Finding, Kind, shown

MAX_FINDINGS = 5
"""Findings of a kind whose files are listed."""
MAX_PATHS = 3
"""Files of a finding that are listed."""


def level_of(kind: Kind, findings: list[Finding]) -> str:
    """Return OK, WARN or FAIL for the findings of a kind."""
    if not findings:
        return "OK"
    return "FAIL" if kind.fails else "WARN"


def details_of(findings: list[Finding], diagnosis: Diagnosis) -> Iterator[str]:
    """Yield the lines for the worst findings: a message, and below it one path per line.

    Findings of single files with the same message are joined; groups of duplicates stay apart.
    """
    listed = findings[:MAX_FINDINGS]
    for (message, _), group in itertools.groupby(listed, key=_block):
        yield message
        for finding in group:
            for path in finding.paths[:MAX_PATHS]:
                yield f"  {shown(path, diagnosis.root)}"
            if len(finding.paths) > MAX_PATHS:
                yield f"  and {len(finding.paths) - MAX_PATHS} more"
    if len(findings) > len(listed):
        yield f"and {len(findings) - len(listed)} more; --json lists all"


def _block(finding: Finding) -> tuple[str, tuple[Path, ...]]:
    return finding.message, finding.paths if len(finding.paths) > 1 else ()


def verdict_of(diagnosis: Diagnosis) -> str:
    """Return the last line: the number of problems that spoil a training."""
    unusable, leaks = len(diagnosis.of_kind("unusable")), len(diagnosis.of_kind("leak"))
    if not diagnosis.findings:
        return "no problems found"
    if diagnosis.sound:
        return "no unusable files, and no leaks between splits"
    return f"unusable files: {unusable}, leaks between splits: {leaks}"
