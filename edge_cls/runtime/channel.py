"""A channel: one camera or recording, from its frames to its stable states."""

from __future__ import annotations

from edge_cls.classifier import Classifier, Prediction
from edge_cls.errors import SourceError
from edge_cls.runtime.messages import FrameInfo
from edge_cls.runtime.parts import Parts
from edge_cls.runtime.pipeline import Pipeline
from edge_cls.runtime.ports import Clock, FrameSource
from edge_cls.runtime.reconnect import Camera, CameraState
from edge_cls.runtime.states import States, Transition
from edge_cls.runtime.timings import Stages

CAMERA_TIMEOUT_S = 90.0
"""Seconds without a sign of life of a camera's driver after which the run ends; longer than all of its own timeouts."""
_RECORDING = CameraState("running", "running")


class Channel:
    """The source, the pipeline and the states of one camera or recording, which is called `camera` in messages.

    Used by the thread of the main loop, except for `pipeline`.
    """

    def __init__(self, source: FrameSource, parts: Parts, *, camera: str, clock: Clock, stages: Stages | None) -> None:
        self.camera = camera
        self.live = source.live
        self.pipeline: Pipeline[Classifier] = Pipeline(
            source, parts.classifier, camera=camera, clock=clock, governor=parts.frame_rate, stages=stages
        )
        self.states: States = parts.states
        self._clock = clock
        self._source = source if isinstance(source, Camera) else None
        self._lost = 0
        if self._source is not None:
            self._source.on_change(self.pipeline.wake)

    @property
    def classifier(self) -> Classifier:
        """The classifier of the frames to come."""
        return self.pipeline.engine

    @property
    def condition(self) -> CameraState:
        """The condition of the camera; a recording is always running."""
        return _RECORDING if self._source is None else self._source.state

    def replace(self, parts: Parts) -> None:
        """Use the classifier, states, frame rate and camera of `parts` from the next frame on."""
        self.pipeline.replace(parts.classifier, parts.frame_rate)
        self.states = parts.states
        if self._source is not None and parts.open_camera is not None:
            self._source.reopen_with(parts.open_camera)

    def update(self, info: FrameInfo, prediction: Prediction) -> Transition | None:
        """Smooth the prediction of a frame; return the change of state, if there is one.

        A frame from before a failure of the camera changes no state: everything that it shows has left by now.
        """
        if info.index < self._lost:
            return None
        return self.states.update(prediction, at=info.moment)

    def check_camera(self) -> Transition | None:
        """Reset the states if the camera is down; return the change of state, if there is one.

        Raises SourceError if the camera's driver has not answered for CAMERA_TIMEOUT_S.
        """
        if self._source is None:
            return None
        silent = self._clock.monotonic() - self._source.alive
        if silent > CAMERA_TIMEOUT_S:
            raise SourceError(
                f"the camera's driver has not answered for {silent:.0f} seconds",
                hint="start edge-cls again, as its service does by itself; unplug the camera if that does not help",
            )
        state = self._source.state
        if state.kind != "down":
            return None
        self._lost = state.frames
        self.pipeline.forget_latest()
        return self.states.reset(self._clock.monotonic())

    def stop(self) -> None:
        """Make the camera end at its next frame, or at once if it is being reopened. May be called twice."""
        if self._source is not None:
            self._source.stop()
