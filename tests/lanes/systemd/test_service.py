"""The service under a real systemd: installed from a wheel, watched, killed, hung, misled, and well again."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.lanes.systemd.machine import SERVICE, VENV, Machine
from tests.lanes.systemd.situation import CLASSES, CONFIG, MEMORY, NetworkCamera, install, recognises, seen

pytestmark = pytest.mark.systemd


@pytest.fixture
def purged(machine: Machine) -> Iterator[Machine]:
    """The machine without the service, at the end as at the beginning."""
    machine.forget_log()
    yield machine
    machine.edge_cls("service", "uninstall", "--purge")


def test_freshly_installed_it_is_not_started_before_its_camera_is_named(purged: Machine, camera: NetworkCamera) -> None:
    assert "name the camera in /etc/edge-cls/config.toml" in purged.edge_cls("service", "install", "--now")
    assert (purged.property("UnitFileState"), purged.property("ActiveState")) == ("enabled", "inactive")
    camera.switch_on()
    purged.write("/etc/edge-cls/config.toml", CONFIG)
    # There may be a password in it.
    assert purged.good("stat", "--format=%U %G %a", "/etc/edge-cls/config.toml").split() == ["root", "edge-cls", "640"]
    purged.edge_cls("service", "install", "--now")
    purged.wait_for("ActiveState", "active")


def test_it_waits_for_a_camera_that_is_missing_at_boot_and_is_ready_with_the_first_frame(
    purged: Machine, camera: NetworkCamera
) -> None:
    purged.override("TimeoutStartSec=2", "WatchdogSec=2")
    install(purged)
    purged.wait_until(
        lambda: "trying again" in purged.property("StatusText"), "STATUS= says that the camera is missing"
    )
    began = purged.moment("InactiveExit")
    purged.wait_until(lambda: purged.now() > began + 8, "it waits for longer than it has to start in")
    assert (purged.property("ActiveState"), purged.property("SubState")) == ("activating", "start")
    camera.switch_on()
    purged.wait_for("ActiveState", "active")
    assert purged.property("NRestarts") == "0"
    assert purged.property("StatusText") == "camera: running"


def test_one_that_hangs_while_it_starts_is_started_anew(purged: Machine, camera: NetworkCamera) -> None:
    purged.override("TimeoutStartSec=2", "WatchdogSec=2")
    install(purged)
    purged.wait_until(lambda: "trying again" in purged.property("StatusText"), "it waits for the camera")
    purged.good("systemctl", "kill", "--signal=STOP", SERVICE)
    purged.wait_until(lambda: purged.property("NRestarts") == "1", "systemd starts it anew")
    camera.switch_on()
    purged.wait_for("ActiveState", "active")


def test_killed_it_is_back_within_five_seconds_with_every_taught_class(service: Machine, camera: NetworkCamera) -> None:
    for label in CLASSES:
        recognises(service, camera, label)
    service.good("systemctl", "kill", "--signal=KILL", SERVICE)
    service.wait_for("NRestarts", "1")
    service.wait_for("ActiveState", "active")
    assert service.moment("ActiveEnter") - service.moment("ActiveExit") <= 5.0
    for label in CLASSES:
        recognises(service, camera, label)


def test_it_never_gives_up(service: Machine) -> None:
    for count in range(1, 8):
        service.good("systemctl", "kill", "--signal=KILL", SERVICE)
        service.wait_for("NRestarts", str(count))
        service.wait_for("ActiveState", "active")


def test_hung_it_is_started_anew_by_the_watchdog(service: Machine, camera: NetworkCamera) -> None:
    service.override("WatchdogSec=3")
    service.good("systemctl", "restart", SERVICE)
    service.good("systemctl", "kill", "--kill-whom=main", "--signal=STOP", SERVICE)
    service.wait_for("NRestarts", "1")
    service.wait_for("ActiveState", "active")
    assert any("Watchdog timeout" in entry["MESSAGE"] for entry in service.log("_PID=1"))
    # Where each of its threads was.
    assert any("Current thread" in entry["MESSAGE"] or "Thread 0x" in entry["MESSAGE"] for entry in service.log())
    recognises(service, camera, "cup")


def test_it_lives_on_while_the_camera_is_gone(service: Machine, camera: NetworkCamera) -> None:
    service.override("WatchdogSec=2")
    service.good("systemctl", "restart", SERVICE)
    recognises(service, camera, "mug")
    camera.switch_off()
    service.wait_until(lambda: "trying again" in service.property("StatusText"), "STATUS= says that the camera is gone")
    gone = service.moment("Watchdog")
    service.wait_until(lambda: service.moment("Watchdog") > gone + 6, "the watchdog is fed meanwhile")
    camera.switch_on()
    recognises(service, camera, "plate")
    assert service.property("NRestarts") == "0"


def test_it_may_write_its_own_folders_alone(service: Machine) -> None:
    # Even root, in the service's view of the files.
    inside = ["nsenter", f"--target={service.property('MainPID')}", "--mount"]
    for folder in ("/", "/etc", "/etc/edge-cls", "/usr", "/opt", "/srv", "/boot", "/var", "/var/lib", "/var/log", VENV):
        done = service.run(*inside, "touch", f"{folder}/mark")
        assert (done.returncode, "Read-only file system" in done.stderr) == (1, True), folder
    for folder in ("/var/lib/edge-cls", "/run/edge-cls"):
        service.good(*inside, "touch", f"{folder}/mark")
    assert service.good(*inside, "ls", "/home/maker").split() == ["venv"]
    private = "/tmp/mark"  # noqa: S108 - it is the service's own /tmp
    service.good(*inside, "touch", private)
    assert service.run("test", "-e", private).returncode == 1


def test_it_is_nobody_in_particular(service: Machine) -> None:
    status = service.good("cat", f"/proc/{service.property('MainPID')}/status")
    facts = {name: value.split() for name, _, value in (line.partition(":") for line in status.splitlines())}
    assert set(facts["Uid"]) == {service.good("id", "--user", "edge-cls").strip()} != {"0"}
    assert {facts[name][0] for name in ("CapEff", "CapPrm", "CapInh", "CapBnd", "CapAmb")} == {"0000000000000000"}
    assert (facts["NoNewPrivs"], facts["Seccomp"]) == (["1"], ["2"])


def test_a_configuration_that_makes_no_sense_ends_it_with_78_and_it_stays_down(
    purged: Machine, camera: NetworkCamera
) -> None:
    camera.switch_on()
    install(purged, CONFIG.replace("enter", "entre"))
    purged.wait_for("ActiveState", "failed")
    assert (purged.property("ExecMainStatus"), purged.property("NRestarts")) == ("78", "0")
    assert any("entre" in entry["MESSAGE"] for entry in purged.log("PRIORITY=3"))
    install(purged)
    purged.wait_for("ActiveState", "active")


def test_a_reload_takes_what_is_new_and_keeps_what_is_seen(service: Machine, camera: NetworkCamera) -> None:
    recognises(service, camera, "mug")
    process = service.property("MainPID")
    service.write("/etc/edge-cls/config.toml", CONFIG + '[[sink]]\nkind = "json_lines"\npath = "/var/lib/edge-cls/e"\n')
    service.good("systemctl", "reload", SERVICE)
    camera.shows("cup")

    def told() -> list[str]:
        done = service.run("cat", "/var/lib/edge-cls/e")
        return [line.get("event") for line in map(json.loads, done.stdout.splitlines()) if line.get("event")]

    service.wait_until(lambda: bool(told()), "the new sink is told")
    # Not "entered": the mug was not forgotten.
    assert told() == ["changed"]
    assert (service.property("MainPID"), service.property("ActiveState")) == (process, "active")


def test_a_reload_of_nonsense_changes_nothing(service: Machine, camera: NetworkCamera) -> None:
    process = service.property("MainPID")
    service.write("/etc/edge-cls/config.toml", "nonsense")
    service.good("systemctl", "reload", SERVICE)
    service.wait_until(lambda: any("refused" in entry["MESSAGE"] for entry in service.log("PRIORITY=3")), "it is said")
    recognises(service, camera, "plate")
    assert (service.property("MainPID"), service.property("ActiveState")) == (process, "active")


def test_a_reload_that_comes_too_early_does_not_end_it(service: Machine) -> None:
    before = service.property("MainPID")
    service.good("systemctl", "restart", "--no-block", SERVICE)
    service.wait_until(lambda: service.property("MainPID") not in ("0", before), "it starts")
    service.run("systemctl", "kill", "--kill-whom=main", "--signal=HUP", SERVICE)
    service.wait_for("ActiveState", "active")


def test_it_stops_within_two_seconds_and_cleanly(service: Machine, camera: NetworkCamera) -> None:
    recognises(service, camera, "mug")
    service.good("systemctl", "stop", SERVICE)
    assert service.moment("InactiveEnter") - service.moment("ActiveExit") <= 2.0
    assert (service.property("Result"), service.property("ExecMainStatus")) == ("success", "0")


@pytest.mark.usefixtures("camera")
def test_it_stops_within_two_seconds_while_the_camera_is_gone(purged: Machine) -> None:
    install(purged)
    purged.wait_until(lambda: "trying again" in purged.property("StatusText"), "it waits for the camera")
    asked = purged.now()
    purged.good("systemctl", "stop", SERVICE)
    assert purged.moment("InactiveEnter") - asked <= 2.0
    assert purged.property("Result") == "success"


def test_what_root_teaches_stays_the_services(service: Machine, camera: NetworkCamera) -> None:
    service.edge_cls("teach", "mug", "/opt/photos/mug/0.jpg", "--memory", MEMORY)
    owners = service.good("sh", "-c", f"stat --format=%U {MEMORY}*").split()
    assert set(owners) == {"edge-cls"}
    recognises(service, camera, "mug")


def test_the_log_has_levels_and_the_status_speaks(service: Machine, camera: NetworkCamera) -> None:
    recognises(service, camera, "mug")
    entries = service.log("SYSLOG_IDENTIFIER=edge-cls")
    assert any(entry["PRIORITY"] == "6" and "mug" in entry["MESSAGE"] for entry in entries)
    assert "mug" in service.edge_cls("service", "logs")
    # systemd took every line of the unit.
    assert service.log("_PID=1", "PRIORITY=4") == service.log("_PID=1", "PRIORITY=3") == []
    status = json.loads(service.edge_cls("service", "status", "--json"))
    assert (status["active"], status["text"]) == ("active", "camera: running")
    service.good("systemctl", "stop", SERVICE)
    assert service.run(f"{VENV}/bin/edge-cls", "service", "status").returncode == 3


def test_this_systemd_too_has_nothing_to_say_against_the_unit(service: Machine) -> None:
    done = service.run("systemd-analyze", "verify", SERVICE)
    assert done == (0, "", "")
    service.good("systemd-analyze", "security", "--threshold=25", "--no-pager", SERVICE)


def test_uninstalled_it_is_gone_and_what_was_taught_is_not(service: Machine) -> None:
    service.edge_cls("service", "uninstall")
    assert service.property("LoadState") == "not-found"
    assert service.run("test", "-e", MEMORY).returncode == 0
    service.edge_cls("service", "install", "--now")
    service.wait_for("ActiveState", "active")
    assert seen(service)["status"] == "running"
