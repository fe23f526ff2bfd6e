"""`edge-cls config`: init, check and show."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from edge_cls.config import Config, example, load
from edge_cls.config.checks import SERVICE_BACKBONES, Confinement, missing, model_of_service, warnings
from edge_cls.model.backbones import expected_path
from tests.commands import EdgeCls, good


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, with no configuration in the environment."""
    monkeypatch.chdir(tmp_path)
    for name in ("EDGE_CLS_CONFIG", "EDGE_CLS_MEMORY", "EDGE_CLS_DEBUG"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


LATER = "correct these first; then the files and devices that it names are checked:"


def checked(done: tuple[int, str, str]) -> tuple[int, list[str], list[str]]:
    """Return the exit code of a command and the lines of its output: the problems, and the warnings."""
    code, stdout, stderr = done
    return code, stdout.splitlines(), stderr.splitlines()


def warned(file: Path, service: Confinement) -> list[str]:
    """Return the warnings about `file` on a machine where the service is confined to `service`."""
    return list(map(str, warnings(load(file, environ={}), file, service=service)))


def test_init_writes_a_valid_example_that_every_user_can_read(edge_cls: EdgeCls, here: Path) -> None:
    printed = good(edge_cls("config", "init", "config.toml"))
    assert printed == "wrote config.toml; edit it, then: edge-cls config check config.toml\n"
    file = here / "config.toml"
    assert (file.read_text(), file.stat().st_mode & 0o777) == (example(), 0o644)
    assert [path.name for path in here.iterdir()] == ["config.toml"]
    assert checked(edge_cls("config", "check", "config.toml")) == (
        0,
        ["config.toml: no problems found"],
        ["warning: source.name: no source is set; set it here, or use --source"],
    )


def test_init_replaces_a_file_only_with_force(edge_cls: EdgeCls, here: Path) -> None:
    file = here / "config.toml"
    file.write_text("threads = 2\n")
    done = edge_cls("config", "init", "config.toml")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "error: config.toml exists; replace it with --force, or check it: edge-cls config check config.toml\n"
    )
    assert file.read_text() == "threads = 2\n"
    good(edge_cls("config", "init", "config.toml", "--force"))
    assert file.read_text() == example()


def test_init_does_not_write_through_a_broken_link(edge_cls: EdgeCls, here: Path) -> None:
    (here / "config.toml").symlink_to("elsewhere.toml")
    assert edge_cls("config", "init", "config.toml").returncode == 1
    assert not (here / "elsewhere.toml").exists()


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("no/config.toml", "error: the folder no does not exist; create it: mkdir -p no\n"),
        (".", "error: . is a folder; name a file: config.toml\n"),
    ],
)
def test_init_creates_no_folder(edge_cls: EdgeCls, here: Path, file: str, message: str) -> None:
    done = edge_cls("config", "init", file)
    assert (done.returncode, done.stderr) == (1, message)
    assert list(here.iterdir()) == []


def test_init_does_not_replace_a_folder(edge_cls: EdgeCls, here: Path) -> None:
    (here / "folder").mkdir()
    done = edge_cls("config", "init", "folder", "--force")
    assert (done.returncode, done.stderr) == (1, "error: folder is a folder; name a file: folder/config.toml\n")


def test_check_prints_one_line_for_each_problem(edge_cls: EdgeCls, here: Path) -> None:
    (here / "bad.toml").write_text("memry = 1\nthreads = 0\n[[sink]]\nkind = 'gpio'\npin = 1")
    assert checked(edge_cls("config", "check", "bad.toml")) == (
        78,
        [
            "threads: 0 is out of range; write a number that is at least 1",
            "sink #1, label: this key is required; add it",
            "memry: unknown key; did you mean memory?",
        ],
        [LATER],
    )


