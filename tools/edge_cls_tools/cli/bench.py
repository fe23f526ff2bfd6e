"""`edge-cls bench`: how fast, and how small."""

from __future__ import annotations

from typing import Annotated

import typer

bench = typer.Typer(help="Measure speed and size against other libraries.", no_args_is_help=True, rich_markup_mode=None)


@bench.callback()
def _options() -> None:
    """Measure speed and size against other libraries."""


@bench.command("memory")
def bench_memory(
    examples: Annotated[str, typer.Option(help="How many examples, separated by commas.")] = "100,1000,10000,100000",
    dim: Annotated[int, typer.Option(min=8, help="Numbers in a vector.")] = 1280,
    rounds: Annotated[int, typer.Option(min=1, help="Searches by each, of which the median counts.")] = 41,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON alone.")] = False,
) -> None:
    """Find the nearest of many examples, as faiss and scikit-learn do, one query at a time on one thread."""
    import json
    from dataclasses import asdict

    from edge_cls.errors import ConfigError
    from edge_cls_tools.bench.search import search_speed
    from edge_cls_tools.cli.progress import progress_display

    try:
        counts = [int(count) for count in examples.split(",")]
    except ValueError:
        counts = []
    if not counts or min(counts) < 10:
        raise ConfigError(f"--examples {examples} makes no sense", mend="use --examples 100,1000 (at least 10)")
    results = []
    with progress_display() as display:
        task = display.add_task("searching", total=len(counts), note="")
        for count in counts:
            results.append(search_speed(count, dim=dim, rounds=rounds))
            display.advance(task)
    if as_json:
        typer.echo(json.dumps([asdict(result) for result in results], indent=2))
        return
    head = ("examples", "float32/faiss", "int8/faiss", "int8/float32", "sklearn/float32", "sklearn cosine/float32")
    rows: list[tuple[str, ...]] = [(*head, "identical", "RAM/vector")]
    for one in results:
        ratios = (one.float32_to_faiss, one.int8_to_faiss, one.int8_to_float32, one.sklearn_to_float32)
        cells = [f"{ratio:.2f}" for ratio in (*ratios, one.sklearn_cosine_to_float32)]
        rows.append((str(one.examples), *cells, "yes" if one.identical else "NO", f"{one.ram:.3f}"))
    for row in rows:
        typer.echo("  ".join(cell.rjust(len(title)) for title, cell in zip(rows[0], row, strict=True)))
