"""Compares the search and the storage of taught examples with other libraries.

    python tools/benchmarks/memory.py --examples 100,1000

The search is compared with faiss's flat index and scikit-learn's brute force. All figures except the bytes read are
ratios, so that they are meaningful on other machines too.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track

from benchmarks.memory_search import search_speed
from benchmarks.memory_storage import storage_costs

MIN_EXAMPLES = 10
"""Smallest number of examples that can be measured."""


def main(
    examples: Annotated[
        str, typer.Option(help="Numbers of examples to search, separated by commas.")
    ] = "100,1000,10000,100000",
    stored: Annotated[
        str, typer.Option(help="Numbers of examples to store on disk, separated by commas.")
    ] = "100,1000,10000",
    dim: Annotated[int, typer.Option(min=8, help="Dimensions of an embedding.")] = 1280,
    rounds: Annotated[int, typer.Option(min=1, help="Searches per library; the median is reported.")] = 41,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """Measure the nearest-neighbour search against faiss and scikit-learn, and the cost of storing examples.

    Each library gets one query at a time and uses one thread.
    """
    searched, kept = _counts("--examples", examples), _counts("--stored", stored)
    console = Console(stderr=True)
    shown = track(searched, "measuring", console=console, transient=True, disable=not console.is_terminal)
    speeds = [search_speed(count, dim=dim, rounds=rounds) for count in shown]
    costs = storage_costs(kept, dim=dim)
    if as_json:
        tables = {"search": [asdict(speed) for speed in speeds], "store": [asdict(cost) for cost in costs]}
        typer.echo(json.dumps(tables, indent=2))
        return
    head = ("examples", "int8/faiss", "sklearn/int8", "sklearn cosine/int8")
    rows: list[tuple[str, ...]] = [(*head, "identical", "RAM/vector")]
    for speed in speeds:
        ratios = (speed.int8_to_faiss, speed.sklearn_to_int8, speed.sklearn_cosine_to_int8)
        cells = [f"{ratio:.2f}" for ratio in ratios]
        rows.append((str(speed.examples), *cells, "yes" if speed.identical else "NO", f"{speed.ram:.3f}"))
    _print(rows)
    rows = [("stored", "disk/(vector + crop)", "load/fill", "add/first add", "poll/search", "bytes read by a poll")]
    for cost in costs:
        cells = [f"{cost.disk:.3f}", f"{cost.load:.2f}", f"{cost.add:.2f}", f"{cost.poll:.3f}"]
        rows.append((str(cost.examples), *cells, "?" if cost.poll_bytes is None else str(cost.poll_bytes)))
    _print(rows)


def _counts(option: str, text: str) -> list[int]:
    """Return the numbers in `text`. Raises BadParameter if one is not an integer of at least MIN_EXAMPLES."""
    try:
        counts = [int(count) for count in text.split(",")]
    except ValueError:
        counts = []
    if not counts or min(counts) < MIN_EXAMPLES:
        raise typer.BadParameter(
            f"{text!r} is not a list of integers of at least {MIN_EXAMPLES}, such as 100,1000", param_hint=option
        )
    return counts


def _print(rows: list[tuple[str, ...]]) -> None:
    for row in rows:
        typer.echo("  ".join(cell.rjust(len(title)) for title, cell in zip(rows[0], row, strict=True)))


if __name__ == "__main__":
    typer.run(main)
