"""The main loop: frames in, results and events out, and commands executed between two frames."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import partial

from edge_cls.classifier import Classifier
from edge_cls.errors import EdgeClsError
from edge_cls.runtime.channel import Channel
from edge_cls.runtime.command_queue import CommandQueue
from edge_cls.runtime.memory_follower import MemoryFollower
from edge_cls.runtime.messages import DEFAULT_CAMERA, FrameInfo, Result
from edge_cls.runtime.parts import Parts
from edge_cls.runtime.pipeline import Inferred
from edge_cls.runtime.ports import Clock, Command, CommandSource, FrameSource, Supervisor
from edge_cls.runtime.publisher import Publisher
from edge_cls.runtime.timings import Stages

POLL_INTERVAL_S = 1.0
"""Seconds to wait for a frame before commands, the camera and the status are checked without one."""


class MainLoop:
    """Classifies the frames of `source` and publishes the results, until the source ends or `stop` is called.

    `parts` are the parts in use, `channels` the cameras (one, today), and `done` counts the classified frames.
    Problems meanwhile are logged, are part of the status, and are retried; frames are classified with the knowledge
    from before. `reload` is called between two frames after each `request_reload`; it may call `replace`, and returns
    why the new configuration was refused, or None. The watchdog is notified after each classified frame, and while a
    failed camera is being reopened.
    """

    def __init__(
        self,
        source: FrameSource,
        parts: Parts,
        *,
        clock: Clock,
        supervisor: Supervisor,
        camera: str = DEFAULT_CAMERA,
        reload: Callable[[], str | None] = lambda: None,
        stages: Stages | None = None,
    ) -> None:
        self.channels = [Channel(source, parts, camera=camera, clock=clock, stages=stages)]
        self.done = 0
        self.stopping = False
        self.parts = parts
        self._listening: tuple[CommandSource, ...] = ()
        self._clock = clock
        self._supervisor = supervisor
        self._reload = reload
        self._follower = MemoryFollower(clock)
        self._commands = CommandQueue()
        self._publisher = Publisher(parts.sinks, live=source.live, supervisor=supervisor, clock=clock)
        self._running = self._reload_requested = self._ready = False
        self._refused: str | None = None

    def run(self, max_frames: int | None = None) -> int:
        """Run until the source has ended, `max_frames` are done or `stop` was called; return how many were done.

        Raises errors that retrying cannot solve: of a recording, of the model, of an essential sink.
        """
        self._running = True
        self._listen()
        self._publisher.status(self.channels, self._problems())
        try:
            with contextlib.ExitStack() as pipelines:
                for channel in self.channels:
                    pipelines.enter_context(channel.pipeline)
                while not self.stopping and (max_frames is None or self.done < max_frames):
                    taken = [self._take(channel) for channel in self.channels]
                    if not any(taken) and all(channel.pipeline.ended for channel in self.channels):
                        break
                    self._between_frames()
                self._supervisor.stopping()
                self._stop_cameras()
        except (EdgeClsError, OSError) as error:
            with contextlib.suppress(EdgeClsError, OSError):  # it may be a sink that failed
                self._publisher.end(self.channels, self._problems(), str(error))
            raise
        finally:
            self._stop_cameras()
        self._publisher.end(self.channels, self._problems(), "ended")
        return self.done

    def stop(self) -> None:
        """End the run, from any thread or a signal handler. Sinks that are slow lose the messages in their queues."""
        self.stopping = True
        self._wake()
        for sink in self.parts.sinks:
            sink.cancel_wait()

    def request_reload(self) -> None:
        """Call `reload` before the next frame. May be called from any thread or a signal handler."""
        self._reload_requested = True
        self._wake()

    def replace(self, parts: Parts) -> None:
        """Use `parts` from the next frame on. Call it from `reload`, or before `run`.

        New command sources are started. Parts that are no longer used are not closed, but they may be afterwards.
        """
        self.parts = parts
        self._publisher.replace(parts.sinks)
        for channel in self.channels:
            channel.replace(parts)
        self._listen()

    def submit(self, command: Command, channel: Channel | None = None) -> None:
        """Queue `command` for execution before the next frame. May be called from any thread; returns at once.

        The sinks get a CommandAccepted at once, unless the command cannot be tried, and a CommandResult in any case.
        """
        channel = channel or self.channels[0]
        if not self._commands.full and (command.frame is not None or not command.needs_frame):
            self._publisher.accepted(command, channel.camera)
        self._commands.put(command, channel)
        self._wake()

    def _take(self, channel: Channel) -> bool:
        """Return whether `channel` had a frame, which is then classified and its result published."""
        inferred = channel.pipeline.take(POLL_INTERVAL_S)
        if inferred is not None:
            self._predict(channel, inferred)
        return inferred is not None

    def _predict(self, channel: Channel, inferred: Inferred[Classifier]) -> None:
        now, add = self._clock.monotonic, channel.pipeline.stages.add
        self._follower.follow(channel.classifier)
        began = now()
        prediction = inferred.engine.decide(inferred.outputs)
        predicted = now()
        info = inferred.info
        transition = channel.update(info, prediction)
        smoothed = now()
        latency = smoothed - info.captured
        self._publisher.publish(Result(info, prediction, latency, channel.states.state))
        if transition is not None:
            self._publisher.event(transition, info, latency, prediction.nearest)
        published = now()
        add("head", predicted - began)
        add("smooth", smoothed - predicted)
        add("publish", published - smoothed)
        add("latency", latency)
        self.done += 1
        if not self._ready:
            self._ready = True
            self._supervisor.ready()
        self._supervisor.watchdog()

    def _between_frames(self) -> None:
        for command, outcome, channel in self._commands.execute():
            self._publisher.result(command, outcome, channel.camera)
        if self._reload_requested:
            self._reload_requested = False
            # The supervisor is notified of a reload only after it was notified of the start.
            if self._ready:
                self._supervisor.reloading()
            self._refused = self._reload()
            if self._ready:
                self._supervisor.ready()
            self._publisher.repeat_status()  # for new sinks, and because systemd shows a line of its own meanwhile
        for channel in self.channels:
            self._check_camera(channel)
        self._publisher.status(self.channels, self._problems())

    def _check_camera(self, channel: Channel) -> None:
        transition = channel.check_camera()
        if channel.condition.kind != "running":
            # A camera that is being reopened is not a reason to restart the process.
            self._supervisor.watchdog()
        if transition is not None:
            now = self._clock.monotonic()
            self._publisher.event(
                transition, FrameInfo(self.done, self._clock.time(), now, "camera", camera=channel.camera), 0.0
            )

    def _listen(self) -> None:
        """Start the command sources that do not listen yet, for the first channel."""
        if not self._running:
            return
        channel = self.channels[0]
        for command_source in self.parts.command_sources:
            if command_source not in self._listening:
                command_source.start(channel.pipeline.snapshot, partial(self.submit, channel=channel))
        self._listening = self.parts.command_sources

    def _wake(self) -> None:
        for channel in self.channels:
            channel.pipeline.wake()

    def _problems(self) -> list[str | None]:
        """Return the problems besides those of cameras and sinks."""
        frame_rate, model = self.parts.frame_rate, self.parts.classifier.model
        return [
            self._refused,
            self._follower.problem,
            model.problem,
            None if frame_rate is None else frame_rate.reason,
        ]

    def _stop_cameras(self) -> None:
        for channel in self.channels:
            channel.stop()
