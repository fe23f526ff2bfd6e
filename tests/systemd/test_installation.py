"""`edge-cls service` on a system that is a folder, with a recorder in place of the system's commands."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import pytest

from edge_cls.errors import ServiceError
from edge_cls.model.backbones import expected_path
from edge_cls.model.lite0 import weights
from edge_cls.systemd import installation, unit
from edge_cls.systemd.installation import CONFIG
from tests.commands import EdgeCls

SHOWN = """\
LoadState=loaded
ActiveState=active
SubState=running
UnitFileState=enabled
StatusText=running: mug = 0.9
NRestarts=2
MainPID=4711
Result=success
WatchdogTimestamp=@1700000000
"""


@dataclass
class System:
    """A root folder, and the commands that were run on it."""

    root: Path
    calls: list[str] = field(default_factory=list)

    def call(self, *words: str) -> str:
        self.calls.append(" ".join(words).replace(str(self.root), ""))
        return ""

    def install(self, *, now: bool = False, unit: str = "[Service]\n") -> bool:
        return installation.install(
            unit=unit,
            user="u edge-cls\n",
            config="[source]\n",
            prepare=lambda state: self.calls.append(f"prepare {state}".replace(str(self.root), "")),
            now=now,
            root=self.root,
            call=self.call,
        )

    def uninstall(self, *, purge: bool) -> list[Path]:
        return installation.uninstall(purge=purge, root=self.root, call=self.call)

    def files(self) -> dict[str, str]:
        return {str(path.relative_to(self.root)): path.read_text() for path in self.root.rglob("*") if path.is_file()}


@pytest.fixture
def system(tmp_path: Path) -> System:
    return System(tmp_path)


def test_installing_writes_three_files_and_enables_the_unit_but_does_not_start_it_without_a_camera(
    system: System,
) -> None:
    assert system.install(now=True)
    assert system.files() == {
        "etc/systemd/system/edge-cls.service": "[Service]\n",
        "etc/sysusers.d/edge-cls.conf": "u edge-cls\n",
        "etc/edge-cls/config.toml": "[source]\n",
    }
    assert system.calls == [
        "systemd-sysusers /etc/sysusers.d/edge-cls.conf",
        "chown root:edge-cls /etc/edge-cls/config.toml",
        "install --directory --owner=edge-cls --group=edge-cls --mode=0750 /var/lib/edge-cls",
        "prepare /var/lib/edge-cls",
        "systemctl daemon-reload",
        "systemctl enable edge-cls.service",
    ]
    assert (system.root / CONFIG).stat().st_mode & 0o777 == 0o640


def test_installing_again_replaces_the_unit_and_keeps_the_configuration_readable_for_the_service(
    system: System,
) -> None:
    system.install()
    (system.root / CONFIG).write_text("mine")
    (system.root / CONFIG).chmod(0o600)
    system.calls.clear()
    assert not system.install(now=True, unit="new")
    assert system.files()["etc/systemd/system/edge-cls.service"] == "new"
    assert system.files()["etc/edge-cls/config.toml"] == "mine"
    assert "chown root:edge-cls /etc/edge-cls/config.toml" in system.calls
    assert (system.root / CONFIG).stat().st_mode & 0o777 == 0o640
    assert system.calls[-1] == "systemctl restart --no-block edge-cls.service"


def test_uninstalling_keeps_configuration_and_state(system: System) -> None:
    system.install()
    (system.root / "var/lib/edge-cls").mkdir(parents=True)
    (system.root / "var/lib/edge-cls/taught.db").write_text("taught")
    system.calls.clear()
    for _ in range(2):
        system.uninstall(purge=False)
    assert system.calls == ["systemctl disable --now edge-cls.service", "systemctl daemon-reload"]
    assert set(system.files()) == {
        "etc/sysusers.d/edge-cls.conf",
        "etc/edge-cls/config.toml",
        "var/lib/edge-cls/taught.db",
    }


def test_a_purge_removes_all_files_and_the_user(system: System) -> None:
    system.install()
    for path in ("var/lib/edge-cls/taught.db", "etc/systemd/system/edge-cls.service.d/override.conf"):
        (system.root / path).parent.mkdir(parents=True)
        (system.root / path).touch()
    for _ in range(2):
        system.uninstall(purge=True)
    assert system.files() == {}
    assert system.calls[-1] == "userdel edge-cls"


def test_a_purge_keeps_and_reports_the_target_of_a_link(system: System) -> None:
    """The target may be a whole disk."""
    elsewhere = system.root / "mnt/card"
    elsewhere.mkdir(parents=True)
    (elsewhere / "photo.jpg").touch()
    (system.root / "var/lib").mkdir(parents=True)
    (system.root / "var/lib/edge-cls").symlink_to(elsewhere)
    system.install()
    assert system.uninstall(purge=True) == [elsewhere]
    assert (elsewhere / "photo.jpg").exists()
    assert not (system.root / "var/lib/edge-cls").is_symlink()


@pytest.mark.parametrize("mounted", ["edge-cls", "ssd"])
def test_a_purge_empties_a_mount_point(system: System, monkeypatch: pytest.MonkeyPatch, mounted: str) -> None:
    state = system.root / "var/lib/edge-cls"
    for name in ("ssd", "other"):
        (state / name).mkdir(parents=True)
        (state / name / "photo.jpg").touch()
    (state / "taught.db").touch()
    system.install()

    def rmdir(path: str | Path, *, dir_fd: int | None = None, true: Callable[..., None] = os.rmdir) -> None:
        if Path(path).name == mounted and "etc" not in Path(path).parts:
            raise OSError(errno.EBUSY, "Device or resource busy")
        true(path, dir_fd=dir_fd)

    monkeypatch.setattr(os, "rmdir", rmdir)
    assert system.uninstall(purge=True) == []
    assert [path.name for path in state.rglob("*")] == (["ssd"] if mounted == "ssd" else [])
    assert system.calls[-1] == "userdel edge-cls"


def test_a_purge_that_fails_for_another_reason_raises(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    def unlink(*_: object, **__: object) -> NoReturn:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    system.install()
    monkeypatch.setattr(os, "unlink", unlink)
    with pytest.raises(PermissionError):
        system.uninstall(purge=True)
    monkeypatch.undo()


def test_the_files_for_systemd_are_readable_for_all_users_whatever_the_umask(system: System) -> None:
    old = os.umask(0o077)
    try:
        system.install()
    finally:
        os.umask(old)
    modes = {name: (system.root / name).stat().st_mode & 0o777 for name in system.files()}
    assert modes == {
        "etc/systemd/system/edge-cls.service": 0o644,
        "etc/sysusers.d/edge-cls.conf": 0o644,
        "etc/edge-cls/config.toml": 0o640,
    }


def test_the_error_of_a_command_contains_its_own_message() -> None:
    with pytest.raises(ServiceError, match=r"ls /does/not/exist: .*No such file"):
        installation.call("ls", "/does/not/exist")
    with pytest.raises(ServiceError, match="no-such-command is not installed"):
        installation.call("no-such-command")


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of programs that come first in PATH, on a system where systemd seems to run."""
    monkeypatch.setattr(installation, "require_systemd", lambda: None)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    return tmp_path


