"""The configuration: what may stand in it, where it comes from, and how its faults are told."""

from __future__ import annotations

import os
import pickle
import re
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from edge_cls.cli.run import run
from edge_cls.config import CommandSink, Config, GpioSink, JsonLinesSink, Source, example, load
from edge_cls.config.display import as_toml, settings, without_secrets
from edge_cls.config.errors import models_in
from edge_cls.config.loading import variable_names
from edge_cls.errors import ConfigError
from edge_cls.learning.heads.names import HEAD_NAMES
from edge_cls.runtime.states import States
from tests.toml import dumps


def write(folder: Path, text: str) -> Path:
    file = folder / "config.toml"
    file.write_text(text)
    return file


def problems(folder: Path, text: str, **environ: str) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as raised:
        load(write(folder, text), environ=environ)
    return raised.value.problems


def test_nothing_said_gives_the_defaults_and_an_empty_file_too(tmp_path: Path) -> None:
    assert load(None, environ={}) == load(write(tmp_path, ""), environ={}) == Config()


def test_a_file_becomes_frozen_values(tmp_path: Path) -> None:
    config = load(
        write(
            tmp_path,
            """
            memory = "/var/taught.db"
            [source]
            name = "picamera2:1"
            size = [640, 480]
            fps = 30
            [[panel.button]]
            pin = 17
            label = " mug "
            [panel]
            kind = "gpio"
            [[sink]]
            kind = "json_lines"
            [[sink]]
            kind = "command"
            argv = ["/bin/true", ""]
            """,
        ),
        environ={},
    )
    assert config.memory == Path("/var/taught.db")
    assert (config.source.name, config.source.size, config.source.fps) == ("picamera2:1", (640, 480), 30.0)
    assert config.panel is not None
    assert [(button.pin, button.label) for button in config.panel.button] == [(17, "mug")]
    assert config.sink == (
        JsonLinesSink(kind="json_lines", path=Path("-")),
        CommandSink(kind="command", argv=("/bin/true", "")),
    )
    with pytest.raises(ValueError, match="frozen"):
        config.source.mirror = True


