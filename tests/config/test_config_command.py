"""`edge-cls config`: init, check and show."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from edge_cls.config import Config, checks, example, load
from edge_cls.systemd import unit
from tests.commands import EdgeCls, good


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, and no file that the environment names."""
    monkeypatch.chdir(tmp_path)
    for name in ("EDGE_CLS_CONFIG", "EDGE_CLS_MEMORY", "EDGE_CLS_DEBUG"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


LATER = "correct these first; then the files and devices that it names are checked:"


def checked(done: tuple[int, str, str]) -> tuple[int, list[str], list[str]]:
    code, stdout, stderr = done
    return code, stdout.splitlines(), stderr.splitlines()


def test_what_init_writes_is_sound_and_everybody_can_read_it(edge_cls: EdgeCls, here: Path) -> None:
    said = good(edge_cls("config", "init", "config.toml"))
    assert said == "wrote config.toml; edit it, then: edge-cls config check config.toml\n"
    file = here / "config.toml"
    assert (file.read_text(), file.stat().st_mode & 0o777) == (example(), 0o644)
    assert [path.name for path in here.iterdir()] == ["config.toml"]
    assert checked(edge_cls("config", "check", "config.toml")) == (
        0,
        ["config.toml: no problems found"],
        ["warning: source.name: no source is set; set it here, or use --source"],
    )


def test_init_replaces_nothing_unless_it_is_forced(edge_cls: EdgeCls, here: Path) -> None:
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


def test_init_does_not_take_a_broken_link_for_nothing(edge_cls: EdgeCls, here: Path) -> None:
    (here / "config.toml").symlink_to("elsewhere.toml")
    assert edge_cls("config", "init", "config.toml").returncode == 1
    assert not (here / "elsewhere.toml").exists()


@pytest.mark.parametrize(
    ("file", "told"),
    [
        ("no/config.toml", "error: the folder no does not exist; create it: mkdir -p no\n"),
        (".", "error: . is a folder; name a file: config.toml\n"),
    ],
)
def test_init_makes_no_folder(edge_cls: EdgeCls, here: Path, file: str, told: str) -> None:
    done = edge_cls("config", "init", file)
    assert (done.returncode, done.stderr) == (1, told)
    assert list(here.iterdir()) == []


def test_init_does_not_replace_a_folder(edge_cls: EdgeCls, here: Path) -> None:
    (here / "folder").mkdir()
    done = edge_cls("config", "init", "folder", "--force")
    assert (done.returncode, done.stderr) == (1, "error: folder is a folder; name a file: folder/config.toml\n")


def test_check_tells_each_fault_on_a_line_of_its_own(edge_cls: EdgeCls, here: Path) -> None:
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


def test_check_looks_at_what_the_file_names(edge_cls: EdgeCls, here: Path) -> None:
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
    ("name", "told"),
    [
        ("rtps://me:secret@cam/", "rtps://cam"),
        ("me:secret@rtsp://cam/", "...://cam"),
        ("rtsp:/me:secret@cam/1", "...@cam/1"),
        ("me:secret@cam/1", "...@cam/1"),
    ],
)
def test_check_does_not_tell_the_password_in_an_address_that_is_misspelt(
    edge_cls: EdgeCls, here: Path, monkeypatch: pytest.MonkeyPatch, name: str, told: str
) -> None:
    monkeypatch.setattr(checks, "DEFAULT_FILE", here / "config.toml")
    monkeypatch.setattr(checks, "_HIDDEN", (here,))  # so that it is told that it is not seen, too
    (here / "config.toml").write_text(f"source.name = '{name}'")
    code, (problem,), warnings = checked(edge_cls("config", "check", "config.toml"))
    assert (code, any("secret" in line for line in (problem, *warnings))) == (78, False)
    assert f"{told} does not exist; " in problem


def test_check_takes_what_is_there(edge_cls: EdgeCls, here: Path) -> None:
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


DOUBTS = {
    "source.name = 'demo'\nclasses = 'model'": "classes: the built-in backbone has no classes of its own; set model, "
    "or remove it",
    "source.name = 'demo'\nmemory = 'no/a.db'": "memory: the folder no does not exist; create it: mkdir -p no",
    "source.name = 'demo'\nlabels = 'config.toml'": "labels: the built-in backbone has no classes of its own; set "
    "model, or remove it",
    "source.name = 'demo'\nclasses = 'memory'": "classes: without a memory there are no taught classes; set memory, "
    "or change classes",
    "source.name = 'demo'\npanel = { kind = 'keyboard', button = [{ key = 'a', label = 'a' }] }": "panel.button: "
    "without a memory nothing can be taught; set memory",
    "source.name = 'demo'\nsink = [{ kind = 'state_file', path = '/no/x' }]": "sink #1, path: the folder /no does not "
    "exist; create it: mkdir -p /no",
}


@pytest.mark.parametrize(("text", "told"), DOUBTS.items(), ids=[text.splitlines()[-1][:20] for text in DOUBTS])
def test_what_is_probably_not_meant_is_a_warning(edge_cls: EdgeCls, here: Path, text: str, told: str) -> None:
    (here / "config.toml").write_text(text)
    (here / "config.toml").chmod(0o644)
    assert checked(edge_cls("config", "check", "config.toml")) == (
        0,
        ["config.toml: no problems found"],
        [f"warning: {told}"],
    )