def program(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def test_the_status_is_that_of_systemd(programs: Path, edge_cls: EdgeCls) -> None:
    program(programs, "systemctl", f"cat <<'END'\n{SHOWN}END")
    done = edge_cls("service", "status")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "active (running), enabled",
        "says:     running: mug = 0.9",
        "process:  4711",
        "restarts: 2",
    ]
    assert json.loads(edge_cls("service", "status", "--json").stdout) == {
        "schema": 1,
        "load": "loaded",
        "active": "active",
        "sub": "running",
        "enabled": "enabled",
        "text": "running: mug = 0.9",
        "restarts": 2,
        "pid": 4711,
        "result": "success",
        "heard": 1_700_000_000,
    }


@pytest.mark.parametrize(
    ("changes", "code", "first"),
    [
        ({"ActiveState=active": "ActiveState=reloading"}, 0, "reloading (running), enabled"),
        (
            {"ActiveState=active": "ActiveState=activating", "running": "auto-restart", "success": "watchdog"},
            3,
            "activating (auto-restart, watchdog), enabled",
        ),
        (
            {"ActiveState=active": "ActiveState=inactive", "loaded": "not-found"},
            3,
            "not installed; install it: edge-cls service install",
        ),
    ],
)
def test_the_exit_code_of_status_depends_on_the_state(
    changes: dict[str, str], code: int, first: str, programs: Path, edge_cls: EdgeCls
) -> None:
    shown = SHOWN
    for old, new in changes.items():
        shown = shown.replace(old, new)
    program(programs, "systemctl", f"cat <<'END'\n{shown}END")
    done = edge_cls("service", "status")
    assert (done.returncode, done.stderr, done.stdout.splitlines()[0]) == (code, "", first)


