"""A machine with a real systemd: a Debian in a container, made and booted by the testbed's script."""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.commands import Done

PATIENCE = 60.0
SERVICE = "edge-cls.service"
VENV = Path("/home/maker/venv")
"""The typical place of a virtual environment: below a home that is closed to other users."""

_OVERRIDE = Path("etc/systemd/system/edge-cls.service.d/override.conf")


@dataclass(frozen=True)
class Machine:
    """The machine in `root`, which `script` boots and stops."""

    script: Path
    root: Path

    def boot(self) -> None:
        """Start it. Raises RuntimeError if that is not possible."""
        self._script("boot")
        if not (self.root.with_name(f"{self.root.name}.leader").read_text().strip()):
            console = self.root.with_name(f"{self.root.name}.console").read_text(errors="replace")
            raise RuntimeError(f"no systemd came up: {console[-500:]}")

    def stop(self) -> None:
        """Power it off."""
        self._script("stop")

    def run(self, *words: str) -> Done:
        """Run a command on it, as root."""
        done = subprocess.run(
            ["bash", self.script, "run", self.root, *words],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def good(self, *words: str) -> str:
        """Run a command on it that must succeed, and return what it printed."""
        done = self.run(*words)
        assert done.returncode == 0, f"{' '.join(words)}: {done.stdout}{done.stderr}"
        return done.stdout

    def edge_cls(self, *words: str) -> str:
        """Run our command, as root, which must succeed."""
        return self.good(f"{VENV}/bin/edge-cls", *words)

    def as_service(self, *words: str) -> str:
        """Run our command as the service's user, in a sandbox like the service's; it must succeed."""
        properties = ["User=edge-cls", "ProtectHome=tmpfs", f"BindReadOnlyPaths={VENV}", "StateDirectory=edge-cls"]
        given = [f"--property={one}" for one in properties]
        return self.good("systemd-run", "--quiet", "--pipe", "--wait", *given, f"{VENV}/bin/edge-cls", *words)

    def write(self, path: str, content: str | bytes) -> None:
        """Write a file on it, in one step."""
        file = self.root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        new = file.with_name(f".{file.name}.new")
        new.write_bytes(content.encode() if isinstance(content, str) else content)
        # The permissions and the owner of an existing file are kept.
        if file.exists():
            shutil.copymode(file, new)
            shutil.chown(new, file.stat().st_uid, file.stat().st_gid)
        new.replace(file)

    def override(self, *settings: str) -> None:
        """Let the service run with these `settings` from its next start on."""
        self.write(str(_OVERRIDE), "\n".join(["[Service]", *settings, ""]))
        self.good("systemctl", "daemon-reload")

    def property(self, name: str) -> str:
        """Return a property of the service from systemd."""
        return self.good("systemctl", "show", SERVICE, "--value", f"--property={name}").strip()

    def now(self) -> float:
        """Return the time of systemd's monotonic clock, in seconds."""
        return float(self.good("python3", "-c", "import time; print(time.monotonic())"))

    def moment(self, name: str) -> float:
        """Return the time of an event of the service by systemd's monotonic clock, in seconds."""
        return int(self.property(f"{name}TimestampMonotonic")) / 1e6

    def log(self, *matches: str) -> list[dict[str, str]]:
        """Return the entries of the service in the journal."""
        self.good("journalctl", "--sync")
        text = self.good("journalctl", "--quiet", "--output=json", f"--unit={SERVICE}", *matches)
        return [json.loads(line) for line in text.splitlines()]

    def forget_log(self) -> None:
        """Empty the journal."""
        self.good("journalctl", "--quiet", "--rotate", "--vacuum-size=1")

    def wait_until(self, holds: Callable[[], bool], what: str) -> None:
        """Return once `holds` returns true. Raises AssertionError with the last log of the service if it never does."""
        pause, deadline = threading.Event(), time.monotonic() + PATIENCE
        while not holds():
            if time.monotonic() > deadline:
                status = self.run("systemctl", "status", "--no-pager", "--lines=40", SERVICE).stdout
                raise AssertionError(f"not within {PATIENCE:g} s: {what}\n{status}")
            pause.wait(0.1)

    def wait_for(self, name: str, value: str) -> None:
        """Return once the property `name` of the service has the value `value`."""
        self.wait_until(lambda: self.property(name) == value, f"{name}={value}")

    def install_wheel(self, checkout: Path, wheels: Path) -> None:
        """Build the wheel of `checkout` and install it into VENV, with the newest versions of its requirements."""
        pip = [sys.executable, "-m", "pip", "--quiet"]
        _checked([*pip, "wheel", "--no-deps", "--wheel-dir", str(wheels), str(checkout)])
        here = platform.machine()
        tags = ["manylinux2014", *(f"manylinux_2_{minor}" for minor in (17, 27, 28, 34))]
        python = self.good("python3", "-c", "import sys; print('%d.%d' % sys.version_info[:2])").strip()
        wanted = ["--only-binary=:all:", f"--python-version={python}", *(f"--platform={tag}_{here}" for tag in tags)]
        ours = next(wheels.glob("edge_cls-*.whl"))
        _checked([*pip, "download", "--dest", str(wheels), *wanted, "pip", str(ours)])
        shutil.copytree(wheels, self.root / "opt/wheels")
        self.good("useradd", "--create-home", "maker")
        self.good("chmod", "700", "/home/maker")
        as_maker = ["runuser", "-u", "maker", "--"]
        self.good(*as_maker, "python3", "-m", "venv", "--without-pip", str(VENV))
        pip_wheel = next(wheels.glob("pip-*.whl")).name
        self.good(
            *as_maker, f"{VENV}/bin/python", f"/opt/wheels/{pip_wheel}/pip",
            "install", "--quiet", "--no-index", "--find-links=/opt/wheels", "edge-cls",
        )  # fmt: skip

    def _script(self, verb: str) -> None:
        _checked(["bash", str(self.script), verb, str(self.root)])


def _checked(words: list[str]) -> None:
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(words)}: {done.stdout[-2000:]}")