FAULTS = {
    # what is not known
    "memry = 'x'": "memry: there is no such key; did you mean memory?",
    "[source]\nroi-tation = 1": "source.roi-tation: there is no such key; did you mean rotation?",
    "fps = 3": "fps: there is no such key; fps belongs to [source]",
    "raw = true": "raw: there is no such key; raw belongs to [[sink]] of the kind json_lines",
    "[source]\nmemory = 'x'": "source.memory: there is no such key; memory belongs to the top of the file, above the "
    "first line in brackets",
    "[limits]\nxyz = 1": "limits.xyz: there is no such key; the keys here are max_fps, hot_c",
    "classes = 'bot'": "classes: 'bot' is none of 'both', 'model' or 'memory'; did you mean 'both'?",
    "[source]\nrotation = 45": "source.rotation: 45 is none of 0, 90, 180 or 270; write one of these",
    "[[sink]]\nkind = 'gpo'": "sink #1: 'gpo' is none of 'json_lines', 'gpio', 'command', 'state_file'; did you mean "
    "'gpio'?",
    "head = 'kn'": "head: there is no head 'kn'; use one of auto, ridge, centroid, knn, knn-euclidean, knn-manhattan, "
    "knn-regression",
    "delegate = 'gpu'": "delegate: there is no delegate 'gpu'; use none, auto, edgetpu or edgetpu:usb:0",
    # what is missing
    "[panel]": "panel.kind: it is missing; add it",
    "[[sink]]\npath = '/x'": "sink #1: its kind is missing; add kind = one of json_lines, gpio, command, state_file",
    "[[sink]]\nkind = 'gpio'\npin = 1": "sink #1, label: it is missing; add it",
    "[source]\nroi = [0.0, 0.0]": "source.roi: it has too few values; write all of them",
    # what is of another type
    "model = 3": 'model: 3 is a whole number, not a text; write it in quotes: "..."',
    "threads = 1.5": "threads: 1.5 is a number, not a whole number; write a whole number, without quotes",
    "threads = true": "threads: true is true or false, not a whole number; write a whole number, without quotes",
    "false_accept = '1'": "false_accept: '1' is a text, not a number; write a number, without quotes",
    "false_accept = nan": "false_accept: nan is a number, not a finite number; write a finite number",
    "[source]\nmirror = 1": "source.mirror: 1 is a whole number, not true or false; write true or false, without "
    "quotes",
    "[source]\nname = 2020-01-01": 'source.name: 2020-01-01 is a date or time, not a text; write it in quotes: "..."',
    "[source]\ncontrols = 3": "source.controls: 3 is a whole number, not a table; write it in braces: { name = 1 }",
    "source = 'demo'": "source: 'demo' is a text, not a table; write its keys below a line with its name in brackets",
    "sink = [1]": "sink #1: 1 is a whole number, not a table; write its keys below a line with its name in double "
    "brackets",
    "[sink]\nkind = 'gpio'": "sink: {'kind': 'gpio'} is a table, not a list; write it in brackets; a table that may "
    "come several times has its name in double ones: [[name]]",
    "[states]\nbackground = 'x'": "states.background: 'x' is a text, not a list; write it in brackets: [...]",
    # what is out of range
    "threads = 0": "threads: 0 is not at least 1; write a number that is at least 1",
    "[limits]\nmax_fps = 0.05": "limits.max_fps: 0.05 is not at least 0.1; write a number that is at least 0.1",
    "[source]\nsize = [640, -1]": "source.size #2: -1 is not above 0; write a number that is above 0",
    "[source]\nsize = [1, 2, 3]": "source.size: it has too many values; write 2 of them",
    "[source]\nroi = [0.5, 0, 0.6, 1]": "source.roi: [0.5, 0.0, 0.6, 1.0] is not inside the frame; write left, top, "
    "width and height as fractions of the frame",
    "[source]\nroi = [0, 0, 0, 1]": "source.roi: [0.0, 0.0, 0.0, 1.0] is not inside the frame; write left, top, width "
    "and height as fractions of the frame",
    "[source]\nname = ' '": "source.name: it names nothing; write a name, or leave it out",
    "model = ''": "model: it names nothing; write a name, or leave it out",
    "labels = ' '": "labels: it names nothing; write a name, or leave it out",
    "[panel]\nkind = 'keyboard'\ndevice = ''": "panel.device: it names nothing; write a name, or leave it out",
    "[[sink]]\nkind = 'json_lines'\npath = ''": "sink #1, path: it names nothing; write a name, or leave it out",
    'memory = "/a\\u0000"': "memory: it names nothing; write a name, or leave it out",
    "[states]\nbackground = ['']": "states.background #1: '' is no label; use one line of 1 to 100 printable "
    "characters",
    "[panel]\nkind = 'gpio'\nfeedback_led = 28": "panel.feedback_led: 28 is not at most 27; write a number that is at "
    "most 27",
    "[[sink]]\nkind = 'state_file'\npath = 'x'": "sink #1, path: it is no absolute path; begin it with /",
    "[[sink]]\nkind = 'json_lines'\npath = 'x'": "sink #1, path: it is no absolute path; begin it with /",
    "[[sink]]\nkind = 'command'\nargv = []": "sink #1, argv: it is no command; write the absolute path of a program, "
    "and its arguments",
    "[[sink]]\nkind = 'command'\nargv = ['true']": "sink #1, argv: it is no command; write the absolute path of a "
    "program, and its arguments",
    "[source]\nname = 'v4l2:x'": "source.name: v4l2 takes a number or an absolute path; write v4l2:0, or "
    "v4l2:/dev/video0",
    "[source]\nname = 'v4l2://dev/video0'": "source.name: v4l2 takes a number or an absolute path; write v4l2:0, or "
    "v4l2:/dev/video0",
    "[source]\nname = 'HTTP://'": "source.name: a stream needs a host; write http://HOST/...",
    "[source]\nname = 'rtsp://me:secret@:554/1'": "source.name: a stream needs a host; write rtsp://HOST/...",
    # what does not go together
    "[states]\nenter = 0.3\nleave = 0.4": "states.leave: 0.4 is above enter, which is 0.3; make it at most as large",
    "[source]\nname = 'v4l2:0'\nlores = [320, 240]": "source.lores: only picamera2 can be asked for it; leave it out, "
    "or choose another source",
    "[source]\nname = 'demo'\nfps = 3": "source.fps: only picamera2 and v4l2 can be asked for it; leave it out, or "
    "choose another source",
    "[source]\ncontrols = { A = { B = 1 } }": "source.controls: 'A' is no control; give it a finite number, a text, "
    "true, false, or a list of these",
    "[source]\ncontrols = { A = [inf] }": "source.controls: 'A' is no control; give it a finite number, a text, true, "
    "false, or a list of these",
}


