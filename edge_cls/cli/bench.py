"""`edge-cls bench`: speed and memory of the whole pipeline on this machine."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge_cls.cli.json_output import print_json
from edge_cls.cli.options import JsonOption, LabelsOption, MemoryIfAnyOption, ThreadsOption
from edge_cls.model.names import CHOICES, SPACES

if TYPE_CHECKING:
    from edge_cls.bench.footprint import Footprint
    from edge_cls.bench.speed import Speed


def bench(
    model: Annotated[
        Path | None,
        typer.Argument(
            metavar="MODEL",
            readable=False,
            help=f"Model: {CHOICES}.",
            show_default="the backbone of the memory, or lite0-160; the others are then compared with it",
        ),
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(
            metavar="SOURCE",
            help="A video, photos or a camera, read before the measurement starts.",
            show_default="synthetic, 640 x 480",
        ),
    ] = None,
    memory: MemoryIfAnyOption = None,
    examples: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Teach N synthetic examples to a temporary memory.", show_default="none"),
    ] = None,
    labels: LabelsOption = None,
    threads: ThreadsOption = None,
    frames: Annotated[int, typer.Option(metavar="N", min=1, help="Number of frames to measure.")] = 500,
    as_json: JsonOption = False,
) -> None:
    """Measure speed and memory of 'edge-cls run' on this machine.

    The pipeline is timed stage by stage and compared with the interpreter alone. Frames are read from RAM as fast as
    the pipeline takes them; latency is measured at half that frame rate. Start-up time and peak memory (RSS) are
    measured on 'edge-cls run' in a separate process.

    Example:
      edge-cls bench model.tflite --frames 200
    """
    import tempfile
    import time

    from edge_cls.cli.native_libraries import spare_the_interpreter

    spare_the_interpreter()
    from edge_cls.bench import backbones, footprint, material, speed
    from edge_cls.classifier import Classifier
    from edge_cls.cli.native_stderr import quiet_native_libraries
    from edge_cls.errors import ConfigError
    from edge_cls.hardware.thermal import temperature
    from edge_cls.sources.opening import open_source

    if examples is not None and memory is not None:
        raise ConfigError(
            "--examples and --memory cannot be combined: --examples creates a temporary memory",
            hint="leave out one of them",
        )
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
        compared = backbones.image_ms(SPACES, clock=time) if model is None else {}
    _show(measured, taken, taught, temperature(), compared, as_json=as_json)


def _show(
    speed: Speed,
    footprint: Footprint,
    examples: int,
    celsius: float | None,
    backbones_ms: dict[str, float],
    *,
    as_json: bool,
) -> None:
    from dataclasses import asdict

    if as_json:
        others = {"examples": examples, "temperature_c": celsius, "backbones_ms": backbones_ms}
        print_json(asdict(speed) | asdict(footprint) | others)
        return
    typer.echo(f"{'ms':<12}{'p50':>9}{'p95':>9}{'p99':>9}")
    for name, spent in (*speed.stages.items(), ("latency", speed.latency)):
        typer.echo(f"{name:<12}{spent.p50_ms:>9.2f}{spent.p95_ms:>9.2f}{spent.p99_ms:>9.2f}")
    typer.echo(
        f"pipeline: {speed.pipeline_fps:.1f} frames per second, interpreter alone: {speed.interpreter_fps:.1f}; "
        f"ratio {speed.ratio:.2f}, {speed.frames} frames, {examples} examples"
    )
    rss = "" if footprint.rss_mb is None else f", peak memory {footprint.rss_mb:.0f} MB"
    heat = "" if celsius is None else f", {celsius:.0f} °C"
    typer.echo(f"first frame classified after {footprint.start_s:.2f} s{rss}{heat}")
    if backbones_ms:
        from edge_cls.bench.backbones import as_text

        typer.echo(f"the backbones, without the rest of the pipeline: {as_text(backbones_ms)}")
