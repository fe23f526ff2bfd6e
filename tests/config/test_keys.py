"""The keys, their descriptions and the example file."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge_cls.classifier import Classifier
from edge_cls.config import (
    Config,
    GpioSink,
    Panel,
    description,
    example,
    load,
    reference,
)
from edge_cls.config.display import settings
from edge_cls.config.loading import variable_names
from edge_cls.panels.gpio import GpioButtons
from edge_cls.panels.keyboard import KeyboardButtons
from edge_cls.runtime.frame_rate import FrameRateGovernor
from edge_cls.runtime.states import States
from edge_cls.sinks.gpio import GpioOutput
from edge_cls.sources.opening import open_source
from edge_cls.sources.region import WHOLE
from tests.config.files import write

_OF_PINS = {"kind", "button", "led", "device", "feedback_led", "pull_up", "debounce_s"}


EXAMPLE = example()


def uncommented() -> str:
    return re.sub(r"^#(?=\S)", "", EXAMPLE, flags=re.MULTILINE)


def test_the_example_sets_nothing(tmp_path: Path) -> None:
    assert load(write(tmp_path, EXAMPLE), environ={}) == Config()


@pytest.mark.parametrize("key", [one.key for one in reference()])
def test_the_example_explains_and_shows_every_key(key: str) -> None:
    words = " ".join(EXAMPLE.replace("\n#", " ").split())
    name = key.rpartition(".")[2]
    assert description(key) in words
    assert re.search(rf"^#.*\b{name} = ", EXAMPLE, re.MULTILINE)


def test_the_lines_of_the_example_are_valid_and_show_the_defaults(tmp_path: Path) -> None:
    everything = load(write(tmp_path, uncommented()), environ={})
    defaults = {one.path: one.value for one in settings(Config(), environ={})}
    shown = {one.path: one.value for one in settings(everything, environ={})}
    assert set(defaults) < set(shown)
    examples = {("source", "controls"), ("sink",)}
    assert all(
        shown[path] == value if value is not None and path not in examples else shown[path] != value
        for path, value in defaults.items()
    )
    assert {sink.kind for sink in everything.sink} == {"json_lines", "gpio", "command", "state_file"}
    assert {"panel", "sink", "source"} <= set(tomllib.loads(uncommented()))


def test_the_reference_lists_the_keys_section_by_section() -> None:
    rows = {one.key: one for one in reference()}
    assert len(rows) == len(list(reference()))
    assert list(rows)[:3] == ["model", "labels", "memory"]
    assert {".".join(path) for path in variable_names().values()} < set(rows)
    assert {"panel.button.pin", "panel.led.label", "sink.command.argv", "sink.gpio.pin"} < set(rows)


@pytest.mark.parametrize(
    ("key", "row"),
    [
        ("model", ("path", "not set", "")),
        ("classes", ('"both", "model" or "memory"', '"both"', "")),
        ("threads", ("whole number", "not set", "1 to 64")),
        ("source.name", ("text", "not set", "")),
        ("source.size", ("list of 2 whole numbers", "not set", "above 0, at most 16384")),
        ("source.roi", ("list of 4 numbers", "[0.0, 0.0, 1.0, 1.0]", "")),
        ("source.rotation", ("0, 90, 180 or 270", "0", "")),
        ("source.controls", ("table", "{}", "")),
        ("states.enter", ("number", "0.6", "above 0, below 1")),
        ("states.background", ("list of texts", '["background"]', "")),
        ("limits.max_fps", ("number", "not set", "at least 0.1")),
        ("panel.pull_up", ("true or false", "true", "")),
        ("panel.kind", ('"gpio" or "keyboard"', "required", "")),
        ("sink.json_lines.kind", ('"json_lines"', "required", "")),
    ],
)
def test_types_defaults_and_ranges_are_in_words(key: str, row: tuple[str, ...]) -> None:
    (found,) = [one for one in reference() if one.key == key]
    assert (found.type, found.default, found.range) == row


def test_sections_have_descriptions_too() -> None:
    assert description("source") == "Where frames come from."
    assert description("panel.button").startswith("A button ")
    with pytest.raises(KeyError):
        description("source.nmae")


def test_every_description_is_whole_sentences() -> None:
    for one in reference():
        assert re.fullmatch(r"[^\n]+\.", one.description), one.key


@pytest.mark.parametrize(
    ("section", "made"),
    [
        (Config().classifier_options(), Classifier),
        (Config().source.model_dump(exclude={"name"}), open_source),
        (Config().states.model_dump(), States),
        (Config().limits.model_dump(), FrameRateGovernor),
        (Panel(kind="gpio").model_dump(exclude={"kind", "button", "led", "device", "feedback_led"}), GpioButtons),
        (Panel(kind="keyboard").model_dump(exclude=_OF_PINS), KeyboardButtons),
        (GpioSink(kind="gpio", pin=1, label="mug").model_dump(exclude={"kind", "pin", "label"}), GpioOutput),
    ],
    ids=["classifier", "source", "states", "limits", "gpio", "keyboard", "output"],
)
def test_a_section_is_the_keyword_arguments_of_an_object_with_the_same_defaults(
    section: dict[str, Any], made: Callable[..., object]
) -> None:
    defaults = {key: one.default for key, one in inspect.signature(made).parameters.items()}
    assert set(section) <= set(defaults)
    same_as_none = {"controls": {}, "roi": WHOLE}
    for key, value in section.items():
        assert defaults[key] in (value, inspect.Parameter.empty) or same_as_none[key] == value


def test_the_configuration_loads_no_numpy() -> None:
    """The doctor reads it on a device whose numpy is broken, and the help on any device at once."""
    code = "import sys, edge_cls.config; print(sorted({'numpy', 'cv2'} & set(sys.modules)))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "[]\n"
