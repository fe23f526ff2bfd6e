"""Each problem of a configuration is reported with its key, a message and a hint."""

from __future__ import annotations

import pickle
import re
from pathlib import Path

import pytest

from edge_cls.config import (
    load,
)
from edge_cls.errors import ConfigError
from tests.config.files import problems, write

PROBLEMS = {
    # unknown keys
    "memry = 'x'": "memry: unknown key; did you mean memory?",
    "[source]\nroi-tation = 1": "source.roi-tation: unknown key; did you mean rotation?",
    "fps = 3": "fps: unknown key; fps belongs to [source]",
    "raw = true": "raw: unknown key; raw belongs to [[sink]] of the kind json_lines",
    "[source]\nmemory = 'x'": "source.memory: unknown key; memory belongs to the top of the file, above the "
    "first line in brackets",
    "[limits]\nxyz = 1": "limits.xyz: unknown key; the known keys are max_fps, hot_c",
    "classes = 'bot'": "classes: 'bot' is not one of 'both', 'model' or 'memory'; did you mean 'both'?",
    "[source]\nrotation = 45": "source.rotation: 45 is not one of 0, 90, 180 or 270; write one of these",
    "[[sink]]\nkind = 'gpo'": "sink #1: 'gpo' is not one of 'json_lines', 'gpio', 'command', 'state_file'; did you "
    "mean "
    "'gpio'?",
    "head = 'kn'": "head: unknown head 'kn'; use one of auto, ridge, centroid, knn, knn-euclidean, knn-manhattan, "
    "knn-regression",
    "delegate = 'gpu'": "delegate: there is no delegate 'gpu'; use none, auto, edgetpu, edgetpu:usb:0 or edgetpu:pci:0",
    # missing keys
    "[panel]": "panel.kind: this key is required; add it",
    "[[sink]]\npath = '/x'": "sink #1: the kind is missing; set kind to one of json_lines, gpio, command, state_file",
    "[[sink]]\nkind = 'gpio'\npin = 1": "sink #1, label: this key is required; add it",
    "[source]\nroi = [0.0, 0.0]": "source.roi: too few values; write all of them",
    # values of another type
    "model = 3": 'model: 3 is a whole number, not text; write it in quotes: "..."',
    "threads = 1.5": "threads: 1.5 is a number, not a whole number; write a whole number, without quotes",
    "threads = true": "threads: true is true or false, not a whole number; write a whole number, without quotes",
    "false_accept = '1'": "false_accept: '1' is text, not a number; write a number, without quotes",
    "false_accept = nan": "false_accept: nan is a number, not a finite number; write a finite number",
    "[source]\nmirror = 1": "source.mirror: 1 is a whole number, not true or false; write true or false, without "
    "quotes",
    "[source]\nname = 2020-01-01": 'source.name: 2020-01-01 is a date or time, not text; write it in quotes: "..."',
    "[source]\ncontrols = 3": "source.controls: 3 is a whole number, not a table; write it in braces: { name = 1 }",
    "source = 'demo'": "source: 'demo' is text, not a table; write its name in brackets on a line, and its keys below",
    "sink = [1]": "sink #1: 1 is a whole number, not a table; write its name in double brackets on a line, and its "
    "keys below",
    "[sink]\nkind = 'gpio'": "sink: {'kind': 'gpio'} is a table, not a list; write it in brackets; the name of a "
    "table that can be repeated is in double brackets: [[name]]",
    "[states]\nbackground = 'x'": "states.background: 'x' is text, not a list; write it in brackets: [...]",
    # values out of range
    "threads = 0": "threads: 0 is out of range; write a number that is at least 1",
    "[limits]\nmax_fps = 0.05": "limits.max_fps: 0.05 is out of range; write a number that is at least 0.1",
    "[source]\nsize = [640, -1]": "source.size #2: -1 is out of range; write a number that is above 0",
    "[source]\nsize = [1, 2, 3]": "source.size: too many values; write 2 of them",
    "[source]\nroi = [0.5, 0, 0.6, 1]": "source.roi: the region of interest 0.5, 0, 0.6, 1 is not inside the frame; "
    "use left, top, width and height as fractions of it, for example 0.25, 0.25, 0.5, 0.5",
    "[source]\nroi = [0, 0, 0, 1]": "source.roi: the region of interest 0, 0, 0, 1 is not inside the frame; use left, "
    "top, width and height as fractions of it, for example 0.25, 0.25, 0.5, 0.5",
    "[source]\nname = ' '": "source.name: must not be empty; write a name, or remove this key",
    "model = ''": "model: must not be empty; write a name, or remove this key",
    "labels = ' '": "labels: must not be empty; write a name, or remove this key",
    "[panel]\nkind = 'keyboard'\ndevice = ''": "panel.device: must not be empty; write a name, or remove this key",
    "[[sink]]\nkind = 'json_lines'\npath = ''": "sink #1, path: must not be empty; write a name, or remove this key",
    'memory = "/a\\u0000"': "memory: must not be empty; write a name, or remove this key",
    "[states]\nbackground = ['']": "states.background #1: '' is not a label; use one line of 1 to 100 printable "
    "characters",
    "[panel]\nkind = 'gpio'\nfeedback_led = 28": "panel.feedback_led: 28 is out of range; write a number that is at "
    "most 27",
    "[[sink]]\nkind = 'state_file'\npath = 'x'": "sink #1, path: must be an absolute path; begin it with /",
    "[[sink]]\nkind = 'json_lines'\npath = 'x'": "sink #1, path: must be an absolute path; begin it with /",
    "[[sink]]\nkind = 'command'\nargv = []": "sink #1, argv: must be a command; write the absolute path of a program, "
    "followed by its arguments",
    "[[sink]]\nkind = 'command'\nargv = ['true']": "sink #1, argv: must be a command; write the absolute path of a "
    "program, followed by its arguments",
    "[source]\nname = 'v4l2:x'": "source.name: v4l2 takes a number or an absolute path; write v4l2:0, or "
    "v4l2:/dev/video0",
    "[source]\nname = 'v4l2://dev/video0'": "source.name: v4l2 takes a number or an absolute path; write v4l2:0, or "
    "v4l2:/dev/video0",
    "[source]\nname = 'HTTP://'": "source.name: a stream needs a host; write http://HOST/...",
    "[source]\nname = 'rtsp://me:secret@:554/1'": "source.name: a stream needs a host; write rtsp://HOST/...",
    # combinations
    "closed_set = true\nfalse_accept = 0.1": "closed_set: every frame is known, but false_accept is 0.1, "
    "a rate for unknown ones; remove one of the two",
    "[states]\nenter = 0.3\nleave = 0.4": "states.leave: 0.4 is greater than enter (0.3); make it at most as large as "
    "enter",
    "[source]\nname = 'v4l2:0'\nlores = [320, 240]": "source.lores: only picamera2 supports it; remove it, "
    "or choose another source",
    "[source]\nname = 'demo'\nfps = 3": "source.fps: only picamera2 and v4l2 support it; remove it, or "
    "choose another source",
    "[source]\ncontrols = { A = { B = 1 } }": "source.controls: the control 'A' has an unsupported value; use a "
    "finite number, text, true, false, or a list of these",
    "[source]\ncontrols = { A = [inf] }": "source.controls: the control 'A' has an unsupported value; use a finite "
    "number, text, true, false, or a list of these",
}