def test_a_file_with_a_password_stays_readable_for_who_needs_it(
    edge_cls: EdgeCls, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = here / "config.toml"
    file.write_text("source.name = 'rtsp://me:secret@cam/'")
    file.chmod(0o644)
    if os.geteuid() == 0:
        os.chown(file, 1000, 1000)
    told = "warning: source.name: every user can read the password in this file; "
    assert edge_cls("config", "check", "config.toml").stderr == f"{told}chmod 640 config.toml\n"
    monkeypatch.setattr(checks, "DEFAULT_FILE", file)
    hint = "chown root:edge-cls config.toml && chmod 640 config.toml\n"
    assert edge_cls("config", "check", "config.toml").stderr == told + hint


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


@pytest.mark.parametrize(("text", "told"), OUT_OF_REACH.items(), ids=list(OUT_OF_REACH))
def test_what_the_service_does_not_see_or_may_not_write_is_a_doubt_of_its_configuration_alone(
    edge_cls: EdgeCls, here: Path, monkeypatch: pytest.MonkeyPatch, text: str, told: str
) -> None:
    file = here / "config.toml"
    file.write_text(f"source.name = 'demo'\n{text}" if "source" not in text else text)
    _, _, elsewhere = checked(edge_cls("config", "check", "config.toml"))
    assert not any("the service" in warning for warning in elsewhere)
    monkeypatch.setattr(checks, "DEFAULT_FILE", file)
    assert checked(edge_cls("config", "check", "config.toml"))[2] == [f"warning: {told}"]


def test_a_link_that_leads_out_of_the_services_sight_is_a_doubt(
    edge_cls: EdgeCls, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "DEFAULT_FILE", here / "config.toml")
    monkeypatch.setattr(checks, "_HIDDEN", (Path("/home"),))
    (here / "a.tflite").symlink_to("/home/me/a.tflite")
    (here / "config.toml").write_text("source.name = 'demo'\nmodel = 'a.tflite'")
    (told,) = checked(edge_cls("config", "check", "config.toml"))[2]
    assert told.startswith("warning: model: the service cannot see ")


def test_a_configuration_and_a_folder_of_the_service_that_are_links(
    edge_cls: EdgeCls, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a device with a read-only system, whose configuration and memory are on another card."""
    (here / "card").mkdir()
    (here / "state").symlink_to("card")
    (here / "config.toml").symlink_to("card/real.toml")
    monkeypatch.setattr(checks, "DEFAULT_FILE", here / "config.toml")
    monkeypatch.setattr(checks, "_HIDDEN", (Path("/home"),))
    monkeypatch.setattr(checks, "_WRITABLE", (here / "state",))
    text = f"source.name = 'demo'\nmemory = '{here}/state/taught.db'\n"
    (here / "card/real.toml").write_text(text)
    good(edge_cls("config", "check", "config.toml"))
    (here / "card/real.toml").write_text(f"{text}panel.kind = 'keyboard'")
    for name in ("config.toml", "card/real.toml"):
        (told,) = checked(edge_cls("config", "check", name))[2]
        assert told.startswith("warning: panel.device: the service has no terminal")


def test_what_the_service_has_is_no_doubt(edge_cls: EdgeCls, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "DEFAULT_FILE", here / "config.toml")
    monkeypatch.setattr(unit, "own_folders", lambda: [here])
    (here / "a.tflite").touch()
    (here / "config.toml").write_text(
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
    good(edge_cls("config", "check", "config.toml"))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has files of root")
def test_a_file_of_root_is_given_to_the_service_wherever_it_is(edge_cls: EdgeCls, here: Path) -> None:
    (here / "config.toml").write_text("source.name = 'rtsp://me:secret@cam/'")
    (here / "config.toml").chmod(0o644)
    told = edge_cls("config", "check", "config.toml").stderr
    assert told.endswith("; chown root:edge-cls config.toml && chmod 640 config.toml\n")


def test_a_password_that_few_may_read_or_that_is_elsewhere_is_no_doubt(
    edge_cls: EdgeCls, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = here / "config.toml"
    file.write_text("source.name = 'rtsp://me:secret@cam/'")
    file.chmod(0o640)
    good(edge_cls("config", "check", "config.toml"))
    file.chmod(0o644)
    monkeypatch.setenv("EDGE_CLS_SOURCE__NAME", "rtsp://me:other@cam/")
    good(edge_cls("config", "check", "config.toml"))


def test_the_environment_may_name_the_file(edge_cls: EdgeCls, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_a_folder_is_no_configuration(edge_cls: EdgeCls, here: Path) -> None:
    done = edge_cls("config", "check", str(here))
    assert (done.returncode, done.stdout) == (78, "")
    assert done.stderr == f"error: {here} is a folder; name a file, such as {here}/config.toml\n"


def test_a_file_with_an_odd_name_sends_no_codes_to_the_terminal(edge_cls: EdgeCls) -> None:
    assert "\x1b" not in good(edge_cls("config", "init", "a\x1b.toml"))
    assert "\x1b" not in edge_cls("config", "check", "a\x1b.toml").stdout
    assert "\x1b" not in edge_cls("config", "show", "a\x1b.toml").stdout


def test_show_is_a_configuration_itself_with_who_set_what(
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


def test_show_prints_json_alone(edge_cls: EdgeCls, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_a_bad_variable_is_refused_here_too(edge_cls: EdgeCls, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "config.toml").write_text("")
    monkeypatch.setenv("EDGE_CLS_SOURCE_NAME", "demo")
    told = "EDGE_CLS_SOURCE_NAME: unknown setting; did you mean EDGE_CLS_SOURCE__NAME?"
    assert checked(edge_cls("config", "check", "config.toml")) == (78, [told], [LATER])
    done = edge_cls("config", "show", "config.toml")
    assert (done.returncode, done.stdout, done.stderr) == (78, "", f"error: config.toml: {told}\n")
