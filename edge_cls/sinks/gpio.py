"""An output pin that shows a state: a light or a relay."""

from __future__ import annotations

from edge_cls.hardware.gpio import claim_output
from edge_cls.runtime.messages import Event, Message, Status


class GpioOutput:
    """Is on while the stable state is `label` and the camera is running. `pin` is a BCM number.

    `active_high`: whether the pin has 3.3 V when on; otherwise when off. Raises as `gpio.claim_output` does.
    """

    wants = (Event, Status)

    def __init__(self, pin: int, label: str, *, active_high: bool = True) -> None:
        self._label = label
        self._device = claim_output(pin, active_high=active_high)

    def publish(self, message: Message) -> None:
        """Turn the pin on or off by the state in `message`."""
        if isinstance(message, Event):
            self._turn(message.transition.label == self._label)
        elif isinstance(message, Status):
            self._turn(message.kind == "running" and message.state == self._label)

    def close(self) -> None:
        """Turn the pin off and release it. Closing twice is safe."""
        if not self._device.closed:
            self._turn(False)
            self._device.close()

    def _turn(self, on: bool) -> None:
        self._device.value = on
