"""The notifications of the service, read from the socket that systemd would read."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge_cls.systemd.notify import Notifier
from edge_cls.testing import FakeClock


class Manager:
    """The end of the socket that systemd holds."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(address.replace("@", "\0", 1))
        self._socket.setblocking(False)

    def calls(self) -> list[str]:
        """Return the messages since the last call: a datagram is in the queue as soon as `send` has returned."""
        messages = []
        while True:
            try:
                messages.append(self._socket.recv(4096).decode())
            except BlockingIOError:
                return messages

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Manager]:
    manager = Manager(str(tmp_path / "notify") if request.param == "path" else f"@edge-cls-test-{os.getpid()}")
    yield manager
    manager.close()


def test_each_method_sends_its_variable_of_sd_notify(manager: Manager) -> None:
    notifier = Notifier.from_environment({"NOTIFY_SOCKET": manager.address}, clock=FakeClock(5.0))
    notifier.status("waiting for the camera")
    notifier.ready()
    notifier.reloading()
    notifier.stopping()
    assert manager.calls() == [
        "STATUS=waiting for the camera",
        "READY=1",
        "RELOADING=1\nMONOTONIC_USEC=5000000",
        "STOPPING=1",
    ]


def test_a_status_is_one_line_and_is_sent_only_if_it_changes(manager: Manager) -> None:
    notifier = Notifier(manager.address, clock=FakeClock())
    for text in ("mug\nMAINPID=1", "mug\nMAINPID=1", "Käse", "mug\nMAINPID=1"):
        notifier.status(text)
    assert manager.calls() == ["STATUS=mug MAINPID=1", "STATUS=Käse", "STATUS=mug MAINPID=1"]


def test_the_watchdog_is_notified_four_times_in_its_interval(manager: Manager) -> None:
    clock = FakeClock()
    environ = {"NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": "8000000", "WATCHDOG_PID": str(os.getpid())}
    notifier = Notifier.from_environment(environ, clock=clock)
    notifier.ready()
    manager.calls()
    for _ in range(80):
        notifier.watchdog()
        clock.sleep(0.1)
    assert manager.calls() == ["WATCHDOG=1"] * 4


def test_before_the_service_is_ready_the_watchdog_extends_the_start_timeout(manager: Manager) -> None:
    clock = FakeClock()
    notifier = Notifier.from_environment({"NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": "8000000"}, clock=clock)
    notifier.watchdog()
    notifier.ready()
    clock.sleep(2.0)
    notifier.watchdog()
    assert manager.calls() == ["EXTEND_TIMEOUT_USEC=8000000", "READY=1", "WATCHDOG=1"]


@pytest.mark.parametrize(
    "variables",
    [{}, {"WATCHDOG_USEC": "0"}, {"WATCHDOG_USEC": "soon"}, {"WATCHDOG_USEC": "8000000", "WATCHDOG_PID": "1"}],
)
def test_without_a_watchdog_the_interval_is_half_a_minute(manager: Manager, variables: dict[str, str]) -> None:
    notifier = Notifier.from_environment({"NOTIFY_SOCKET": manager.address, **variables}, clock=FakeClock())
    notifier.watchdog()
    assert manager.calls() == ["EXTEND_TIMEOUT_USEC=30000000"]


EVERY_METHOD: list[Callable[[Notifier], None]] = [
    Notifier.ready,
    Notifier.watchdog,
    Notifier.reloading,
    Notifier.stopping,
    lambda notifier: notifier.status("fine"),
]


@pytest.mark.parametrize("call", EVERY_METHOD)
def test_without_systemd_no_socket_is_opened(call: Callable[[Notifier], None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "socket", None)
    call(Notifier.from_environment({}, clock=time))


@pytest.mark.parametrize("call", EVERY_METHOD)
def test_a_missing_manager_is_logged_once(
    call: Callable[[Notifier], None], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    notifier = Notifier(str(tmp_path / "gone"), clock=time)
    call(notifier)
    call(notifier)
    assert [(record.levelname, "systemd could not be notified" in record.message) for record in caplog.records] == [
        ("WARNING", True)
    ]


def test_a_variable_that_did_not_fit_into_the_queue_is_sent_with_the_next_notification_of_the_watchdog(
    manager: Manager, caplog: pytest.LogCaptureFixture
) -> None:
    clock = FakeClock()
    notifier = Notifier(manager.address, watchdog_s=8.0, send_timeout_s=0.0, clock=clock)
    index = 0
    while not caplog.records:
        notifier.status(str(index := index + 1))
        assert index < 10_000, "the queue of the socket is never full"
    notifier.ready()
    notifier.watchdog()
    manager.calls()
    notifier.status("running")
    clock.sleep(2.0)
    notifier.watchdog()
    clock.sleep(2.0)
    notifier.watchdog()
    assert manager.calls() == ["STATUS=running", "READY=1\nWATCHDOG=1", "WATCHDOG=1"]


def test_a_status_that_could_not_be_sent_is_sent_later_in_its_newest_form(tmp_path: Path) -> None:
    clock = FakeClock()
    notifier = Notifier(str(tmp_path / "notify"), watchdog_s=8.0, clock=clock)
    for text in ("waiting", "Käse", "Käse"):
        notifier.status(text)
    with contextlib.closing(Manager(str(tmp_path / "notify"))) as manager:
        notifier.status("Käse")
        notifier.watchdog()
        assert manager.calls() == ["STATUS=Käse\nEXTEND_TIMEOUT_USEC=8000000"]


def test_a_status_is_never_too_long_for_systemd(tmp_path: Path) -> None:
    notifier = Notifier(str(tmp_path / "notify"), clock=FakeClock())
    notifier.status("📷" * 5000)
    notifier.ready()
    with contextlib.closing(Manager(str(tmp_path / "notify"))) as manager:
        notifier.watchdog()
        (message,) = manager.calls()
    status, *others = message.splitlines()
    assert len(message.encode()) <= 4096
    assert (status, others) == (f"STATUS={'📷' * 997}...", ["READY=1", "WATCHDOG=1"])
