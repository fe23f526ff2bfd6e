"""Settings from a file, the environment and the command line."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edge_cls.config import (
    CommandSink,
    Config,
    JsonLinesSink,
    Source,
    SourceName,
    load,
)
from edge_cls.config.loading import variable_names
from edge_cls.errors import ConfigError
from edge_cls.runtime.states import States
from tests.config.files import source_name, write


def test_without_settings_and_with_an_empty_file_the_defaults_apply(tmp_path: Path) -> None:
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
    assert (source_name(config), config.source.size, config.source.fps) == ("picamera2:1", (640, 480), 30.0)
    assert config.panel is not None
    assert [(button.pin, button.label) for button in config.panel.button] == [(17, "mug")]
    assert config.sink == (
        JsonLinesSink(kind="json_lines", path=Path("-")),
        CommandSink(kind="command", argv=("/bin/true", "")),
    )
    with pytest.raises(ValueError, match="frozen"):
        config.source.mirror = True


UNREADABLE = {
    "missing": "does not exist; write one: edge-cls config init ",
    "folder": "is a folder; name a file, such as ",
    "pipe": "cannot be read (Not a regular file); ",
    "huge": "cannot be read (Larger than 1 MiB); ",
    "latin": "is not UTF-8 text (byte 10); save it as UTF-8",
    "deep": "is nested too deeply; ",
    "number": "is not valid TOML: ",
    "syntax": "is not valid TOML: Invalid value (at line 2, column 9); ",
}


@pytest.mark.parametrize(("kind", "message"), UNREADABLE.items(), ids=list(UNREADABLE))
def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, kind: str, message: str) -> None:
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
    assert str(raised.value).startswith(f"{file} {message}")
    assert (raised.value.exit_code, raised.value.problems) == (78, ())


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_rights_is_refused(tmp_path: Path) -> None:
    file = write(tmp_path, "")
    file.chmod(0)
    with pytest.raises(ConfigError, match="Permission denied"):
        load(file, environ={})


def test_a_byte_order_mark_is_ignored(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_bytes(b"\xef\xbb\xbfthreads = 2\r\n")
    assert load(file, environ={}).threads == 2


def test_relative_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    file = write(tmp_path, "model = 'a.tflite'\nlabels = '/x/b.txt'\n[source]\nname = 'photos/*.png'")
    config = load(file, environ={"EDGE_CLS_MEMORY": "c.db"})
    assert (config.model, config.labels, config.memory) == (tmp_path / "a.tflite", Path("/x/b.txt"), Path("c.db"))
    assert source_name(config) == f"{tmp_path}/photos/*.png"
    assert source_name(load(file, environ={"EDGE_CLS_SOURCE__NAME": "a.mp4"})) == "a.mp4"


def test_the_name_of_a_backbone_is_not_a_path(tmp_path: Path) -> None:
    for name in ("default", "builtin", "lite0-224"):
        assert load(write(tmp_path, f"model = '{name}'"), environ={}).model == Path(name)


@pytest.mark.parametrize(
    "name", ["demo", "picamera2", "picamera2:imx708", "v4l2:0", "/dev/video2", "rtsp://a/b", "x://"]
)
def test_a_source_that_is_not_a_file_does_not_become_a_path(tmp_path: Path, name: str) -> None:
    assert source_name(load(write(tmp_path, f"[source]\nname = '{name}'"), environ={})) == name


def test_the_environment_overrides_the_file_and_the_command_line_overrides_both(tmp_path: Path) -> None:
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
    assert (source_name(config), config.source.size, config.source.controls) == (
        "picamera2:0",
        (640, 480),
        {"AfMode": 2},
    )
    assert (config.states.background, config.limits.max_fps) == (("a", "b"), 5.0)
    assert config.panel is not None
    assert load(file, environ={"EDGE_CLS_THREADS": "2"}).threads == 2


@pytest.mark.parametrize("name", ["a\u202fb.db", "a\x1b[31m\n.db", "\udcff.db"])
def test_a_file_may_have_any_name(name: str) -> None:
    assert load(
        None, environ={"EDGE_CLS_MODEL": name}, given={"memory": Path(name), "source": {"name": name}}
    ) == Config(model=Path(name), memory=Path(name), source=Source(name=SourceName(name)))


def test_each_key_except_for_those_of_lists_has_a_variable() -> None:
    names = variable_names()
    assert names["EDGE_CLS_MEMORY"] == ("memory",)
    assert names["EDGE_CLS_PANEL__FEEDBACK_LED"] == ("panel", "feedback_led")
    lists = [path for path in names.values() if path[0] == "sink" or path[1:2] in (("button",), ("led",))]
    assert (len(set(names.values())), lists) == (len(names), [])


def test_the_states_accept_the_default_section() -> None:
    States(**Config().states.model_dump())
