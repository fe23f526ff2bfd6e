"""`edge-cls run`: a stream of frames to labels, events and taught examples."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from edge_cls.cli.memory.opened import warn_of_recovery
from edge_cls.cli.options import (
    AugmentOption,
    ClassesOption,
    ClosedSetOption,
    ConfigOption,
    DelegateOption,
    FalseAcceptOption,
    HeadOption,
    LabelsOption,
    MemoryIfAnyOption,
    ModelOption,
    ThreadsOption,
)
from edge_cls.cli.verbosity import note, set_up_log

if TYPE_CHECKING:
    from edge_cls.app.application import Application
    from edge_cls.runtime.ports import Sink


def run(
    source: Annotated[
        str | None,
        typer.Option(
            metavar="SOURCE",
            help="picamera2, v4l2:0, rtsp://..., http://..., a video, an image, a folder or a pattern of images, or "
            "demo.",
            show_default="the configuration's",
        ),
    ] = None,
    config: ConfigOption = None,
    model: ModelOption = None,
    memory: MemoryIfAnyOption = None,
    labels: LabelsOption = None,
    classes: ClassesOption = None,
    head: HeadOption = None,
    false_accept: FalseAcceptOption = None,
    closed_set: ClosedSetOption = None,
    augment: AugmentOption = None,
    delegate: DelegateOption = None,
    threads: ThreadsOption = None,
    max_fps: Annotated[
        float | None,
        typer.Option(
            metavar="FPS",
            min=0.1,
            help="Highest frame rate, in frames per second. Unlimited, if not set.",
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print only JSON, one object per frame, or per command of a button or key.")
    ] = False,
    events: Annotated[
        bool,
        typer.Option(
            "--events", help="Print changes of state and camera, and results of commands, instead of every frame."
        ),
    ] = False,
    max_frames: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Stop after N frames.", show_default="never")
    ] = None,
) -> None:
    """Classify the frames of a camera, a video or photos.

    It runs until the source ends or Ctrl-C is pressed. In a terminal, a camera has a live view. Without --source the
    settings come from --config, or from /etc/edge-cls/config.toml. A camera that fails is reopened until it works.
    SIGHUP reloads the configuration.

    Example:
      edge-cls run --source picamera2 --memory taught.db
      edge-cls run --source video.mp4 --model model.tflite --json
    """
    import time

    from edge_cls.cli.native_libraries import spare_the_interpreter

    spare_the_interpreter()
    from edge_cls.app.application import Application
    from edge_cls.cli.native_stderr import quiet_native_libraries
    from edge_cls.config import DEFAULT_FILE, load
    from edge_cls.systemd.notify import Notifier

    file = config or (DEFAULT_FILE if source is None and DEFAULT_FILE.exists() else None)
    # If a variable of the source is misspelt, `load` reports that, which is the more helpful message.
    if source is None and file is None and not any(name.startswith("EDGE_CLS_SOURCE") for name in os.environ):
        raise typer.BadParameter(f"give --source, or --config: there is no {DEFAULT_FILE}")
    given = {
        "source": {"name": source},
        "model": model,
        "memory": memory,
        "labels": labels,
        "classes": classes,
        "head": head,
        "false_accept": false_accept,
        "closed_set": closed_set,
        "augment": augment and [augment],
        "delegate": delegate,
        "threads": threads,
        "limits": {"max_fps": max_fps},
    }
    with quiet_native_libraries():
        set_up_log()
        application = Application(
            lambda: load(file, environ=os.environ, given=given),
            open_output=lambda live: choose_output(live=live, as_json=as_json, events=events, quiet=file is not None),
            supervisor=Notifier.from_environment(os.environ, clock=time),
            make_memory=file is not None,
        )
        _introduce(application)
        with _handle_signals(application, reloads=file is not None):
            application.run(max_frames)


def choose_output(*, live: bool, as_json: bool, events: bool, quiet: bool) -> Sink | None:
    """Return the sink for stdout: the chosen one, a live view in a terminal, or one line per frame.

    `quiet`: there is a configuration, which has sinks of its own; then nothing is written to a stdout that is not a
    terminal, unless it was chosen. Every one of the sinks outputs the results of commands.
    """
    from edge_cls.runtime.messages import CHANGES, CommandResult, Result
    from edge_cls.sinks.json_lines import JsonLines
    from edge_cls.sinks.text import TextLines

    wanted = CHANGES if events else (Result, CommandResult)
    if as_json:
        return JsonLines(sys.stdout, wants=wanted)
    if live and not events and sys.stdout.isatty():
        from rich.console import Console

        from edge_cls.sinks.live import LiveView

        return LiveView(Console())
    if quiet and not events and not sys.stdout.isatty():
        return None
    return TextLines(sys.stdout, wants=wanted)


def _introduce(application: Application) -> None:
    classifier = application.classifier
    if classifier.memory is not None:
        warn_of_recovery(classifier.memory)
    if not classifier.model.labels and not classifier.taught():
        note("no class is known yet, every frame will be unknown; teach some with 'edge-cls teach'")


@contextlib.contextmanager
def _handle_signals(application: Application, *, reloads: bool) -> Iterator[None]:
    """Make Ctrl-C and SIGTERM end the run properly, and SIGHUP reload the configuration.

    If `reloads` is false, SIGHUP ends the run as well: without a configuration it means that the terminal is gone.
    """
    import signal

    stop, reload = application.main_loop.stop, application.main_loop.request_reload
    wanted = {signal.SIGINT: stop, signal.SIGTERM: stop, signal.SIGHUP: reload if reloads else stop}
    before = {number: signal.signal(number, lambda *_, act=act: act()) for number, act in wanted.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