def test_check_checks_the_files_and_programs_that_the_configuration_names(edge_cls: EdgeCls, here: Path) -> None:
    (here / "folder").mkdir()
    (here / "plain").write_text("")
    (here / "config.toml").write_text(
        """
        model = "no.tflite"
        labels = "folder"
        memory = "folder"
        [source]
        name = "picamera"
        [[sink]]
        kind = "command"
        argv = ["/nowhere"]
        [[sink]]
        kind = "state_file"
        path = "/"
        [[sink]]
        kind = "json_lines"
        path = "/usr"
        """
    )
    code, problems, _ = checked(edge_cls("config", "check", str(here / "config.toml")))
    assert code == 78
    assert problems == [
        f"model: {here}/no.tflite does not exist; check the path and its permissions",
        f"labels: {here}/folder cannot be read (Is a directory); check the path and its permissions",
        f"memory: {here}/folder is a folder; name a file in it",
        "sink #2, path: / is a folder; name a file in it",
        "sink #3, path: /usr is a folder; name a file in it",
        f"source.name: {here}/picamera does not exist; name a camera (picamera2, v4l2:0, rtsp://...), demo, or a "
        "file or "
        "folder that exists",
        "sink #1, argv: /nowhere is not an executable program; check the path, or make it executable: chmod +x "
        "/nowhere",
    ]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("rtps://me:secret@cam/", "rtps://cam"),
        ("me:secret@rtsp://cam/", "...://cam"),
        ("rtsp:/me:secret@cam/1", "...@cam/1"),
        ("me:secret@cam/1", "...@cam/1"),
    ],
)
def test_the_password_in_a_misspelt_address_is_not_shown(here: Path, name: str, shown: str) -> None:
    file = here / "config.toml"
    file.write_text(f"source.name = '{name}'")
    (problem,) = map(str, missing(load(file, environ={})))
    # The folder is hidden, so that a warning mentions a part of the address, too.
    hidden = warned(file, Confinement(file=file, hidden=[here]))
    assert not any("secret" in line for line in (problem, *hidden))
    assert f"{shown} does not exist; " in problem


def test_files_and_programs_that_exist_are_no_problem(edge_cls: EdgeCls, here: Path) -> None:
    for name in ("a.tflite", "a.txt", "1.png"):
        (here / name).write_text("")
    (here / "config.toml").write_text(
        """
        model = "a.tflite"
        labels = "a.txt"
        memory = "/var/lib/edge-cls/taught.db"
        [source]
        name = "*.png"
        [[sink]]
        kind = "command"
        argv = ["/bin/sh"]
        [[sink]]
        kind = "json_lines"
        [[sink]]
        kind = "state_file"
        """
    )
    assert good(edge_cls("config", "check", "config.toml")) == "config.toml: no problems found\n"


WARNINGS = {
    "source.name = 'demo'\nclasses = 'model'": "classes: a backbone has no classes of its own; set model to a file, "
    "or remove it",
    "source.name = 'demo'\nmemory = 'no/a.db'": "memory: the folder no does not exist; create it: mkdir -p no",
    "source.name = 'demo'\nlabels = 'config.toml'": "labels: a backbone has no classes of its own; set model to "
    "a file, or remove it",
    "source.name = 'demo'\nclasses = 'memory'": "classes: without a memory there are no taught classes; set memory, "
    "or change classes",
    "source.name = 'demo'\npanel = { kind = 'keyboard', button = [{ key = 'a', label = 'a' }] }": "panel.button: "
    "without a memory nothing can be taught; set memory",
    "source.name = 'demo'\nsink = [{ kind = 'state_file', path = '/no/x' }]": "sink #1, path: the folder /no does not "
    "exist; create it: mkdir -p /no",
}


@pytest.mark.parametrize(("text", "warning"), WARNINGS.items(), ids=[text.splitlines()[-1][:20] for text in WARNINGS])
def test_a_probable_mistake_is_a_warning(edge_cls: EdgeCls, here: Path, text: str, warning: str) -> None:
    (here / "config.toml").write_text(text)
    (here / "config.toml").chmod(0o644)
    assert checked(edge_cls("config", "check", "config.toml")) == (
        0,
        ["config.toml: no problems found"],
        [f"warning: {warning}"],
    )


def test_the_hint_for_a_file_with_a_password_keeps_it_readable_for_its_user(edge_cls: EdgeCls, here: Path) -> None:
    file = here / "config.toml"
    file.write_text("source.name = 'rtsp://me:secret@cam/'")
    file.chmod(0o644)
    if os.geteuid() == 0:
        os.chown(file, 1000, 1000)
    problem = "source.name: every user can read the password in this file"
    assert edge_cls("config", "check", "config.toml").stderr == f"warning: {problem}; chmod 640 config.toml\n"
    hint = f"chown root:edge-cls {file} && chmod 640 {file}"
    assert warned(file, Confinement(file=file)) == [f"{problem}; {hint}"]