@pytest.mark.parametrize(("text", "told"), FAULTS.items(), ids=lambda one: str(one)[:30])
def test_a_fault_says_where_and_what_and_how_to_mend_it(tmp_path: Path, text: str, told: str) -> None:
    assert problems(tmp_path, text) == (told,)


BUTTONS = {
    "kind = 'gpio'|label = 'a'": "panel.button #1, key: a button has either a pin or a key; give one of the two",
    "kind = 'gpio'|pin = 1, key = 'a', label = 'a'": "panel.button #1, key: a button has either a pin or a key; give "
    "one of the two",
    "kind = 'gpio'|pin = 1": "panel.button #1, action: a button has either a label to teach or an action; give one of "
    "the two",
    "kind = 'gpio'|pin = 1, label = 'a', action = 'undo'": "panel.button #1, action: a button has either a label to "
    "teach or an action; give one of the two",
    "kind = 'gpio'|key = 'a', label = 'a'": "panel.button: button #1 has no pin, and the kind is gpio; give it a pin",
    "kind = 'keyboard'|pin = 1, label = 'a'": "panel.button: button #1 has no key, and the kind is keyboard; give it "
    "a key",
    "kind = 'keyboard'|key = 'a', label = 'a'|key = 'A', label = 'b'": "panel.button: the key 'a' is used twice; give "
    "each button a key of its own",
    "kind = 'keyboard'|key = 'ctrl', label = 'a'": "panel.button #1, key: there is no key 'ctrl'; give a character, or "
    "one of enter, space, tab, backspace, esc, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12",
    "kind = 'gpio'|pin = 1, label = 'a'|pin = 1, label = 'b'": "panel.button: pin 1 is used twice; give each button, "
    "light and output a pin of its own",
    "kind = 'gpio', led = [{ pin = 1, label = 'a' }]|pin = 1, label = 'a'": "panel.led: pin 1 is used twice; give each "
    "button, light and output a pin of its own",
    "kind = 'gpio', feedback_led = 1|pin = 1, label = 'a'": "panel.feedback_led: pin 1 is used twice; give each "
    "button, light and output a pin of its own",
    "kind = 'gpio', feedback_led = 1, led = [{ pin = 1, label = 'a' }]|pin = 2, label = 'a'": "panel.feedback_led: pin "
    "1 is used twice; give each button, light and output a pin of its own",
    "kind = 'keyboard', led = [{ pin = 1, label = 'a' }]|key = 'a', label = 'a'": "panel.led: a keyboard panel has no "
    'lights; leave them out, or use kind = "gpio"',
    "kind = 'gpio', device = '/dev/x'": "panel.device: only a keyboard has a device; leave it out, or use kind = "
    '"keyboard"',
    "kind = 'keyboard', feedback_led = 1": "panel.feedback_led: a keyboard panel has no lights; leave them out, "
    'or use kind = "gpio"',
}