@pytest.mark.parametrize(("text", "problem"), PROBLEMS.items(), ids=lambda one: str(one)[:30])
def test_a_problem_has_its_key_a_message_and_a_hint(tmp_path: Path, text: str, problem: str) -> None:
    assert problems(tmp_path, text) == (problem,)


BUTTONS = {
    "kind = 'gpio'|label = 'a'": "panel.button #1, key: a button needs either a pin or a key; set one of the two",
    "kind = 'gpio'|pin = 1, key = 'a', label = 'a'": "panel.button #1, key: a button needs either a pin or a key; set "
    "one of the two",
    "kind = 'gpio'|pin = 1": "panel.button #1, action: a button needs either a label to teach or an action; set one "
    "of the two",
    "kind = 'gpio'|pin = 1, label = 'a', action = 'undo'": "panel.button #1, action: a button needs either a label to "
    "teach or an action; set one of the two",
    "kind = 'gpio'|key = 'a', label = 'a'": "panel.button: button #1 has no pin, which a gpio panel needs; give it a "
    "pin",
    "kind = 'keyboard'|pin = 1, label = 'a'": "panel.button: button #1 has no key, which a keyboard panel needs; give "
    "it "
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
    'lights; remove them, or use kind = "gpio"',
    "kind = 'gpio', device = '/dev/x'": "panel.device: only a keyboard panel has a device; remove it, or use kind = "
    '"keyboard"',
    "kind = 'keyboard', feedback_led = 1": "panel.feedback_led: a keyboard panel has no lights; remove them, "
    'or use kind = "gpio"',
}


