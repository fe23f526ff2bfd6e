"""Sensors are files of the kernel, and any of them may be absent, empty or invalid, or vanish."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_cls.hardware.thermal import Limit, Throttled, temperature, throttled, under_voltage

OLD = "devices/platform/soc/soc:firmware/get_throttled"
PI_5 = "devices/platform/soc@107c000000/soc@107c000000:firmware/get_throttled"


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def zones(root: Path, *sensors: tuple[str, str]) -> Path:
    for number, (kind, millidegrees) in enumerate(sensors):
        zone = f"class/thermal/thermal_zone{number}"
        write(root, {f"{zone}/type": f"{kind}\n", f"{zone}/temp": f"{millidegrees}\n"})
    return root


@pytest.mark.parametrize(
    "kind",
    ["cpu-thermal", "cpu_thermal", "bcm2835_thermal", "soc-thermal", "bigcore0-thermal", "CPU-therm", "x86_pkg_temp"],
)
def test_the_sensor_of_the_processor_is_found_by_all_its_names(tmp_path: Path, kind: str) -> None:
    assert temperature(zones(tmp_path, (kind, "48312"))) == 48.312


def test_only_the_hottest_sensor_of_the_processor_counts(tmp_path: Path) -> None:
    root = zones(
        tmp_path, ("cpu-thermal", "61000"), ("soc-thermal", "63500"), ("iwlwifi_1", "90000"), ("BAT0", "99000")
    )
    assert temperature(root) == 63.5


@pytest.mark.parametrize("nonsense", ["", "-273000", "200000", "warm", "\x00", "4.5", "9" * 5000])
def test_an_invalid_temperature_is_ignored(tmp_path: Path, nonsense: str) -> None:
    assert temperature(zones(tmp_path, ("cpu-thermal", nonsense))) is None
    assert temperature(zones(tmp_path, ("cpu-thermal", nonsense), ("cpu-thermal", "50000"))) == 50.0


def test_without_sensors_temperature_and_voltage_are_unknown(tmp_path: Path) -> None:
    assert temperature(tmp_path) is None
    assert throttled(tmp_path) is None
    assert not under_voltage(tmp_path)


def test_an_incomplete_sensor_is_ignored(tmp_path: Path) -> None:
    root = zones(tmp_path, ("cpu-thermal", "50000"), ("cpu-thermal", "70000"))
    (root / "class/thermal/thermal_zone1/temp").unlink()
    (root / "class/thermal/thermal_zone1/temp").mkdir()
    (root / "class/thermal/thermal_zone2").mkdir()
    (root / "class/thermal/thermal_zone3").symlink_to("gone")
    assert temperature(root) == 50.0


@pytest.mark.parametrize("path", [OLD, PI_5])
def test_the_firmwares_flags_are_read(tmp_path: Path, path: str) -> None:
    root = write(tmp_path, {path: "50005\n"})
    both = Limit.UNDER_VOLTAGE | Limit.THROTTLED
    assert throttled(root) == Throttled(both, both)
    assert under_voltage(root)


def test_a_past_under_voltage_does_not_count(tmp_path: Path) -> None:
    root = write(tmp_path, {OLD: "0xa0000"})
    assert throttled(root) == Throttled(Limit.NONE, Limit.FREQUENCY_CAPPED | Limit.SOFT_TEMPERATURE_LIMIT)
    assert not under_voltage(root)


@pytest.mark.parametrize(("alarm", "weak"), [("0\n", False), ("1\n", True)])
def test_the_voltage_alarm_of_newer_kernels_is_read(tmp_path: Path, alarm: str, weak: bool) -> None:
    root = write(
        tmp_path,
        {
            "class/hwmon/hwmon0/name": "nvme\n",
            "class/hwmon/hwmon0/in0_lcrit_alarm": "1\n",
            "class/hwmon/hwmon1/name": "rpi_volt\n",
            "class/hwmon/hwmon1/in0_lcrit_alarm": alarm,
        },
    )
    assert throttled(root) is not None
    assert under_voltage(root) is weak


@pytest.mark.parametrize("nonsense", ["", "throttled", "0x", "-", "\x00"])
def test_invalid_flags_are_ignored(tmp_path: Path, nonsense: str) -> None:
    alarm = {"class/hwmon/hwmon0/name": "rpi_volt", "class/hwmon/hwmon0/in0_lcrit_alarm": nonsense}
    assert throttled(write(tmp_path, {OLD: nonsense} | alarm)) is None
    assert throttled(write(tmp_path, {"class/hwmon/hwmon0/in0_lcrit_alarm": "0"})) == Throttled(Limit.NONE, Limit.NONE)


@given(st.binary(max_size=40))
def test_no_content_of_a_file_raises(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    root = zones(tmp_path_factory.mktemp("sys"), ("cpu-thermal", "0"))
    write(root, {OLD: ""})
    for path in ("class/thermal/thermal_zone0/type", "class/thermal/thermal_zone0/temp", OLD):
        (root / path).write_bytes(content)
        temperature(root)
        throttled(root)