@pytest.mark.parametrize(("panel", "told"), BUTTONS.items(), ids=list(BUTTONS))
def test_a_panel_that_makes_no_sense_is_refused(tmp_path: Path, panel: str, told: str) -> None:
    keys, *buttons = panel.split("|")
    listed = ", ".join(f"{{ {button} }}" for button in buttons)
    assert problems(tmp_path, f"panel = {{ {keys}, button = [{listed}] }}") == (told,)


@pytest.mark.parametrize("button", ["action = 'forget'", "action = 'forget', label = 'a'", "action = 'background'"])
def test_a_button_may_forget_all_or_one(tmp_path: Path, button: str) -> None:
    text = f"panel = {{ kind = 'keyboard', button = [{{ key = 'a', {button} }}] }}"
    assert load(write(tmp_path, text), environ={}).panel is not None


def test_an_output_may_not_have_the_pin_of_a_button(tmp_path: Path) -> None:
    text = """
        panel = { kind = "gpio", button = [{ pin = 5, label = "a" }] }
        sink = [{ kind = "gpio", pin = 5, label = "a" }]
    """
    assert problems(tmp_path, text) == (
        "sink: pin 5 is used twice; give each button, light and output a pin of its own",
    )


def test_all_faults_are_told_at_once_and_in_one_line(tmp_path: Path) -> None:
    text = "threads = 0\nmemry = 1\n[source]\nfps = 'x'\n[[sink]]\nkind = 'gpio'\n[[sink]]\nkind = 'x'"
    with pytest.raises(ConfigError) as raised:
        load(write(tmp_path, text), environ={"EDGE_CLS_X": "1", "EDGE_CLS_HEAD": "x"})
    told = raised.value
    wheres = [problem.partition(":")[0] for problem in told.problems]
    assert wheres == [
        "EDGE_CLS_X",
        "EDGE_CLS_HEAD",
        "threads",
        "source.fps",
        "sink #1, pin",
        "sink #1, label",
        "sink #2",
        "memry",
    ]
    assert str(told) == f"{tmp_path / 'config.toml'}: " + "; ".join(told.problems)
    assert pickle.loads(pickle.dumps(told)).problems == told.problems  # noqa: S301 - our own bytes


def test_the_states_take_what_the_configuration_lets_through() -> None:
    States(**Config().states.model_dump())


UNREADABLE = {
    "missing": "does not exist; write one: edge-cls config init ",
    "folder": "is a folder; name a file, such as ",
    "pipe": "cannot be read (Not a regular file); ",
    "huge": "cannot be read (Larger than 1 MiB); ",
    "latin": "is no UTF-8 text (byte 10); save it as UTF-8",
    "deep": "is nested too deeply; ",
    "number": "is no TOML: ",
    "syntax": "is no TOML: Invalid value (at line 2, column 9); ",
}


@pytest.mark.parametrize(("kind", "told"), UNREADABLE.items(), ids=list(UNREADABLE))
def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, kind: str, told: str) -> None:
    file = tmp_path / kind
    match kind:
        case "folder":
            file.mkdir()
        case "pipe":
            os.mkfifo(file)
        case "huge":
            file.write_bytes(b"#" * (2**20 + 1))
        case "latin":
            file.write_bytes(b'memory = "\xe4"')
        case "deep":
            file.write_text("a = " + "[" * 50_000)
        case "number":
            file.write_text("a = " + "1" * 5000)
        case "syntax":
            file.write_text("# hello\nmodel = x\n")
    with pytest.raises(ConfigError) as raised:
        load(file, environ={})
    assert str(raised.value).startswith(f"{file} {told}")
    assert (raised.value.exit_code, raised.value.problems) == (78, ())


