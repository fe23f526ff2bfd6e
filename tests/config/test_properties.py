"""Properties: every valid configuration is read back, and everything else is refused."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from edge_cls.config import (
    Config,
    GpioSink,
    load,
    reference,
)
from edge_cls.config.display import as_toml, settings
from edge_cls.config.loading import variable_names
from edge_cls.errors import ConfigError
from tests.config.files import write
from tests.toml import dumps

texts = st.text(max_size=10)
words = st.text("ab \"'\\\u00e9\u732b#=[]", min_size=1, max_size=8).filter(str.strip)
labels = words.map(str.strip)
shares = st.floats(0, 1, exclude_min=True, exclude_max=True)
seconds = st.floats(0, 1e6, exclude_min=True)
paths = words.map("/{}".format)


def some(**optional: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=optional)


def kind(name: str, **optional: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    required: dict[str, st.SearchStrategy[Any]] = {"kind": st.just(name)}
    required |= {key: optional.pop(key) for key in ("pin", "label", "argv") if key in optional}
    return st.fixed_dictionaries(required, optional=optional)


@st.composite
def valid(draw: st.DrawFn) -> dict[str, Any]:
    """A valid document, as `tomllib` would return it."""
    pins = iter(draw(st.permutations(range(28))))
    pin = st.builds(lambda: next(pins))
    button = st.fixed_dictionaries({"pin": pin, "label": labels}) | st.fixed_dictionaries(
        {"pin": pin, "action": st.sampled_from(["undo", "forget", "background"])}
    )
    leave, enter = sorted([draw(shares), draw(shares)])
    value = st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts
    source = some(
        name=st.sampled_from(["picamera2", "picamera2:1"]),
        size=st.lists(st.integers(1, 4000), min_size=2, max_size=2),
        fps=seconds,
        rotation=st.sampled_from([0, 90, 180, 270]),
        mirror=st.booleans(),
        roi=st.sampled_from([[0.0, 0.0, 1.0, 1.0], [0.25, 0.5, 1 / 3, 0.5]]),
        stall_s=st.floats(0.1, 20.0),
        controls=st.dictionaries(texts, value | st.lists(value, max_size=3), max_size=3),
    )
    panel = st.fixed_dictionaries(
        {"kind": st.just("gpio")},
        optional={
            "debounce_s": seconds,
            "feedback_led": pin,
            "button": st.lists(button, max_size=3),
            "led": st.lists(st.fixed_dictionaries({"pin": pin, "label": labels}), max_size=3),
        },
    )
    keyboard = st.fixed_dictionaries(
        {"kind": st.just("keyboard")},
        optional={
            "device": paths,
            "hold_s": seconds,
            "button": st.lists(st.fixed_dictionaries({"key": st.just("a"), "label": labels}), max_size=1),
        },
    )
    sink = (
        kind("json_lines", path=paths | st.just("-"), raw=st.booleans())
        | kind("gpio", pin=pin, label=labels, active_high=st.booleans())
        | kind(
            "command",
            argv=st.lists(texts.map(lambda text: text.replace("\0", "")), max_size=3).map(
                lambda rest: ["/bin/x", *rest]
            ),
            timeout_s=seconds,
        )
        | kind("state_file", path=paths)
    )
    document = draw(
        some(
            model=paths,
            memory=paths,
            classes=st.sampled_from(["both", "model", "memory"]),
            closed_set=st.booleans(),
            threads=st.integers(1, 64),
            delegate=st.sampled_from(["none", "auto", "edgetpu", "edgetpu:usb:0"]),
            source=source,
            states=some(smoothing_s=seconds, dwell_s=seconds, background=st.lists(labels, max_size=3)),
            limits=some(max_fps=st.floats(0.1, 1000), hot_c=st.floats(1, 125)),
            panel=panel | keyboard,
            sink=st.lists(sink, max_size=4),
        )
    )
    document.setdefault("states", {}).update(leave=leave, enter=enter)
    return document


@given(valid())
def test_a_listed_configuration_is_read_as_the_same(document: dict[str, Any]) -> None:
    config = Config.model_validate(document)
    with tempfile.TemporaryDirectory() as folder:
        assert load(write(Path(folder), dumps(document)), environ={}) == config
        listed = as_toml(settings(config, environ={}))
        assert load(write(Path(folder), listed), environ={}) == config
    assert GpioSink not in map(type, config.sink) or "active_high = " in listed


KEYS = sorted(
    {
        *(one.key.rpartition(".")[2] for one in reference()),
        "source",
        "states",
        "limits",
        "panel",
        "sink",
        "button",
        "led",
    }
)
KINDS = ["gpio", "keyboard", "json_lines", "command", "state_file"]
scalars = (
    st.booleans()
    | st.integers()
    | st.sampled_from([10**400, -1, 0, 1])
    | st.floats()
    | texts
    | st.sampled_from([*KINDS, "demo", "/x", "-", "undo"])
    | st.dates()
)
tables = st.recursive(
    scalars,
    lambda below: st.lists(below, max_size=4) | st.dictionaries(st.sampled_from(KEYS) | texts, below, max_size=5),
    max_leaves=20,
)


def refusal(file: Path | None, environ: dict[str, str]) -> ConfigError | None:
    """Return the ConfigError that `load` raises, None if it raises none. Any other error fails the test."""
    try:
        load(file, environ=environ)
    except ConfigError as error:
        return error
    return None


@given(st.dictionaries(st.sampled_from(KEYS) | texts, tables, max_size=6))
def test_an_invalid_document_is_refused_with_a_line_for_each_problem(document: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = write(Path(folder), dumps(document))
        refused = refusal(file, {})
    assert refused is None or refused.problems
    assert refused is None or all(re.fullmatch(r"[^\n]*: [^\n]+; [^\n]+", problem) for problem in refused.problems)


@given(st.binary(max_size=200) | st.text("[]{}=\"'#.\\\n abe0", max_size=60).map(str.encode))
def test_random_bytes_are_a_configuration_or_refused(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "config.toml"
        file.write_bytes(content)
        assert "\n" not in str(refusal(file, {}))


@given(st.dictionaries(st.sampled_from(sorted(variable_names())), texts | scalars.map(str), max_size=4))
def test_random_variables_are_settings_or_refused(environ: dict[str, str]) -> None:
    refused = refusal(None, environ)
    wheres = {re.split("[: ,]", problem)[0] for problem in refused.problems} if refused else set()
    assert wheres <= {*environ, "panel.kind"}