OUT_OF_REACH = {
    "model = '/home/me/a.tflite'": "model: the service cannot see /home/me/a.tflite; put it below /var/lib/edge-cls",
    "labels = '/root/a.txt'\nmodel = '/opt/a.tflite'": "labels: the service cannot see /root/a.txt; put it below "
    "/var/lib/edge-cls",
    "source.name = '/var/tmp/*.png'": "source.name: the service cannot see /var/tmp/*.png; put it below "
    "/var/lib/edge-cls",
    "memory = '/home/me/a.db'": "memory: the service cannot see /home/me/a.db; put it below /var/lib/edge-cls",
    "memory = '/run/edge-cls/a.db'": "memory: /run/edge-cls/a.db is lost when the machine is switched off; put it "
    "below /var/lib/edge-cls",
    "memory = '/var/lib/edge-cls/no/a.db'": "memory: the folder /var/lib/edge-cls/no does not exist; create it: "
    "install -d -o edge-cls -g edge-cls /var/lib/edge-cls/no",
    "memory = '/opt/a.db'": "memory: the service cannot write /opt/a.db; choose a place below /var/lib/edge-cls",
    "sink = [{ kind = 'command', argv = ['/home/me/a'] }]": "sink #1, argv: the service cannot see /home/me/a; put "
    "it below /var/lib/edge-cls",
    "sink = [{ kind = 'json_lines', path = '/var/log/a' }]": "sink #1, path: the service cannot write /var/log/a; "
    "choose a place below /var/lib/edge-cls",
    "panel.kind = 'keyboard'": "panel.device: the service has no terminal to read keys from; name a keypad: device = "
    '"/dev/input/by-id/usb-NAME-event-kbd"',
}


@pytest.mark.parametrize(("text", "warning"), OUT_OF_REACH.items(), ids=list(OUT_OF_REACH))
def test_a_path_out_of_reach_of_the_service_is_a_warning_only_for_the_configuration_of_the_service(
    edge_cls: EdgeCls, here: Path, text: str, warning: str
) -> None:
    file = here / "config.toml"
    file.write_text(f"source.name = 'demo'\n{text}" if "source" not in text else text)
    _, _, elsewhere = checked(edge_cls("config", "check", "config.toml"))
    assert not any("the service" in line for line in elsewhere)
    assert warned(file, Confinement(file=file)) == [warning]


@pytest.mark.parametrize(
    ("text", "model"),
    [
        ("", f"{expected_path('lite0-160', cache=SERVICE_BACKBONES)}"),
        ("model = 'lite0-224'\nmemory = '/a.db'", f"{expected_path('lite0-224', cache=SERVICE_BACKBONES)}"),
        (
            "memory = '/a.db'",
            f"{expected_path('lite0-160', cache=SERVICE_BACKBONES)}, or the backbone that the memory was taught on",
        ),
        ("model = '/a.tflite'", "/a.tflite"),
    ],
)
def test_the_model_of_the_service_is_named(here: Path, text: str, model: str) -> None:
    (here / "config.toml").write_text(text)
    config = load(here / "config.toml", environ={})
    assert model_of_service(config) == model


def test_a_link_to_a_hidden_folder_is_a_warning(here: Path) -> None:
    file = here / "config.toml"
    (here / "a.tflite").symlink_to("/home/me/a.tflite")
    file.write_text("source.name = 'demo'\nmodel = 'a.tflite'")
    (warning,) = warned(file, Confinement(file=file, hidden=[Path("/home")]))
    assert warning.startswith("model: the service cannot see ")


def test_the_configuration_and_a_folder_of_the_service_may_be_links(here: Path) -> None:
    """For example on a device with a read-only system, whose configuration and memory are on another card."""
    (here / "card").mkdir()
    (here / "state").symlink_to("card")
    (here / "config.toml").symlink_to("card/real.toml")
    service = Confinement(file=here / "config.toml", hidden=[Path("/home")], writable=[here / "state"])
    text = f"source.name = 'demo'\nmemory = '{here}/state/taught.db'\n"
    (here / "card/real.toml").write_text(text)
    assert warned(here / "config.toml", service) == []
    (here / "card/real.toml").write_text(f"{text}panel.kind = 'keyboard'")
    for name in ("config.toml", "card/real.toml"):
        (warning,) = warned(here / name, service)
        assert warning.startswith("panel.device: the service has no terminal")


def test_files_within_reach_of_the_service_cause_no_warning(here: Path) -> None:
    (here / "a.tflite").touch()
    file = here / "config.toml"
    file.write_text(
        """
        model = "a.tflite"
        memory = "/var/lib/edge-cls/taught.db"
        source.name = "demo"
        panel = { kind = "keyboard", device = "/dev/input/event0" }
        [[sink]]
        kind = "json_lines"
        [[sink]]
        kind = "json_lines"
        path = "/dev/null"
        [[sink]]
        kind = "state_file"
        [[sink]]
        kind = "command"
        argv = ["/bin/sh"]
        """
    )
    assert list(missing(load(file, environ={}))) == []
    assert warned(file, Confinement(file=file, shown=[here])) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has files of root")
def test_the_hint_gives_a_file_of_root_to_the_service_wherever_it_is(edge_cls: EdgeCls, here: Path) -> None:
    (here / "config.toml").write_text("source.name = 'rtsp://me:secret@cam/'")
    (here / "config.toml").chmod(0o644)
    warning = edge_cls("config", "check", "config.toml").stderr
    assert warning.endswith("; chown root:edge-cls config.toml && chmod 640 config.toml\n")