@pytest.mark.parametrize("value", ["0x" + "f" * 5000, "{ " + "a." * 5000 + "a = 1 }"], ids=["number", "table"])
def test_a_value_that_python_cannot_show_is_refused(tmp_path: Path, value: str) -> None:
    (problem,) = problems(tmp_path, f"head = {value}")
    assert re.match("head: .* is a (whole number|table), not a text; ", problem)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_rights_is_refused(tmp_path: Path) -> None:
    file = write(tmp_path, "")
    file.chmod(0)
    with pytest.raises(ConfigError, match="Permission denied"):
        load(file, environ={})


def test_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_bytes(b"\xef\xbb\xbfthreads = 2\r\n")
    assert load(file, environ={}).threads == 2


def test_relative_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    file = write(tmp_path, "model = 'a.tflite'\nlabels = '/x/b.txt'\n[source]\nname = 'photos/*.png'")
    config = load(file, environ={"EDGE_CLS_MEMORY": "c.db"})
    assert (config.model, config.labels, config.memory) == (tmp_path / "a.tflite", Path("/x/b.txt"), Path("c.db"))
    assert config.source.name == f"{tmp_path}/photos/*.png"
    assert load(file, environ={"EDGE_CLS_SOURCE__NAME": "a.mp4"}).source.name == "a.mp4"


@pytest.mark.parametrize(
    "name", ["demo", "picamera2", "picamera2:imx708", "v4l2:0", "/dev/video2", "rtsp://a/b", "x://"]
)
def test_what_is_no_file_is_not_made_one(tmp_path: Path, name: str) -> None:
    assert load(write(tmp_path, f"[source]\nname = '{name}'"), environ={}).source.name == name


def test_the_environment_is_above_the_file_and_the_command_line_above_both(tmp_path: Path) -> None:
    file = write(tmp_path, "threads = 1\nhead = 'knn'\n[source]\nname = 'demo'\n[states]\ndwell_s = 1")
    environ = {
        "EDGE_CLS_THREADS": "2",
        "EDGE_CLS_SOURCE__NAME": "picamera2:0",
        "EDGE_CLS_SOURCE__SIZE": "[640, 480]",
        "EDGE_CLS_SOURCE__CONTROLS": "{ AfMode = 2 }",
        "EDGE_CLS_STATES__BACKGROUND": "['a', 'b']",
        "EDGE_CLS_LIMITS__MAX_FPS": "5",
        "EDGE_CLS_PANEL__KIND": "keyboard",
        "EDGE_CLS_HEAD": "",
        "EDGE_CLS_CONFIG": "elsewhere",
        "EDGE_CLS_DEBUG": "1",
        "EDGE_CLS_EVENT_KIND": "entered",
        "HOME": "/",
    }
    config = load(
        file, environ=environ, given={"threads": 3, "memory": Path("m.db"), "head": None, "limits": {"max_fps": None}}
    )
    assert (config.threads, config.head, config.memory, config.states.dwell_s) == (3, "knn", Path("m.db"), 1.0)
    assert (config.source.name, config.source.size, config.source.controls) == (
        "picamera2:0",
        (640, 480),
        {"AfMode": 2},
    )
    assert (config.states.background, config.limits.max_fps) == (("a", "b"), 5.0)
    assert config.panel is not None
    assert load(file, environ={"EDGE_CLS_THREADS": "2"}).threads == 2


VARIABLES = {
    "EDGE_CLS_MEMRY": "there is no such setting; did you mean EDGE_CLS_MEMORY?",
    "EDGE_CLS_memory": "there is no such setting; did you mean EDGE_CLS_MEMORY?",
    "EDGE_CLS_SOURCE_NAME": "there is no such setting; did you mean EDGE_CLS_SOURCE__NAME?",
    "EDGE_CLS_SOURCE": "there is no such setting; did you mean EDGE_CLS_SOURCE__NAME?",
    "EDGE_CLS_limits": "there is no such setting; did you mean EDGE_CLS_LIMITS__MAX_FPS?",
    "EDGE_CLS_SINK": "there is no such setting; lists of tables are written into the file",
    "EDGE_CLS_PANEL__BUTTON__PIN": "there is no such setting; lists of tables are written into the file",
    "EDGE_CLS_QQQQ": "there is no such setting; unset it",
    "EDGE_CLS_THREADS": "'x' is a text, not a whole number; write a whole number, without quotes",
    "EDGE_CLS_SOURCE__SIZE": "'x' is a text, not a list; write it in brackets: [...]",
}


