"""`edge-cls bench memory`: how fast, and how small, beside other libraries."""

from __future__ import annotations

from typing import Annotated

import typer

from edge_cls.cli.options import JsonOption


def bench_memory(
    examples: Annotated[
        str, typer.Option(help="How many examples to search among, separated by commas.")
    ] = "100,1000,10000,100000",
    stored: Annotated[str, typer.Option(help="How many examples to store on the disk.")] = "100,1000,10000",
    dim: Annotated[int, typer.Option(min=8, help="Numbers in a vector.")] = 1280,
    rounds: Annotated[int, typer.Option(min=1, help="Searches by each, of which the median counts.")] = 41,
    as_json: JsonOption = False,
) -> None:
    """Measure how fast the nearest examples are found, against faiss and scikit-learn, and what storing them costs.

    All are asked one query at a time on one thread. All figures but the bytes read are ratios.
    """
    import json
    from dataclasses import asdict

    searched, kept = _counts("--examples", examples), _counts("--stored", stored)
    from edge_cls_tools.bench.search import search_speed
    from edge_cls_tools.bench.storage import storage_costs
    from edge_cls_tools.cli.progress import progress_display

    speeds = []
    with progress_display() as display:
        task = display.add_task("measuring", total=len(searched) + 1, note="")
        for count in searched:
            speeds.append(search_speed(count, dim=dim, rounds=rounds))
            display.advance(task)
        costs = storage_costs(kept, dim=dim)
    if as_json:
        tables = {"search": [asdict(one) for one in speeds], "store": [asdict(one) for one in costs]}
        typer.echo(json.dumps(tables, indent=2))
        return
    head = ("examples", "float32/faiss", "int8/faiss", "int8/float32", "sklearn/float32", "sklearn cosine/float32")
    rows: list[tuple[str, ...]] = [(*head, "identical", "RAM/vector")]
    for one in speeds:
        ratios = (one.float32_to_faiss, one.int8_to_faiss, one.int8_to_float32, one.sklearn_to_float32)
        cells = [f"{ratio:.2f}" for ratio in (*ratios, one.sklearn_cosine_to_float32)]
        rows.append((str(one.examples), *cells, "yes" if one.identical else "NO", f"{one.ram:.3f}"))
    _print(rows)
    rows = [("stored", "disk/(vector + crop)", "load/fill", "add/first add", "follow/search", "bytes read to follow")]
    for cost in costs:
        cells = [f"{cost.disk:.3f}", f"{cost.load:.2f}", f"{cost.add:.2f}", f"{cost.follow:.3f}"]
        rows.append((str(cost.examples), *cells, "?" if cost.follow_reads is None else str(cost.follow_reads)))
    _print(rows)


def _counts(option: str, text: str) -> list[int]:
    from edge_cls.errors import ConfigError

    try:
        counts = [int(count) for count in text.split(",")]
    except ValueError:
        counts = []
    if not counts or min(counts) < 10:
        raise ConfigError(f"{option} {text} makes no sense", hint=f"use {option} 100,1000 (at least 10)")
    return counts


def _print(rows: list[tuple[str, ...]]) -> None:
    for row in rows:
        typer.echo("  ".join(cell.rjust(len(title)) for title, cell in zip(rows[0], row, strict=True)))