def test_a_password_in_a_private_file_or_in_the_environment_causes_no_warning(
    edge_cls: EdgeCls, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = here / "config.toml"
    file.write_text("source.name = 'rtsp://me:secret@cam/'")
    file.chmod(0o640)
    good(edge_cls("config", "check", "config.toml"))
    file.chmod(0o644)
    monkeypatch.setenv("EDGE_CLS_SOURCE__NAME", "rtsp://me:other@cam/")
    good(edge_cls("config", "check", "config.toml"))


def test_the_environment_can_name_the_file(edge_cls: EdgeCls, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGE_CLS_CONFIG", "my.toml")
    good(edge_cls("config", "init"))
    assert (here / "my.toml").exists()
    assert edge_cls("config", "check").stdout == "my.toml: no problems found\n"
    assert json.loads(good(edge_cls("config", "show", "--json")))["file"] == "my.toml"


@pytest.mark.parametrize("command", ["check", "show"])
def test_a_missing_file_is_refused(edge_cls: EdgeCls, command: str) -> None:
    done = edge_cls("config", command, "no.toml")
    assert (done.returncode, done.stdout) == (78, "")
    assert done.stderr == "error: no.toml does not exist; write one: edge-cls config init no.toml\n"


def test_a_folder_is_refused_as_configuration(edge_cls: EdgeCls, here: Path) -> None:
    done = edge_cls("config", "check", str(here))
    assert (done.returncode, done.stdout) == (78, "")
    assert done.stderr == f"error: {here} is a folder; name a file, such as {here}/config.toml\n"


def test_control_characters_in_a_file_name_are_escaped(edge_cls: EdgeCls) -> None:
    assert "\x1b" not in good(edge_cls("config", "init", "a\x1b.toml"))
    assert "\x1b" not in edge_cls("config", "check", "a\x1b.toml").stdout
    assert "\x1b" not in edge_cls("config", "show", "a\x1b.toml").stdout


def test_show_prints_a_valid_configuration_with_the_origin_of_each_setting(
    edge_cls: EdgeCls, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "config.toml").write_text("memory = '/a.db'\nsink = [{ kind = 'json_lines', path = '/x' }]")
    monkeypatch.setenv("EDGE_CLS_SOURCE__NAME", "rtsp://me:secret@cam:554/x")
    shown = good(edge_cls("config", "show", "config.toml"))
    assert "secret" not in shown
    lines = [" ".join(line.split()) for line in shown.splitlines()]
    assert lines[0] == '# "config.toml"'
    assert "# threads is not set" in lines
    assert 'memory = "/a.db" # file' in lines
    assert 'name = "rtsp://cam:554/***" # EDGE_CLS_SOURCE__NAME' in lines
    assert "enter = 0.6 # default" in lines
    monkeypatch.delenv("EDGE_CLS_SOURCE__NAME")
    (here / "shown.toml").write_text(shown)
    again = load(here / "shown.toml", environ={})
    assert again.model_copy(update={"source": Config().source}) == load(here / "config.toml", environ={})


def test_show_prints_only_json(edge_cls: EdgeCls, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "config.toml").write_text("memory = '/a.db'\nsink = [{ kind = 'json_lines', path = '/x' }]")
    monkeypatch.setenv("EDGE_CLS_SOURCE__NAME", "rtsp://me:secret@cam:554/x")
    document = json.loads(good(edge_cls("config", "show", "config.toml", "--json")))
    assert list(document) == ["schema", "file", "settings", "from"]
    assert document["file"] == "config.toml"
    assert document["settings"]["memory"] == "/a.db"
    assert document["settings"]["source"]["name"] == "rtsp://cam:554/***"
    assert document["settings"]["sink"] == [{"kind": "json_lines", "path": "/x", "raw": False}]
    assert (document["from"]["memory"], document["from"]["sink"], document["from"]["states.enter"]) == (
        "file",
        "file",
        "default",
    )
    assert document["from"]["source.name"] == "EDGE_CLS_SOURCE__NAME"


def test_an_unknown_variable_is_refused_by_check_and_show(
    edge_cls: EdgeCls, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "config.toml").write_text("")
    monkeypatch.setenv("EDGE_CLS_SOURCE_NAME", "demo")
    problem = "EDGE_CLS_SOURCE_NAME: unknown setting; did you mean EDGE_CLS_SOURCE__NAME?"
    assert checked(edge_cls("config", "check", "config.toml")) == (78, [problem], [LATER])
    done = edge_cls("config", "show", "config.toml")
    assert (done.returncode, done.stdout, done.stderr) == (78, "", f"error: config.toml: {problem}\n")