@pytest.mark.parametrize(("name", "told"), VARIABLES.items(), ids=list(VARIABLES))
def test_a_bad_variable_is_named(tmp_path: Path, name: str, told: str) -> None:
    assert problems(tmp_path, "", **{name: "x"}) == (f"{name}: {told}",)


@pytest.mark.parametrize("name", ["a\u202fb.db", "a\x1b[31m\n.db", "\udcff.db"])
def test_a_file_may_have_any_name(name: str) -> None:
    assert load(
        None, environ={"EDGE_CLS_MODEL": name}, given={"memory": Path(name), "source": {"name": name}}
    ) == Config(model=Path(name), memory=Path(name), source=Source(name=name))


def test_a_bad_option_is_named() -> None:
    with pytest.raises(ConfigError) as raised:
        load(None, environ={}, given={"source": {"name": ""}, "limits": {"max_fps": 0.0}, "head": "x"})
    assert [problem.partition(":")[0] for problem in raised.value.problems] == ["--head", "--source", "--max-fps"]


def test_a_variable_cannot_set_another_one(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, "", EDGE_CLS_HEAD='"auto"\nthreads = 1')
    assert problem.startswith("EDGE_CLS_HEAD: there is no head ")


def test_a_variable_below_what_is_no_table_is_told_of_the_file(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, "source = 3", EDGE_CLS_SOURCE__NAME="demo")
    assert problem.startswith("source: 3 is a whole number, not a table")


def test_each_key_but_those_of_lists_has_a_variable() -> None:
    names = variable_names()
    assert names["EDGE_CLS_MEMORY"] == ("memory",)
    assert names["EDGE_CLS_PANEL__FEEDBACK_LED"] == ("panel", "feedback_led")
    lists = [path for path in names.values() if path[0] == "sink" or path[1:2] in (("button",), ("led",))]
    assert (len(set(names.values())), lists) == (len(names), [])


# The example


def keys_of(table: type[BaseModel]) -> Iterator[str]:
    for key, field in table.model_fields.items():
        if not list(models_in(field.annotation)):
            yield key
    for field in table.model_fields.values():
        for below in models_in(field.annotation):
            yield from keys_of(below)


def uncommented() -> str:
    return re.sub(r"^#(?=\S)", "", example(), flags=re.MULTILINE)


def test_the_example_sets_nothing(tmp_path: Path) -> None:
    assert load(write(tmp_path, example()), environ={}) == Config()


@pytest.mark.parametrize("key", sorted(set(keys_of(Config))))
def test_the_example_shows_every_key(key: str) -> None:
    assert re.search(rf"^#.*\b{key} = ", example(), re.MULTILINE)


def test_the_example_and_the_help_name_every_head() -> None:
    *others, last = HEAD_NAMES
    quoted = ", ".join(f'"{head}"' for head in others)
    assert f'{quoted} or "{last}".' in example().replace("\n# ", " ")
    (option,) = get_type_hints(run, include_extras=True)["head"].__metadata__
    assert f"{', '.join(others)} or {last}." in option.help


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


# Listing


def test_the_listing_tells_where_each_setting_comes_from(tmp_path: Path) -> None:
    environ = {"EDGE_CLS_SOURCE__NAME": "demo", "EDGE_CLS_HEAD": ""}
    config = load(write(tmp_path, "threads = 2\n[states]\nenter = 0.6"), environ=environ)
    origins = {".".join(one.path): one.origin for one in settings(config, environ=environ)}
    assert origins["source.name"] == "EDGE_CLS_SOURCE__NAME"
    assert {path for path, origin in origins.items() if origin == "file"} == {"threads", "states.enter"}
    assert set(origins.values()) == {"EDGE_CLS_SOURCE__NAME", "file", "default"}


