"""The configuration of a device."""

from edge_cls.config.loading import DEFAULT_FILE, example, load
from edge_cls.config.schema import (
    Button,
    CommandSink,
    Config,
    GpioSink,
    JsonLinesSink,
    Led,
    Limits,
    Panel,
    Sink,
    Source,
    StateFileSink,
    States,
)

__all__ = [
    "DEFAULT_FILE",
    "Button",
    "CommandSink",
    "Config",
    "GpioSink",
    "JsonLinesSink",
    "Led",
    "Limits",
    "Panel",
    "Sink",
    "Source",
    "StateFileSink",
    "States",
    "example",
    "load",
]
