"""The unit of the service: systemd's own verdict, and its adaptation to a machine."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from edge_cls.errors import ServiceError
from edge_cls.systemd import unit

ANALYZE = shutil.which("systemd-analyze") or ""
needs_systemd_analyze = pytest.mark.skipif(not ANALYZE, reason="systemd-analyze is absent (Debian package: systemd)")


def settings(text: str, name: str) -> list[str]:
    return [line.partition("=")[2] for line in text.splitlines() if line.startswith(f"{name}=")]


@pytest.fixture
def command(tmp_path: Path) -> Path:
    """The command of a virtual environment that the service can see if `tmp_path` is the home."""
    command = tmp_path / "venv/bin/edge-cls"
    command.parent.mkdir(parents=True)
    command.touch(0o755)
    for folder in (tmp_path, *command.parents[:2]):
        folder.chmod(0o755)
    return command


@pytest.fixture
def rendered(command: Path, tmp_path: Path) -> Path:
    """The unit for a command that exists, as a file."""
    file = tmp_path / "edge-cls.service"
    file.write_text(render(command, [command.parents[1]], home=tmp_path))
    return file


def render(command: Path, folders: list[Path], *, home: Path) -> str:
    """Return the shipped unit, adapted to `command`. No folder is closed: pytest's own are below /tmp."""
    return unit.render(unit.template(), command=command, folders=folders, home=home, closed=())


@needs_systemd_analyze
def test_systemd_verifies_the_unit_without_a_message(rendered: Path) -> None:
    # Its exit code is 0 even for keys that it does not know.
    done = subprocess.run([ANALYZE, "verify", str(rendered)], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)


@needs_systemd_analyze
def test_systemd_rates_the_exposure_of_the_unit_as_low(rendered: Path) -> None:
    words = [ANALYZE, "security", "--offline=true", "--threshold=25", "--no-pager", str(rendered)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_shipped_file_becomes_the_unit_of_this_command(command: Path, tmp_path: Path) -> None:
    text = render(command, [Path("/usr")], home=tmp_path)
    assert settings(text, "ExecStart") == [f"{command} run --config /etc/edge-cls/config.toml"]
    assert text.replace(str(command), "/opt/edge-cls/bin/edge-cls") == unit.template()


@pytest.mark.usefixtures("command")
def test_only_the_needed_folders_of_home_are_shown(tmp_path: Path) -> None:
    home = tmp_path / "home"
    folders = [home / "pi/venv", home / "pi/venv/lib/python3.13/site-packages", home / "pi/python", Path("/usr")]
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
    # The home itself may be closed to all other users.
    (home / "pi").chmod(0o700)
    text = render(home / "pi/venv", folders, home=home)
    assert settings(text, "BindReadOnlyPaths") == [str(home / "pi/python"), str(home / "pi/venv")]


def test_the_modules_of_all_allowed_groups_of_devices_are_loaded_before_the_service_starts() -> None:
    modules = {"video4linux": "videodev", "media": "videodev", "drm": "drm", "usb_device": "usbcore", "apex": "apex"}
    built_in = {"dma_heap", "gpiochip", "input"}
    allowed = {line.split()[0] for line in settings(unit.template(), "DeviceAllow")}
    assert allowed == {f"char-{group}" for group in modules.keys() | built_in} | {"/dev/gpiomem"}
    for when in ("Wants", "After"):
        (units,) = settings(unit.template(), when)
        assert set(units.split()) == {f"modprobe@{module}.service" for module in modules.values()}


def test_a_folder_closed_to_the_service_is_refused(command: Path, tmp_path: Path) -> None:
    venv = command.parents[1]
    venv.chmod(0o700)
    with pytest.raises(ServiceError, match=f"may not enter {venv}; run: chmod -R o\\+rX {venv}"):
        render(command, [venv], home=tmp_path)


@pytest.mark.parametrize("folder", ["/root/venv", "/tmp/venv"])  # noqa: S108 - none is used
def test_a_folder_that_the_service_cannot_see_is_refused(folder: str) -> None:
    with pytest.raises(ServiceError, match=f"cannot see {folder}; .* elsewhere: /usr/bin/python3 -m"):
        unit.render(unit.template(), command=Path("/usr/bin/env"), folders=[Path(folder)])


@pytest.mark.parametrize("name", ["my venv", "50%", "a\nUser=root", "a:b", '"', "Küche"])
def test_a_path_that_systemd_would_misinterpret_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match="characters that systemd would misinterpret"):
        unit.render(unit.template(), command=tmp_path / name / "edge-cls", folders=[])


def test_the_user_joins_only_groups_that_exist() -> None:
    lines = unit.render_user({"video", "gpio", "apex", "audio"}).splitlines()
    assert lines == [
        'u edge-cls - "edge-cls image classification" /var/lib/edge-cls',
        "m edge-cls video",
        "m edge-cls gpio",
        "m edge-cls apex",
    ]


def test_the_command_and_the_folders_of_this_python_are_found() -> None:
    assert os.access(unit.own_command(), os.X_OK)
    package = Path(unit.__file__).resolve()
    assert any(package.is_relative_to(folder) for folder in unit.own_folders())


def test_a_python_without_the_command_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match=r"/edge-cls does not exist; install"):
        unit.own_command(tmp_path)
