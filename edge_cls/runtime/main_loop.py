"""The main loop: inferences in, stable events out, lessons learnt between frames. All that feeds the watchdog."""

from __future__ import annotations

import contextlib
import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace

from edge_cls.classifier import Classifier, Prediction
from edge_cls.errors import EdgeClsError, SourceError, one_line
from edge_cls.runtime.commands import execute, refusal
from edge_cls.runtime.memory_follower import MemoryFollower
from edge_cls.runtime.messages import CommandAccepted, CommandResult, Event, FrameInfo, Message, Result, Status
from edge_cls.runtime.pipeline import Inferred, Pipeline
from edge_cls.runtime.ports import Clock, Command, FrameSource, Supervisor
from edge_cls.runtime.reconnect import Camera, CameraState
from edge_cls.runtime.sink_queue import SinkQueue
from edge_cls.runtime.states import States, Transition

log = logging.getLogger(__name__)

POLL_INTERVAL_S = 1.0
"""Seconds after which the loop looks around when no frame comes."""
CAMERA_TIMEOUT_S = 90.0
"""Seconds without a sign of life of a camera's driver from which it is given up: longer than any of its time limits."""
_RECORDING = CameraState("running", "running")
MAX_QUEUED_COMMANDS = 16
"""Commands that wait for the end of the current frame; further ones are refused."""
MAX_QUEUED_REFUSALS = 256
"""Refused commands whose results wait for the end of the current frame; the results of older ones are dropped."""