def test_logs_prints_the_output_of_journalctl(programs: Path, edge_cls: EdgeCls) -> None:
    program(programs, "journalctl", 'echo "$@"; exit 5')
    done = edge_cls("service", "logs", "--follow", "--lines", "7")
    assert done == (5, "--unit=edge-cls.service --lines=7 --follow\n", "")


@pytest.fixture
def installed(programs: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """A function that sets the configuration and returns the state folder that `service install` prepares."""
    state = programs / "state"
    state.mkdir()
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr(unit, "own_command", lambda: Path("/usr/bin/env"))
    monkeypatch.setattr(unit, "own_folders", lambda: [Path("/usr")])

    def configure(config: str) -> Path:
        (programs / "config.toml").write_text(config)
        monkeypatch.setattr("edge_cls.config.DEFAULT_FILE", programs / "config.toml")
        return state

    def install(*, prepare: Callable[[Path], None], **_: object) -> bool:
        prepare(state)
        return False

    monkeypatch.setattr(installation, "install", install)
    return configure


@pytest.mark.parametrize(
    ("config", "name"),
    [
        ("", "lite0-160"),
        ("model = 'lite0-128'", "lite0-128"),
        ("modle = 1", "lite0-160"),
    ],
)
def test_installing_builds_the_backbone_below_the_state_of_the_service(
    installed: Callable[[str], Path], edge_cls: EdgeCls, monkeypatch: pytest.MonkeyPatch, config: str, name: str
) -> None:
    state = installed(config)
    code, _, err = edge_cls("service", "install")
    (built,) = (state / "backbones").iterdir()
    assert (code, err) == (0, f"backbone: {built}\n")
    monkeypatch.setenv("STATE_DIRECTORY", str(state))
    assert expected_path(name) == built


@pytest.mark.parametrize("model", ["builtin", "/a/model.tflite"])
def test_installing_builds_nothing_for_a_service_with_another_model(
    installed: Callable[[str], Path], edge_cls: EdgeCls, model: str
) -> None:
    state = installed(f"model = '{model}'")
    code, _, err = edge_cls("service", "install")
    assert (code, err, list(state.iterdir())) == (0, "", [])


def test_installing_reports_a_backbone_that_cannot_be_built(
    installed: Callable[[str], Path], edge_cls: EdgeCls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights, "_MODULE", "no_such_package_of_weights")
    installed("")
    code, _, err = edge_cls("service", "install")
    assert code == 0
    assert err.startswith("warning: the weights of EfficientNet-Lite0 are not installed")
    assert err.endswith("or use the backbone builtin\n")


@pytest.mark.parametrize("words", [["install"], ["uninstall"], ["status"], ["logs"]])
def test_without_systemd_the_hint_names_the_command_to_run(
    words: list[str], edge_cls: EdgeCls, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(installation, "_RUNNING", tmp_path / "nowhere")
    done = edge_cls("service", *words)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: systemd does not run this system; let this system's service manager run:")


@pytest.mark.parametrize("words", ["install --now", "uninstall --purge"])
@pytest.mark.usefixtures("programs")
def test_without_root_the_hint_is_the_command_with_sudo(
    words: str, edge_cls: EdgeCls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    done = edge_cls("service", *words.split())
    assert done.returncode == 1
    assert done.stderr.startswith("error: this needs root; run: sudo /")
    assert done.stderr.endswith(f"/edge-cls service {words}\n")


def test_a_dry_run_prints_the_unit_and_needs_no_root(edge_cls: EdgeCls, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unit, "own_command", lambda: Path("/usr/bin/env"))
    monkeypatch.setattr(unit, "own_folders", lambda: [Path("/usr")])
    done = edge_cls("service", "install", "--dry-run")
    assert (done.returncode, done.stderr) == (0, "")
    assert "\nType=notify\n" in done.stdout
