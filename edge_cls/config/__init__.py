"""The configuration of a device: its sections and keys, read from a file, the environment and the command line."""

from edge_cls.config.example_file import example
from edge_cls.config.fields import SourceName
from edge_cls.config.keys import Key, description, reference
from edge_cls.config.loading import DEFAULT_FILE, load
from edge_cls.config.panel import Button, Led, Panel
from edge_cls.config.schema import ClassifierOptions, Config, Limits, Source, States
from edge_cls.config.sinks import CommandSink, GpioSink, JsonLinesSink, Sink, StateFileSink

__all__ = [
    "DEFAULT_FILE",
    "Button",
    "ClassifierOptions",
    "CommandSink",
    "Config",
    "GpioSink",
    "JsonLinesSink",
    "Key",
    "Led",
    "Limits",
    "Panel",
    "Sink",
    "Source",
    "SourceName",
    "StateFileSink",
    "States",
    "description",
    "example",
    "load",
    "reference",
]