@pytest.mark.parametrize(("panel", "problem"), BUTTONS.items(), ids=list(BUTTONS))
def test_an_invalid_panel_is_refused(tmp_path: Path, panel: str, problem: str) -> None:
    keys, *buttons = panel.split("|")
    listed = ", ".join(f"{{ {button} }}" for button in buttons)
    assert problems(tmp_path, f"panel = {{ {keys}, button = [{listed}] }}") == (problem,)


@pytest.mark.parametrize("button", ["action = 'forget'", "action = 'forget', label = 'a'", "action = 'background'"])
def test_a_button_can_forget_the_current_class_or_a_given_one(tmp_path: Path, button: str) -> None:
    text = f"panel = {{ kind = 'keyboard', button = [{{ key = 'a', {button} }}] }}"
    assert load(write(tmp_path, text), environ={}).panel is not None


def test_an_output_with_the_pin_of_a_button_is_refused(tmp_path: Path) -> None:
    text = """
        panel = { kind = "gpio", button = [{ pin = 5, label = "a" }] }
        sink = [{ kind = "gpio", pin = 5, label = "a" }]
    """
    assert problems(tmp_path, text) == (
        "sink: pin 5 is used twice; give each button, light and output a pin of its own",
    )


def test_all_problems_are_reported_at_once_and_in_one_line(tmp_path: Path) -> None:
    text = "threads = 0\nmemry = 1\n[source]\nfps = 'x'\n[[sink]]\nkind = 'gpio'\n[[sink]]\nkind = 'x'"
    with pytest.raises(ConfigError) as raised:
        load(write(tmp_path, text), environ={"EDGE_CLS_X": "1", "EDGE_CLS_HEAD": "x"})
    error = raised.value
    wheres = [problem.partition(":")[0] for problem in error.problems]
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
    assert str(error) == f"{tmp_path / 'config.toml'}: " + "; ".join(error.problems)
    assert pickle.loads(pickle.dumps(error)).problems == error.problems  # noqa: S301 - our own bytes


@pytest.mark.parametrize("value", ["0x" + "f" * 5000, "{ " + "a." * 5000 + "a = 1 }"], ids=["number", "table"])
def test_a_value_that_python_cannot_show_is_refused(tmp_path: Path, value: str) -> None:
    (problem,) = problems(tmp_path, f"head = {value}")
    assert re.match("head: .* is a (whole number|table), not text; ", problem)


VARIABLES = {
    "EDGE_CLS_MEMRY": "unknown setting; did you mean EDGE_CLS_MEMORY?",
    "EDGE_CLS_memory": "unknown setting; did you mean EDGE_CLS_MEMORY?",
    "EDGE_CLS_SOURCE_NAME": "unknown setting; did you mean EDGE_CLS_SOURCE__NAME?",
    "EDGE_CLS_SOURCE": "unknown setting; did you mean EDGE_CLS_SOURCE__NAME?",
    "EDGE_CLS_limits": "unknown setting; did you mean EDGE_CLS_LIMITS__MAX_FPS?",
    "EDGE_CLS_SINK": "unknown setting; lists of sections can only be set in the file",
    "EDGE_CLS_PANEL__BUTTON__PIN": "unknown setting; lists of sections can only be set in the file",
    "EDGE_CLS_QQQQ": "unknown setting; unset it",
    "EDGE_CLS_THREADS": "'x' is text, not a whole number; write a whole number, without quotes",
    "EDGE_CLS_SOURCE__SIZE": "'x' is text, not a list; write it in brackets: [...]",
}


@pytest.mark.parametrize(("name", "problem"), VARIABLES.items(), ids=list(VARIABLES))
def test_an_invalid_variable_is_named(tmp_path: Path, name: str, problem: str) -> None:
    assert problems(tmp_path, "", **{name: "x"}) == (f"{name}: {problem}",)


def test_an_invalid_option_is_named() -> None:
    with pytest.raises(ConfigError) as raised:
        load(None, environ={}, given={"source": {"name": ""}, "limits": {"max_fps": 0.0}, "head": "x"})
    assert [problem.partition(":")[0] for problem in raised.value.problems] == ["--head", "--source", "--max-fps"]


def test_a_variable_cannot_set_another_one(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, "", EDGE_CLS_HEAD='"auto"\nthreads = 1')
    assert problem.startswith("EDGE_CLS_HEAD: unknown head ")


def test_a_variable_below_a_key_that_is_not_a_table_is_a_problem_of_the_file(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, "source = 3", EDGE_CLS_SOURCE__NAME="demo")
    assert problem.startswith("source: 3 is a whole number, not a table")
