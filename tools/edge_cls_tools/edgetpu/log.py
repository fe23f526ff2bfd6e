"""Parses the output of `edgetpu_compiler`, versions 2 to 16: the console summary and the table of operators."""

from __future__ import annotations

import re
from dataclasses import dataclass

MAPPED = "Mapped to Edge TPU"
_HEADER = re.compile(r"^Operator\s+Count\s+Status\s*$")
_ROW = re.compile(r"^(\S+)\s+(\d+)\s+(\S.*?)\s*$")


@dataclass(frozen=True)
class Row:
    """A row of the table: the number of operators of a kind with the same status, in the compiler's own words."""

    operator: str
    count: int
    status: str


@dataclass(frozen=True)
class LogSummary:
    """The outcome of a compilation; `subgraphs`, `mapped` and `total` are None if the log does not contain them."""

    version: str
    compiled: bool
    subgraphs: int | None
    rows: tuple[Row, ...]
    mapped: int | None
    total: int | None

    @property
    def percent(self) -> float | None:
        """Percentage of mapped operators, None if the log does not contain it."""
        return None if not self.total or self.mapped is None else 100 * self.mapped / self.total


def parse_log(text: str) -> LogSummary:
    """Return the summary of a log. Only the first table of operators is read: with `-s` the file contains a second."""
    rows = _first_table(text.splitlines())
    on_tpu, on_cpu = (_number(f"Number of operations that will run on {where}", text) for where in ("Edge TPU", "CPU"))
    total = _number("Total number of operations", text)
    if rows:
        on_tpu = sum(row.count for row in rows if row.status == MAPPED)
        total = sum(row.count for row in rows)
    elif on_tpu is not None and on_cpu is not None:
        total = on_tpu + on_cpu
    version = re.search(r"Edge TPU Compiler version (\S+)", text)
    return LogSummary(
        version=version[1] if version else "",
        compiled="Model compiled successfully" in text,
        subgraphs=_number("Number of Edge TPU subgraphs", text),
        rows=rows,
        mapped=on_tpu,
        total=total,
    )


def failure_reason(text: str) -> str:
    """Return the most likely reason of a failure: the first line of a known kind, otherwise the last line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    reasons = [
        line for line in lines if re.match(r"(ERROR|Invalid model|Model not|Internal|Compilation failed:)", line)
    ]
    # The reason follows on the line after "Invalid model: NAME".
    reason = " ".join(reasons[:2]) or (lines[-1] if lines else "no output")
    return reason[:300]


def _number(message: str, text: str) -> int | None:
    found = re.search(rf"^{re.escape(message)}:\s*(\d+)\s*$", text, re.MULTILINE)
    return int(found[1]) if found else None


def _first_table(lines: list[str]) -> tuple[Row, ...]:
    start = next((index for index, line in enumerate(lines) if _HEADER.match(line)), None)
    rows: list[Row] = []
    for line in lines[start + 1 :] if start is not None else []:
        row = _ROW.match(line)
        if row:
            rows.append(Row(row[1], int(row[2]), row[3]))
        elif rows:
            break  # blank lines separate the header from the rows, and end the table
    return tuple(rows)
