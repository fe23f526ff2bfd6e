"""The service under a real systemd: installation, watchdog, kills, hangs, invalid configurations and recovery."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.lanes.systemd.machine import SERVICE, VENV, Machine
from tests.lanes.systemd.situation import CLASSES, CONFIG, MEMORY, NetworkCamera, install, recognises, seen

pytestmark = pytest.mark.systemd


@pytest.fixture
def purged(machine: Machine) -> Iterator[Machine]:
    """The machine without the service, at the beginning and at the end."""
    machine.forget_log()
    yield machine
    machine.edge_cls("service", "uninstall", "--purge")


def test_a_new_service_is_not_started_before_a_camera_is_configured(purged: Machine, camera: NetworkCamera) -> None:
    assert "name the camera in /etc/edge-cls/config.toml" in purged.edge_cls("service", "install", "--now")
    assert (purged.property("UnitFileState"), purged.property("ActiveState")) == ("enabled", "inactive")
    (backbone,) = purged.good("find", "/var/lib/edge-cls", "-name", "*.tflite").split()
    assert backbone.startswith("/var/lib/edge-cls/backbones/lite0-160-")
    assert purged.good("stat", "--format=%U", backbone).strip() == "edge-cls"
    camera.switch_on()
    purged.write("/etc/edge-cls/config.toml", CONFIG)
    # The file may contain a password.
    assert purged.good("stat", "--format=%U %G %a", "/etc/edge-cls/config.toml").split() == ["root", "edge-cls", "640"]
    purged.edge_cls("service", "install", "--now")
    purged.wait_for("ActiveState", "active")
    # The service has used this file, and built none in a cache.
    assert purged.good("find", "/var/lib/edge-cls", "-name", "*.tflite").split() == [backbone]


def test_the_service_waits_for_a_camera_that_is_missing_at_boot_and_is_ready_with_the_first_frame(
    purged: Machine, camera: NetworkCamera
) -> None:
    purged.override("TimeoutStartSec=4", "WatchdogSec=2")
    install(purged)
    purged.wait_until(
        lambda: "trying again" in purged.property("StatusText"), "STATUS= says that the camera is missing"
    )
    began = purged.moment("InactiveExit")
    purged.wait_until(lambda: purged.now() > began + 12, "it waits for longer than it has to start in")
    assert (purged.property("ActiveState"), purged.property("SubState")) == ("activating", "start")
    camera.switch_on()
    purged.wait_for("ActiveState", "active")
    assert purged.property("NRestarts") == "0"
    assert purged.property("StatusText") == "camera: running"


def test_a_service_that_hangs_while_it_starts_is_restarted(purged: Machine, camera: NetworkCamera) -> None:
    purged.override("TimeoutStartSec=4", "WatchdogSec=2")
    install(purged)
    purged.wait_until(lambda: "trying again" in purged.property("StatusText"), "it waits for the camera")
    purged.good("systemctl", "kill", "--signal=STOP", SERVICE)
    purged.wait_until(lambda: purged.property("NRestarts") == "1", "systemd starts it anew")
    camera.switch_on()
    purged.wait_for("ActiveState", "active")


def test_a_killed_service_is_back_within_five_seconds_with_every_taught_class(
    service: Machine, camera: NetworkCamera
) -> None:
    for label in CLASSES:
        recognises(service, camera, label)
    service.good("systemctl", "kill", "--signal=KILL", SERVICE)
    service.wait_for("NRestarts", "1")
    service.wait_for("ActiveState", "active")
    assert service.moment("ActiveEnter") - service.moment("ActiveExit") <= 5.0
    for label in CLASSES:
        recognises(service, camera, label)


def test_the_service_is_restarted_without_limit(service: Machine) -> None:
    for count in range(1, 8):
        service.good("systemctl", "kill", "--signal=KILL", SERVICE)
        service.wait_for("NRestarts", str(count))
        service.wait_for("ActiveState", "active")


def test_a_service_that_hangs_is_restarted_by_the_watchdog(service: Machine, camera: NetworkCamera) -> None:
    service.override("WatchdogSec=3")
    service.good("systemctl", "restart", SERVICE)
    service.good("systemctl", "kill", "--kill-whom=main", "--signal=STOP", SERVICE)
    service.wait_for("NRestarts", "1")
    service.wait_for("ActiveState", "active")
    assert any("Watchdog timeout" in entry["MESSAGE"] for entry in service.log("_PID=1"))
    # The stack of each of its threads.
    assert any("Current thread" in entry["MESSAGE"] or "Thread 0x" in entry["MESSAGE"] for entry in service.log())
    recognises(service, camera, "cup")


def test_the_service_continues_while_the_camera_is_unplugged(service: Machine, camera: NetworkCamera) -> None:
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


def test_the_service_can_write_only_its_own_folders(service: Machine) -> None:
    # Even root cannot write there, in the service's view of the files.
    inside = ["nsenter", f"--target={service.property('MainPID')}", "--mount"]
    for folder in ("/", "/etc", "/etc/edge-cls", "/usr", "/opt", "/srv", "/boot", "/var", "/var/lib", "/var/log", VENV):
        done = service.run(*inside, "touch", f"{folder}/mark")
        assert (done.returncode, "Read-only file system" in done.stderr) == (1, True), folder
    for folder in ("/var/lib/edge-cls", "/run/edge-cls"):
        service.good(*inside, "touch", f"{folder}/mark")
    assert service.good(*inside, "ls", "/home/maker").split() == ["venv"]
    private = "/tmp/mark"  # noqa: S108 - this is the service's private /tmp
    service.good(*inside, "touch", private)
    assert service.run("test", "-e", private).returncode == 1


def test_the_service_has_no_privileges(service: Machine) -> None:
    status = service.good("cat", f"/proc/{service.property('MainPID')}/status")
    facts = {name: value.split() for name, _, value in (line.partition(":") for line in status.splitlines())}
    assert set(facts["Uid"]) == {service.good("id", "--user", "edge-cls").strip()} != {"0"}
    assert {facts[name][0] for name in ("CapEff", "CapPrm", "CapInh", "CapBnd", "CapAmb")} == {"0000000000000000"}
    assert (facts["NoNewPrivs"], facts["Seccomp"]) == (["1"], ["2"])


def test_an_invalid_configuration_ends_the_service_with_78_and_it_is_not_restarted(
    purged: Machine, camera: NetworkCamera
) -> None:
    camera.switch_on()
    install(purged, CONFIG.replace("enter", "entre"))
    purged.wait_for("ActiveState", "failed")
    assert (purged.property("ExecMainStatus"), purged.property("NRestarts")) == ("78", "0")
    assert any("entre" in entry["MESSAGE"] for entry in purged.log("PRIORITY=3"))
    install(purged)
    purged.wait_for("ActiveState", "active")


def test_a_reload_applies_new_settings_and_keeps_the_state(service: Machine, camera: NetworkCamera) -> None:
    recognises(service, camera, "mug")
    process = service.property("MainPID")
    service.write("/etc/edge-cls/config.toml", CONFIG + '[[sink]]\nkind = "json_lines"\npath = "/var/lib/edge-cls/e"\n')
    service.good("systemctl", "reload", SERVICE)
    camera.shows("cup")

    def told() -> list[str]:
        done = service.run("cat", "/var/lib/edge-cls/e")
        return [line.get("event") for line in map(json.loads, done.stdout.splitlines()) if line.get("event")]

    service.wait_until(lambda: bool(told()), "the new sink is told")
    # Not "entered": the reload has kept the state.
    assert told() == ["changed"]
    assert (service.property("MainPID"), service.property("ActiveState")) == (process, "active")


def test_a_reload_of_an_invalid_configuration_changes_nothing(service: Machine, camera: NetworkCamera) -> None:
    process = service.property("MainPID")
    service.write("/etc/edge-cls/config.toml", "nonsense")
    service.good("systemctl", "reload", SERVICE)
    service.wait_until(lambda: any("refused" in entry["MESSAGE"] for entry in service.log("PRIORITY=3")), "it is said")
    recognises(service, camera, "plate")
    assert (service.property("MainPID"), service.property("ActiveState")) == (process, "active")


def test_an_early_reload_does_not_end_the_service(service: Machine) -> None:
    before = service.property("MainPID")
    service.good("systemctl", "restart", "--no-block", SERVICE)
    service.wait_until(lambda: service.property("MainPID") not in ("0", before), "it starts")
    service.run("systemctl", "kill", "--kill-whom=main", "--signal=HUP", SERVICE)
    service.wait_for("ActiveState", "active")


def test_the_service_stops_cleanly_within_two_seconds(service: Machine, camera: NetworkCamera) -> None:
    recognises(service, camera, "mug")
    service.good("systemctl", "stop", SERVICE)
    assert service.moment("InactiveEnter") - service.moment("ActiveExit") <= 2.0
    assert (service.property("Result"), service.property("ExecMainStatus")) == ("success", "0")


@pytest.mark.usefixtures("camera")
def test_the_service_stops_within_two_seconds_while_the_camera_is_unplugged(purged: Machine) -> None:
    install(purged)
    purged.wait_until(lambda: "trying again" in purged.property("StatusText"), "it waits for the camera")
    asked = purged.now()
    purged.good("systemctl", "stop", SERVICE)
    assert purged.moment("InactiveEnter") - asked <= 2.0
    assert purged.property("Result") == "success"


def test_the_memory_still_belongs_to_the_service_after_root_has_taught(service: Machine, camera: NetworkCamera) -> None:
    service.edge_cls("teach", "mug", "/opt/photos/mug/0.jpg", "--memory", MEMORY)
    owners = service.good("sh", "-c", f"stat --format=%U {MEMORY}*").split()
    assert set(owners) == {"edge-cls"}
    recognises(service, camera, "mug")


def test_the_log_has_levels_and_the_status_has_a_text(service: Machine, camera: NetworkCamera) -> None:
    recognises(service, camera, "mug")
    entries = service.log("SYSLOG_IDENTIFIER=edge-cls")
    assert any(entry["PRIORITY"] == "6" and "mug" in entry["MESSAGE"] for entry in entries)
    assert "mug" in service.edge_cls("service", "logs")
    # systemd accepted every line of the unit.
    assert service.log("_PID=1", "PRIORITY=4") == service.log("_PID=1", "PRIORITY=3") == []
    status = json.loads(service.edge_cls("service", "status", "--json"))
    assert (status["active"], status["text"]) == ("active", "camera: running")
    service.good("systemctl", "stop", SERVICE)
    assert service.run(f"{VENV}/bin/edge-cls", "service", "status").returncode == 3


def test_this_version_of_systemd_verifies_the_unit(service: Machine) -> None:
    done = service.run("systemd-analyze", "verify", SERVICE)
    assert done == (0, "", "")
    service.good("systemd-analyze", "security", "--threshold=25", "--no-pager", SERVICE)


def test_uninstalling_removes_the_service_and_keeps_the_memory(service: Machine) -> None:
    service.edge_cls("service", "uninstall")
    assert service.property("LoadState") == "not-found"
    assert service.run("test", "-e", MEMORY).returncode == 0
    service.edge_cls("service", "install", "--now")
    service.wait_for("ActiveState", "active")
    assert seen(service)["status"] == "running"