@pytest.mark.parametrize(
    "url",
    [
        "rtsp://me:secret@cam:554/a",
        "http://cam/?password=secret",
        "rtsp://cam/secret",
        "RTSP://me:secret@cam",
        "rtps://me:secret@cam",
        "secret@rtsp://cam",
        "rtsp:/me:secret@cam/1",
        "/etc/edge-cls/me:secret@cam",
    ],
)
def test_no_password_is_listed(url: str) -> None:
    config = load(None, environ={}, given={"source": {"name": url}})
    assert "secret" not in as_toml(settings(without_secrets(config), environ={}))
    assert str(without_secrets(config).source.name).endswith("/***")


@pytest.mark.parametrize(
    "text",
    [
        "source = 'rtsp://me:secret@cam/'",
        "threads = ['rtsp://cam/?password=secret']",
        "threads = { a = 'rtsp://cam/?password=secret' }",
        "threads = 'rtsp://me:my secret@cam/'",
        'threads = "rtsp://me:\'secret@cam/"',
        "head = 'rtsp://me:secret@cam/'",
        "head = 'rtsp:/me:secret@cam/'",
        'head = "me:secret\\nsecret@cam"',
        "delegate = 'rtsp://me:secret@cam/'",
        "sink = [{ kind = 'state_file', path = 'rtsp://me:secret@cam/' }]",
        "[source]\nname = 'rtsp://me:secret@cam/'\nfps = 3",
        "[source]\nname = 'rtsp://me:secret@cam/\\u0000'".replace("'", '"'),
    ],
)
def test_no_password_is_in_a_fault(tmp_path: Path, text: str) -> None:
    assert "secret" not in "".join(problems(tmp_path, text))


def test_every_character_is_listed_as_toml_wants_it(tmp_path: Path) -> None:
    config = Config(source=Source(controls={"".join(map(chr, range(300))): '"\x7f\\'}))
    assert load(write(tmp_path, as_toml(settings(config, environ={}))), environ={}) == config


@pytest.mark.parametrize("name", ["rtsp://cam:554", "demo", "photos/a@b"])
def test_what_is_no_secret_is_listed(name: str) -> None:
    config = load(None, environ={}, given={"source": {"name": name}})
    assert without_secrets(config) is config


# Properties

texts = st.text(max_size=10)
words = st.text("ab \"'\\\u00e9\u732b#=[]", min_size=1, max_size=8).filter(str.strip)
labels = words.map(str.strip)
shares = st.floats(0, 1)
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
    """A document that makes sense, as `tomllib` would give it."""
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


KEYS = sorted({*keys_of(Config), "source", "states", "limits", "panel", "sink", "button", "led"})
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
    """What `load` raises, if it does; any other error is the test's failure."""
    try:
        load(file, environ=environ)
    except ConfigError as error:
        return error
    return None


@given(st.dictionaries(st.sampled_from(KEYS) | texts, tables, max_size=6))
def test_nonsense_is_refused_with_a_line_for_each_fault(document: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = write(Path(folder), dumps(document))
        told = refusal(file, {})
    assert told is None or told.problems
    assert told is None or all(re.fullmatch(r"[^\n]*: [^\n]+; [^\n]+", problem) for problem in told.problems)


@given(st.binary(max_size=200) | st.text("[]{}=\"'#.\\\n abe0", max_size=60).map(str.encode))
def test_bytes_are_a_configuration_or_refused(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "config.toml"
        file.write_bytes(content)
        assert "\n" not in str(refusal(file, {}))


@given(st.dictionaries(st.sampled_from(sorted(variable_names())), texts | scalars.map(str), max_size=4))
def test_variables_are_settings_or_refused(environ: dict[str, str]) -> None:
    told = refusal(None, environ)
    wheres = {re.split("[: ,]", problem)[0] for problem in told.problems} if told else set()
    assert wheres <= {*environ, "panel.kind"}
