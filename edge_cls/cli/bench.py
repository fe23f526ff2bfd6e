"""`edge-cls bench`: how fast the appliance is here."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from edge_cls.cli.options import JsonOption, MemoryIfAnyOption

if TYPE_CHECKING:
    from edge_cls.bench.footprint import Footprint
    from edge_cls.bench.speed import Speed

_DEFAULT = "pipeline"


class _PipelineUnlessNamed(TyperGroup):
    """Takes what is no name of a benchmark for the arguments of the pipeline's."""

    # Typer brings a Click of its own, or not, depending on its version: the type of a context has no one name.
    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in (*self.commands, "--help"):
            args = [_DEFAULT, *args]
        return super().parse_args(ctx, args)


def bench_group() -> typer.Typer:
    """Return the group of the benchmarks, which the workstation's join."""
    group = typer.Typer(cls=_PipelineUnlessNamed, no_args_is_help=True, rich_markup_mode=None)
    group.callback()(_options)
    group.command(_DEFAULT)(bench_pipeline)
    return group


def _options() -> None:
    """Measure how fast and how small it is on this machine.

    "edge-cls bench MODEL" is short for "edge-cls bench pipeline MODEL".
    """


def bench_pipeline(
    model: Annotated[Path, typer.Argument(readable=False, help="The .tflite model.", show_default=False)],
    source: Annotated[
        str | None,
        typer.Option(help="A video, photos or a camera, read before measuring.", show_default="synthetic, 640 x 480"),
    ] = None,
    memory: MemoryIfAnyOption = None,
    examples: Annotated[
        int | None, typer.Option(min=1, help="Teach so many synthetic examples to a memory made for this.")
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(readable=False, help="The labels file of a model that has none inside.", show_default=False),
    ] = None,
    threads: Annotated[
        int | None, typer.Option(min=1, max=64, help="Threads of the interpreter.", show_default=False)
    ] = None,
    frames: Annotated[int, typer.Option(min=1, help="How many frames to measure.")] = 500,
    as_json: JsonOption = False,
) -> None:
    """Measure the whole of 'edge-cls run', stage by stage, and beside it the bare interpreter.

    Frames come out of RAM, as fast as they are wanted; latency is measured at half that speed. Start-up and the most
    memory (RSS) are those of 'edge-cls run' in a process of its own.
    """
    import tempfile
    import time

    from edge_cls.cli.native_libraries import spare_the_interpreter

    spare_the_interpreter()
    from edge_cls.bench import footprint, material, speed
    from edge_cls.classifier import Classifier
    from edge_cls.cli.native_stderr import quiet_native_libraries
    from edge_cls.errors import ConfigError
    from edge_cls.hardware.thermal import temperature
    from edge_cls.sources.opening import open_source

    if examples is not None and memory is not None:
        raise ConfigError("--examples makes a memory of its own, and --memory names another", hint="leave out one")
    with contextlib.ExitStack() as stack:
        stack.enter_context(quiet_native_libraries())
        if examples is not None:
            memory = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "taught.db"
        shown = material.decoded_frames(open_source(source, clock=time)) if source else material.moving_frames(50)
        classifier = stack.enter_context(
            Classifier(model, memory=memory, labels=labels, threads=threads, learn_in_background=True)
        )
        if examples is not None and classifier.memory is not None:
            material.fill(classifier.memory, classifier.model, examples)
            classifier.reload_changes()
        classifier.settle()
        measured = speed.measure(classifier, shown, count=frames, threads=threads, clock=time)
        options = {"--model": model, "--memory": memory, "--labels": labels, "--threads": threads}
        given = [str(word) for option in options.items() if option[1] is not None for word in option]
        taken = footprint.measure(shown, given, clock=time)
        taught = sum(classifier.taught().values())
    _show(measured, taken, taught, temperature(), as_json=as_json)


def _show(speed: Speed, footprint: Footprint, examples: int, celsius: float | None, *, as_json: bool) -> None:
    import json
    from dataclasses import asdict

    if as_json:
        document = asdict(speed) | asdict(footprint) | {"examples": examples, "temperature_c": celsius}
        typer.echo(json.dumps(document, indent=2))
        return
    typer.echo(f"{'ms':<12}{'p50':>9}{'p95':>9}{'p99':>9}")
    for name, spent in (*speed.stages.items(), ("latency", speed.latency)):
        typer.echo(f"{name:<12}{spent.p50_ms:>9.2f}{spent.p95_ms:>9.2f}{spent.p99_ms:>9.2f}")
    typer.echo(
        f"pipeline: {speed.pipeline_fps:.1f} frames a second, the bare interpreter: {speed.interpreter_fps:.1f}; "
        f"ratio {speed.ratio:.2f}, {speed.frames} frames, {examples} examples"
    )
    rss = "" if footprint.rss_mb is None else f", at most {footprint.rss_mb:.0f} MB of memory"
    heat = "" if celsius is None else f", {celsius:.0f} °C"
    typer.echo(f"first frame classified after {footprint.start_s:.2f} s{rss}{heat}")