class MainLoop:
    """Classifies the frames of `source` and tells the outboxes, until the source ends or `stop` is called.

    Whatever fails meanwhile is said, in the log and in the status, and tried again: frames go on being classified with
    what was known. `reload` is called, between two frames, after each `request_reload`; it may replace the engine of
    the pipeline, `states`, `sink_queues`, `panel`, and `heard`, which gets the results of commands too. It
    returns why it did not.
    """

    def __init__(
        self,
        source: FrameSource,
        pipeline: Pipeline[Classifier],
        states: States,
        *,
        clock: Clock,
        supervisor: Supervisor,
        reload: Callable[[], str | None] = lambda: None,
    ) -> None:
        self.states = states
        self.sink_queues: Sequence[SinkQueue] = ()
        self.done = 0
        self._pipeline = pipeline
        self._camera = source if isinstance(source, Camera) else None
        self._live = source.live
        self._clock = clock
        self._supervisor = supervisor
        self._reload = reload
        self._commands: deque[Command] = deque()
        self._overflow: deque[Command] = deque(maxlen=MAX_QUEUED_REFUSALS)
        self.stopping = self._reload_wanted = self._ready = False
        self._follower = MemoryFollower(clock)
        self._refused: str | None = None
        self._lost = 0
        self._told: tuple[CameraState, tuple[str, ...]] | None = None
        if self._camera is not None:
            self._camera.changed = pipeline.wake

    def run(self, max_frames: int | None = None) -> int:
        """Work until the source has ended, `max_frames` are done or `stop` was called; return how many were done.

        Raises what no waiting mends: an error of a recording, of the model, of an essential sink.
        """
        self._tell_status()
        try:
            with self._pipeline:
                while not self.stopping and (max_frames is None or self.done < max_frames):
                    inferred = self._pipeline.take(POLL_INTERVAL_S)
                    if inferred is not None:
                        self._predict(inferred)
                    elif self._pipeline.ended:
                        break
                    self._between_frames()
                self._supervisor.stopping()
                self._stop_camera()
        except (EdgeClsError, OSError) as error:
            with contextlib.suppress(EdgeClsError, OSError):  # it may be a sink that failed
                self._tell_end(str(error))
            raise
        finally:
            self._stop_camera()
        self._tell_end("ended")
        return self.done

    def stop(self) -> None:
        """End the run, from any thread or a signal handler. What is not told at once is dropped."""
        self.stopping = True
        self._pipeline.wake()
        for sink_queue in self.sink_queues:
            sink_queue.cancel_wait()

    def request_reload(self) -> None:
        """Read the configuration again before the next frame, from any thread or a signal handler."""
        self._reload_wanted = True
        self._pipeline.wake()

    def submit(self, command: Command) -> None:
        """Queue `command`, which is executed before the next frame. May be called from any thread; returns at once.

        The sinks get a CommandAccepted at once if the command can be tried, and a CommandResult in any case.
        """
        if len(self._commands) >= MAX_QUEUED_COMMANDS:
            self._overflow.append(replace(command, frame=None))
        else:
            if command.frame is not None or not command.needs_frame:
                accepted = CommandAccepted(command.action, command.label, command.origin, self._clock.time())
                self._offer(accepted, wait=False)
            self._commands.append(command)
        self._pipeline.wake()

    def _predict(self, inferred: Inferred[Classifier]) -> None:
        now, add = self._clock.monotonic, self._pipeline.stages.add
        self._follower.follow(self._pipeline.engine)
        began = now()
        prediction = inferred.engine.decide(inferred.outputs)
        judged = now()
        info, states = inferred.info, self.states
        transition = None
        # What was under way when its camera failed is told; but all that it shows has left by now.
        if info.index >= self._lost:
            transition = states.update(_scores(prediction), unknown=prediction.unknown, at=info.moment)
        smoothed = now()
        latency = smoothed - info.captured
        self._offer(Result(info, prediction, latency, states.state))
        if transition is not None:
            self._tell(transition, info, latency)
        published = now()
        add("head", judged - began)
        add("smooth", smoothed - judged)
        add("publish", published - smoothed)
        add("latency", latency)
        self.done += 1
        if not self._ready:
            self._ready = True
            self._supervisor.ready()
        self._supervisor.watchdog()

    def _between_frames(self) -> None:
        for _ in range(len(self._commands)):  # and not of those that come meanwhile: frames go on
            command = self._commands.popleft()
            self._report(execute(command, self._pipeline.engine, self.states.state, self._clock))
        while self._overflow:
            self._report(refusal(self._overflow.popleft(), "too many commands at once", self._clock))
        if self._reload_wanted:
            self._reload_wanted = False
            # Nobody is told of a reload who was not told of the beginning.
            if self._ready:
                self._supervisor.reloading()
            self._refused = self._reload()
            if self._ready:
                self._supervisor.ready()
            self._told = None  # there may be new sinks
        if self._camera is not None:
            self._look_at(self._camera)
        self._tell_status()

    def _look_at(self, camera: Camera) -> None:
        silent = self._clock.monotonic() - camera.alive
        if silent > CAMERA_TIMEOUT_S:
            raise SourceError(
                f"the camera's driver has not answered for {silent:.0f} seconds",
                hint="start edge-cls again, as its service does by itself; unplug the camera if that does not help",
            )
        state = camera.state
        if state.camera == "running":
            return
        # A camera that is waited for is no reason to start the process again.
        self._supervisor.watchdog()
        if state.camera == "down":
            self._lost = state.frames
            self._pipeline.forget_latest()
            if (transition := self.states.reset(self._clock.monotonic())) is not None:
                info = FrameInfo(self.done, self._clock.time(), self._clock.monotonic(), "camera")
                self._tell(transition, info, 0.0)

    def _tell(self, transition: Transition, info: FrameInfo, latency: float) -> None:
        label = transition.label or transition.previous
        log.info("%s %s (%.2f)", transition.kind, label, transition.score)
        self._offer(Event(info, transition, latency))

    def _report(self, result: CommandResult) -> None:
        log.info("%s: %s, %s (%s)", result.action, result.kind, one_line(result.detail), one_line(result.origin))
        self._offer(result)

    def _offer(self, message: Message, *, wait: bool = True) -> None:
        """Pass `message` to the sinks; if `wait`, a recording waits for sinks whose queues are full."""
        for sink_queue in self.sink_queues:
            sink_queue.offer(message, wait=wait and not self._live)

    def _tell_status(self) -> None:
        """Tell how the appliance is, where that has changed."""
        camera = _RECORDING if self._camera is None else self._camera.state
        problems = tuple(self._problems())
        if self._told == (camera, problems):
            return
        self._told = camera, problems
        status = Status(self._clock.time(), camera.camera, camera.detail, self.states.state, problems)
        self._supervisor.status(str(status))
        self._offer(status)

    def _tell_end(self, detail: str) -> None:
        self._offer(Status(self._clock.time(), "ended", detail, self.states.state, tuple(self._problems())))

    def _problems(self) -> list[str]:
        governor = self._pipeline.governor
        problems = [
            self._refused,
            self._follower.problem,
            self._pipeline.engine.model.problem,
            None if governor is None else governor.reason,
        ]
        problems += [sink_queue.problem for sink_queue in self.sink_queues]
        return [problem for problem in problems if problem]

    def _stop_camera(self) -> None:
        if self._camera is not None:
            self._camera.stop()


def _scores(prediction: Prediction) -> dict[str, float]:
    return dict(prediction.predictions)
