"""Each check, on healthy machines and on machines with problems."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge_cls.doctor.cameras import check_picamera2, check_ribbon_cameras, check_usb_cameras
from edge_cls.doctor.edge_tpu import check_edge_tpu, check_edge_tpu_library
from edge_cls.doctor.health import check_clock, check_disk, check_power, check_temperature, check_wear
from edge_cls.doctor.machine import Outcome
from edge_cls.doctor.pins import check_pin_folder, check_pin_libraries, check_pins
from edge_cls.doctor.report import Check, Level, Needs
from edge_cls.doctor.scan import CHECKS, run_checks
from edge_cls.doctor.software import (
    check_interpreter,
    check_invoke,
    check_opencv,
    check_python,
    check_speed,
    check_system,
)
from edge_cls.doctor.unit import check_service
from tests.doctor.machines import CAMERA, LIBRARIES, machine, pi_4, pi_5, usb_camera, workstation, write, zero_2

NOTHING = Needs()
ALL = Needs(picamera2=True, v4l2=Path("/dev/video8"), gpio=True, edge_tpu=True)
HANGS = Outcome(None, "", "")


def failing(*lines: str) -> Outcome:
    return Outcome(1, "", "\n".join(("Traceback (most recent call last):", *lines)))


def without(*names: str) -> dict[str, str]:
    return {name: version for name, version in LIBRARIES.items() if name not in names}


def is_bad(check: Check | None, level: Level, *, found: str, hint: str) -> None:
    assert check is not None
    assert check.level is level
    assert found in check.message
    assert hint in check.hint


def is_ok(check: Check | None, found: str = "") -> None:
    assert check is not None
    assert check.level is Level.OK, check
    assert not check.hint
    assert found in check.message


@pytest.mark.parametrize("board", [pi_4, pi_5, zero_2])
def test_every_check_of_a_healthy_raspberry_pi_is_ok(tmp_path: Path, board: Callable[[Path], Path]) -> None:
    checks = list(run_checks(machine(board(tmp_path))))
    assert [check for check in checks if check.level is not Level.OK] == []
    names = [check.name for check in checks]
    assert len(set(names)) == len(names)
    assert {"system", "picamera2", "cameras", "gpio", "gpio libraries", "temperature", "wear", "model"} <= set(names)


def test_a_workstation_is_not_checked_for_pins_and_cameras(tmp_path: Path) -> None:
    libraries = without("picamera2", "gpiozero", "lgpio")
    checks = list(run_checks(machine(workstation(tmp_path), installed=libraries, kernel="x86_64")))
    assert [check for check in checks if check.level is not Level.OK] == []
    assert not {"gpio", "gpio libraries", "cameras", "edge tpu"} & {check.name for check in checks}


def test_on_a_machine_without_files_no_check_raises(tmp_path: Path) -> None:
    """A missing file is not an error."""
    for needs in (NOTHING, ALL):
        for check in CHECKS:
            check(machine(tmp_path), needs)


def test_every_failed_check_has_a_hint(tmp_path: Path) -> None:
    missing = Outcome(127, "", "no such file")
    broken = machine(tmp_path, installed={}, ends={"": missing}, forbidden=lambda _: True, free=0, now=0.0)
    found = [check(broken, ALL) for check in CHECKS]
    assert all(check.hint for check in found if check is not None and check.level is not Level.OK)
    assert sum(check is not None and check.level is Level.FAIL for check in found) >= 9


def test_a_check_that_raises_is_reported(tmp_path: Path) -> None:
    def unplugged(_: Path) -> tuple[int, int]:
        raise OSError(5, "Input/output error")

    checks = {check.name: check for check in run_checks(machine(pi_4(tmp_path), free=unplugged))}
    is_bad(checks["disk"], Level.WARN, found="Input/output error", hint="dmesg")
    assert "clock" in checks


# --- software


def test_a_32_bit_system_on_a_64_bit_board_is_reported(tmp_path: Path) -> None:
    found = check_system(machine(zero_2(tmp_path), bits=32), NOTHING)
    is_bad(found, Level.WARN, found="Zero 2 W", hint="64-bit Raspberry Pi OS")
    is_bad(
        check_system(machine(tmp_path, kernel="armv7l", bits=32), NOTHING), Level.WARN, found="not tested", hint="64"
    )
    is_bad(
        check_system(machine(tmp_path, kernel="armv6l", bits=32), NOTHING), Level.FAIL, found="no TFLite", hint="Zero 2"
    )


@pytest.mark.parametrize(("version", "level"), [((3, 10), "WARN"), ((3, 11), "OK"), ((3, 13), "OK"), ((3, 15), "WARN")])
def test_only_tested_versions_of_python_are_ok(tmp_path: Path, version: tuple[int, int], level: str) -> None:
    assert check_python(machine(tmp_path, python=version), NOTHING).level == level


@pytest.mark.parametrize(
    ("libraries", "level", "hint"),
    [
        ({"numpy": "2.2.0", "ai-edge-litert": "2.1.0"}, Level.OK, ""),
        ({"numpy": "1.26.4", "tflite-runtime": "2.14.0"}, Level.OK, ""),
        ({"numpy": "2.0.0", "tflite-runtime": "2.14.0"}, Level.FAIL, "pip install 'numpy<2'"),
        ({"numpy": "2.0.0", "tflite-runtime": "2.14.0", "ai-edge-litert": "1.4.0"}, Level.OK, ""),
        ({"numpy": "2.2.0"}, Level.FAIL, "pip install ai-edge-litert"),
        ({}, Level.FAIL, "pip install numpy"),
    ],
)
def test_an_interpreter_and_a_numpy_that_do_not_fit_are_reported(
    tmp_path: Path, libraries: dict[str, str], level: Level, hint: str
) -> None:
    check = check_interpreter(machine(tmp_path, installed=libraries), NOTHING)
    is_bad(check, level, found="", hint=hint)


def test_a_numpy_that_cannot_be_loaded_is_reported(tmp_path: Path) -> None:
    check = check_interpreter(machine(tmp_path, ends={"import numpy": failing("ImportError: libopenblas")}), NOTHING)
    is_bad(check, Level.FAIL, found="libopenblas", hint="pip install --force-reinstall numpy==2.2.0")


def test_two_installed_opencvs_are_reported(tmp_path: Path) -> None:
    both = LIBRARIES | {"opencv-python": "4.12.0.88"}
    check = check_opencv(machine(tmp_path, installed=both), NOTHING)
    hint = "-m pip uninstall -y opencv-python-headless opencv-python && "
    is_bad(check, Level.FAIL, found="opencv-python-headless and opencv-python", hint=hint)


def test_an_opencv_for_desktops_on_a_system_without_a_desktop_is_reported(tmp_path: Path) -> None:
    libraries = without("opencv-python-headless") | {"opencv-python": "4.12.0.88"}
    ends = {"cv2": failing("ImportError: libxcb.so.1: cannot open shared object file: No such file or directory")}
    check = check_opencv(machine(tmp_path, installed=libraries, ends=ends), NOTHING)
    hint = "/home/ada/venv/bin/python -m pip uninstall -y opencv-python && "
    is_bad(check, Level.FAIL, found="libxcb", hint=hint)


def test_an_old_opencv_is_reported(tmp_path: Path) -> None:
    check = check_opencv(machine(tmp_path, ends={"cv2": Outcome(0, "4.9.0", "")}), NOTHING)
    is_bad(check, Level.WARN, found="4.9.0", hint="pip install --upgrade")


@pytest.mark.parametrize(
    ("ends", "found"),
    [(HANGS, "hangs"), (Outcome(-11, "", ""), "signal 11"), (failing("SystemError: no"), "SystemError: no")],
)
def test_an_interpreter_that_does_not_run_is_reported(tmp_path: Path, ends: Outcome, found: str) -> None:
    is_bad(check_invoke(machine(tmp_path, ends={"invoke": ends}), NOTHING), Level.FAIL, found=found, hint=" ")


def test_the_rate_of_the_backbones_is_reported(tmp_path: Path) -> None:
    check = check_speed(machine(tmp_path), NOTHING)
    assert check is not None
    assert (check.level, check.message) == (Level.OK, "lite0-160: 9.8 ms an image")
    assert check_speed(machine(tmp_path, ends={"image_ms": failing("ImportError: numpy")}), NOTHING) is None
    is_bad(check_speed(machine(tmp_path, ends={"image_ms": HANGS}), NOTHING), Level.WARN, found="30 s", hint="top")


def test_the_model_is_not_loaded_if_its_libraries_are_broken(tmp_path: Path) -> None:
    broken = machine(pi_4(tmp_path), ends={"invoke": Outcome(-11, "", "")})
    checks = {check.name: check for check in run_checks(broken, model=tmp_path / "absent.tflite")}
    is_bad(checks["model"], Level.WARN, found="not checked", hint="fix these first")


# --- cameras

NO_PICAMERA2 = without("picamera2")


def apt(root: Path, python: str = "python3.11") -> Path:
    """Write apt's picamera2, for the system's own Python."""
    write(root, {"usr/lib/python3/dist-packages/picamera2/__init__.py": "", f"usr/bin/{python}": ""})
    (root / "usr/bin/python3").symlink_to(python)
    return root


@pytest.mark.parametrize(
    ("needs", "level"), [(NOTHING, Level.WARN), (Needs(picamera2=True), Level.FAIL)], ids=["may", "must"]
)
def test_a_missing_picamera2_is_reported(tmp_path: Path, needs: Needs, level: Level) -> None:
    check = check_picamera2(machine(pi_4(tmp_path), installed=NO_PICAMERA2), needs)
    is_bad(check, level, found="not installed", hint="sudo apt install -y python3-picamera2")


def test_a_picamera2_that_the_venv_hides_is_reported(tmp_path: Path) -> None:
    write(apt(pi_4(tmp_path)), {"home/ada/venv/pyvenv.cfg": "home = /usr/bin\ninclude-system-site-packages = false\n"})
    check = check_picamera2(machine(tmp_path, installed=NO_PICAMERA2), NOTHING)
    is_bad(check, Level.FAIL, found="not visible from this venv", hint=f"{tmp_path}/home/ada/venv/pyvenv.cfg")


def test_the_hint_for_a_venv_fixes_it(tmp_path: Path) -> None:
    import subprocess

    settings = write(
        tmp_path, {"home/ada/venv/pyvenv.cfg": "home = x\ninclude-system-site-packages = false\nversion = 3\n"}
    )
    check = check_picamera2(machine(apt(pi_4(settings)), installed=NO_PICAMERA2), NOTHING)
    subprocess.run(["sh", "-c", check.hint], check=True)
    mended = (tmp_path / "home/ada/venv/pyvenv.cfg").read_text()
    assert mended == "home = x\ninclude-system-site-packages = true\nversion = 3\n"


def test_a_picamera2_for_another_python_is_reported(tmp_path: Path) -> None:
    write(apt(pi_4(tmp_path), "python3.13"), {"home/ada/venv/pyvenv.cfg": "include-system-site-packages = true\n"})
    check = check_picamera2(machine(tmp_path, installed=NO_PICAMERA2), NOTHING)
    hint = f"/usr/bin/python3 -m venv --clear --system-site-packages {tmp_path}/home/ada/venv, and install"
    is_bad(check, Level.FAIL, found="for Python 3.13, and this is 3.11", hint=hint)


def test_only_a_venv_is_suggested_to_be_recreated(tmp_path: Path) -> None:
    apt(pi_4(tmp_path), "python3.13")
    check = check_picamera2(machine(tmp_path, installed=NO_PICAMERA2, prefix=tmp_path / "usr/local"), NOTHING)
    is_bad(check, Level.FAIL, found="for Python 3.13, and this is 3.11", hint="make a venv: /usr/bin/python3 -m venv")
    assert check is not None
    assert "--clear" not in check.hint


def test_a_python_without_a_venv_that_cannot_see_picamera2_is_reported(tmp_path: Path) -> None:
    check = check_picamera2(machine(apt(pi_4(tmp_path)), installed=NO_PICAMERA2), NOTHING)
    is_bad(check, Level.FAIL, found="not visible from this Python", hint="--system-site-packages")


def test_the_cameras_of_libcamera_are_listed(tmp_path: Path) -> None:
    noisy = Outcome(0, f"a greeting\n{CAMERA}", "[0:01] INFO Camera camera_manager.cpp:313 libcamera v0.4")
    is_ok(check_ribbon_cameras(machine(tmp_path, ends={"picamera2": noisy}), ALL), "imx708")
    assert check_ribbon_cameras(machine(tmp_path, installed=NO_PICAMERA2), ALL) is None


@pytest.mark.parametrize(("needs", "level"), [(NOTHING, Level.WARN), (ALL, Level.FAIL)], ids=["may", "must"])
def test_a_missing_ribbon_camera_is_reported(tmp_path: Path, needs: Needs, level: Level) -> None:
    check = check_ribbon_cameras(machine(tmp_path, ends={"picamera2": Outcome(0, "cameras []\n", "")}), needs)
    is_bad(check, level, found="finds no camera", hint="rpicam-hello --list-cameras")


def test_a_camera_that_hangs_and_a_library_that_cannot_be_loaded_are_reported(tmp_path: Path) -> None:
    hung = check_ribbon_cameras(machine(tmp_path, ends={"picamera2": HANGS}), NOTHING)
    is_bad(hung, Level.FAIL, found="does not respond", hint="fuser")
    numpy = failing("ValueError: numpy.dtype size changed, may indicate binary incompatibility.")
    check = check_ribbon_cameras(machine(tmp_path, ends={"picamera2": numpy}), NOTHING)
    is_bad(check, Level.FAIL, found="numpy.dtype size changed", hint="pip install 'numpy<2'")


def test_usb_cameras_are_distinguished_from_codecs_and_metadata_devices(tmp_path: Path) -> None:
    usb_camera(pi_5(tmp_path), 8)
    is_ok(check_usb_cameras(machine(tmp_path), ALL), "HD Webcam (/dev/video8)")
    check = check_usb_cameras(machine(tmp_path), ALL)
    assert check is not None
    assert "video9" not in check.message
    assert "pispbe" not in check.message


def test_usb_cameras_need_the_group_video(tmp_path: Path) -> None:
    forbidden = machine(usb_camera(tmp_path), forbidden=lambda path: path.name == "video0")
    is_bad(check_usb_cameras(forbidden, NOTHING), Level.FAIL, found="HD Webcam", hint="sudo usermod -aG video ada")


def test_a_missing_usb_camera_is_reported(tmp_path: Path) -> None:
    assert check_usb_cameras(machine(pi_5(tmp_path)), NOTHING) is None
    wanted = Needs(v4l2=Path("/dev/video2"))
    found = "/dev/video2 does not exist; no USB camera was found"
    is_bad(check_usb_cameras(machine(tmp_path), wanted), Level.FAIL, found=found, hint="lsusb")
    usb_camera(tmp_path, 8)
    found = "/dev/video2 does not exist; found HD Webcam (/dev/video8)"
    is_bad(check_usb_cameras(machine(tmp_path), wanted), Level.FAIL, found=found, hint="lsusb")


def test_a_camera_that_is_not_at_usb_counts_if_the_configuration_names_it(tmp_path: Path) -> None:
    """For example a loopback, and a camera at the ribbon cable that is read through v4l2."""
    root = write(pi_5(tmp_path), {"dev/video30": ""})
    wanted = Needs(v4l2=Path("/dev/video30"))
    is_ok(check_usb_cameras(machine(root), wanted), "not on USB (/dev/video30)")
    forbidden = machine(root, forbidden=lambda path: path.name == "video30")
    is_bad(check_usb_cameras(forbidden, wanted), Level.FAIL, found="may not use", hint="video")


@pytest.mark.parametrize("named", ["/dev/video9", "/dev/v4l/by-id/usb-cam-video-index1"])
def test_a_metadata_device_does_not_count_as_camera(tmp_path: Path, named: str) -> None:
    root = usb_camera(pi_5(tmp_path), 8)
    (root / "dev/v4l/by-id").mkdir(parents=True)
    (root / "dev/v4l/by-id/usb-cam-video-index1").symlink_to("../../video9")
    check = check_usb_cameras(machine(root), Needs(v4l2=Path(named)))
    is_bad(check, Level.FAIL, found=f"{named} is", hint="use a capture device: HD Webcam (/dev/video8)")


def test_the_device_of_a_second_stream_counts_as_camera(tmp_path: Path) -> None:
    """For example a camera with a second stream in H.264."""
    root = write(usb_camera(usb_camera(tmp_path), 2), {"sys/class/video4linux/video2/index": "2\n"})
    write(root, {"sys/class/video4linux/video3/index": "3\n"})
    is_ok(check_usb_cameras(machine(root), Needs(v4l2=Path("/dev/video2"))), "HD Webcam (/dev/video2)")
    is_bad(check_usb_cameras(machine(root), Needs(v4l2=Path("/dev/video3"))), Level.FAIL, found="video3", hint="video2")


def test_a_camera_that_is_named_by_a_link_is_listed_once(tmp_path: Path) -> None:
    root = usb_camera(pi_5(tmp_path), 8)
    (root / "dev/v4l/by-id").mkdir(parents=True)
    (root / "dev/v4l/by-id/usb-cam").symlink_to("../../video8")
    check = check_usb_cameras(machine(root), Needs(v4l2=Path("/dev/v4l/by-id/usb-cam")))
    is_ok(check, "HD Webcam (/dev/video8)")
    assert check is not None
    assert check.message.count("/dev/") == 1


# --- pins


def test_pins_need_the_group_gpio(tmp_path: Path) -> None:
    forbidden: Any = machine(pi_4(tmp_path), forbidden=lambda path: path.name.startswith("gpiochip"))
    is_bad(check_pins(forbidden, NOTHING), Level.WARN, found="/dev/gpiochip0", hint="sudo usermod -aG gpio ada")
    is_bad(check_pins(forbidden, ALL), Level.FAIL, found="/dev/gpiochip0", hint="sudo usermod -aG gpio ada")


def test_missing_pins_are_reported_if_they_are_needed(tmp_path: Path) -> None:
    assert check_pins(machine(workstation(tmp_path)), NOTHING) is None
    is_bad(check_pins(machine(tmp_path), ALL), Level.FAIL, found="no /dev/gpiochip", hint="board")


def test_the_broken_lgpio_of_the_index_is_reported(tmp_path: Path) -> None:
    libraries = LIBRARIES | {"lgpio": "0.0.0.2"}
    check = check_pin_libraries(machine(pi_4(tmp_path), installed=libraries), ALL)
    is_bad(check, Level.FAIL, found="0.0.0.2", hint="pip uninstall -y lgpio")


@pytest.mark.parametrize("name", ["gpiozero", "lgpio"])
def test_a_missing_library_of_the_pins_is_reported(tmp_path: Path, name: str) -> None:
    check = check_pin_libraries(machine(pi_4(tmp_path), installed=without(name)), ALL)
    is_bad(check, Level.FAIL, found=f"finds no {name}", hint=f"python3-{name}")


def test_the_hint_also_lets_the_venv_see_the_packages_of_apt(tmp_path: Path) -> None:
    write(pi_4(tmp_path), {"home/ada/venv/pyvenv.cfg": "include-system-site-packages = false\n"})
    check = check_pin_libraries(machine(tmp_path, installed=without("lgpio")), ALL)
    is_bad(check, Level.FAIL, found="lgpio", hint=" && sed -i 's/^\\(include-system-site-packages")


def test_a_library_of_the_pins_that_cannot_be_loaded_is_reported(tmp_path: Path) -> None:
    ends = {"lgpio": failing("ImportError: liblgpio.so.1: cannot open shared object file")}
    check = check_pin_libraries(machine(pi_4(tmp_path), ends=ends), NOTHING)
    is_bad(check, Level.WARN, found="liblgpio.so.1", hint="sudo apt install")


def test_lgpio_needs_a_writable_folder(tmp_path: Path) -> None:
    root = pi_4(tmp_path)
    is_ok(check_pin_folder(machine(root), ALL), str(root))
    gone = machine(root, environ={"LG_WD": str(root / "gone")})
    is_bad(check_pin_folder(gone, ALL), Level.FAIL, found="gone (LG_WD)", hint="export LG_WD=")
    read_only = machine(root, environ={}, forbidden=lambda path: path == root)
    is_bad(check_pin_folder(read_only, NOTHING), Level.WARN, found="cannot create its pipe", hint="export LG_WD=")


# --- Edge TPU


def accelerator(root: Path, vendor: str = "1a6e", product: str = "089a") -> Path:
    device = "sys/bus/usb/devices/2-1"
    write(root, {f"{device}/idVendor": f"{vendor}\n", f"{device}/idProduct": f"{product}\n"})
    return write(root, {f"{device}/busnum": "2\n", f"{device}/devnum": "3\n", "dev/bus/usb/002/003": ""})


@pytest.mark.parametrize("ids", [("1a6e", "089a"), ("18d1", "9302")])
def test_an_edge_tpu_at_usb_is_found(tmp_path: Path, ids: tuple[str, str]) -> None:
    accelerator(tmp_path, *ids)
    is_ok(check_edge_tpu(machine(tmp_path), NOTHING), "at USB")
    forbidden = machine(tmp_path, forbidden=lambda path: str(path).endswith("bus/usb/002/003"))
    is_bad(check_edge_tpu(forbidden, NOTHING), Level.FAIL, found="may not", hint="sudo usermod -aG plugdev ada")


def test_an_edge_tpu_on_pcie_is_found(tmp_path: Path) -> None:
    device = "sys/bus/pci/devices/0000:01:00.0"
    write(tmp_path, {f"{device}/vendor": "0x1ac1\n", f"{device}/device": "0x089a\n"})
    is_bad(check_edge_tpu(machine(tmp_path), NOTHING), Level.FAIL, found="driver", hint="gasket-dkms")
    write(tmp_path, {"dev/apex_0": ""})
    is_ok(check_edge_tpu(machine(tmp_path), NOTHING), "/dev/apex_0")
    forbidden = machine(tmp_path, forbidden=lambda path: path.name == "apex_0")
    is_bad(check_edge_tpu(forbidden, NOTHING), Level.FAIL, found="apex", hint="sudo usermod -aG apex ada")


def test_a_missing_edge_tpu_is_reported(tmp_path: Path) -> None:
    write(tmp_path, {"sys/bus/usb/devices/1-1/idVendor": "046d\n", "sys/bus/usb/devices/1-1/idProduct": "0825\n"})
    assert check_edge_tpu(machine(tmp_path), NOTHING) is None
    assert check_edge_tpu_library(machine(tmp_path), NOTHING) is None
    is_bad(check_edge_tpu(machine(tmp_path), ALL), Level.FAIL, found="no Edge TPU", hint="lsusb")


def test_a_missing_library_of_the_edge_tpu_is_reported(tmp_path: Path) -> None:
    gone = failing("OSError: libedgetpu.so.1: cannot open shared object file: No such file or directory")
    broken = machine(accelerator(tmp_path), ends={"libedgetpu": gone})
    is_bad(check_edge_tpu_library(broken, NOTHING), Level.WARN, found="libedgetpu.so.1", hint="libedgetpu1-std")
    is_bad(check_edge_tpu_library(broken, ALL), Level.FAIL, found="libedgetpu.so.1", hint="libedgetpu1-std")


@pytest.mark.parametrize(
    ("version", "libraries", "level"),
    [
        ("16.0", {"ai-edge-litert": "2.1.0"}, Level.FAIL),
        ("16.0", {"tflite-runtime": "2.12.0"}, Level.FAIL),
        ("16.0", {"tflite-runtime": "2.5.0.post1"}, Level.OK),
        ("16.0tf2.11.0-1", {"ai-edge-litert": "2.1.0"}, Level.FAIL),
        ("16.0tf2.17.1-1", {"ai-edge-litert": "2.1.0"}, Level.OK),
    ],
)
def test_a_library_of_the_edge_tpu_for_older_interpreters_is_reported(
    tmp_path: Path, version: str, libraries: dict[str, str], level: Level
) -> None:
    status = (
        f"Package: bash\nVersion: 5.2\n\nPackage: libedgetpu1-std\nStatus: ok\nVersion: {version}\n\nPackage: zip\n"
    )
    write(accelerator(tmp_path), {"var/lib/dpkg/status": status})
    check = check_edge_tpu_library(machine(tmp_path, installed=libraries), ALL)
    assert check is not None
    assert check.level is level
    assert version in check.message


# --- health


def test_a_high_temperature_is_reported(tmp_path: Path) -> None:
    assert check_temperature(machine(tmp_path), NOTHING) is None
    is_ok(check_temperature(machine(pi_4(tmp_path)), NOTHING), "51 °C")
    write(tmp_path, {"sys/class/thermal/thermal_zone0/temp": "80400"})
    is_bad(check_temperature(machine(tmp_path), NOTHING), Level.WARN, found="80 °C", hint="heat sink")


@pytest.mark.parametrize(
    ("flags", "level", "hint"),
    [
        ("0", Level.OK, ""),
        ("50005", Level.FAIL, "power supply"),
        ("50000", Level.WARN, "power supply"),
        ("80008", Level.WARN, "heat sink"),
        ("40000", Level.WARN, "heat sink"),
    ],
)
def test_the_flags_of_the_power_supply_are_reported(tmp_path: Path, flags: str, level: Level, hint: str) -> None:
    write(tmp_path, {"sys/devices/platform/soc/soc:firmware/get_throttled": flags})
    is_bad(check_power(machine(tmp_path), NOTHING), level, found="", hint=hint)


def test_a_full_disk_is_reported(tmp_path: Path) -> None:
    assert check_disk(machine(pi_4(tmp_path)), NOTHING).level is Level.OK
    is_bad(
        check_disk(machine(tmp_path, free=400 * 2**20), NOTHING), Level.WARN, found="0.4 of 32.0 GB", hint="apt clean"
    )
    assert check_disk(machine(tmp_path, free=2**20), NOTHING).level is Level.FAIL


@pytest.mark.parametrize(
    ("mounts", "level"),
    [
        ("/dev/root / ext4 ro 0 0\n", Level.FAIL),
        ("/dev/root / ext4 ro 0 0\n/dev/root / ext4 rw 0 0\n", Level.OK),
        ("/dev/root / ext4 ro 0 0\n/dev/sda1 /var/lib ext4 rw 0 0\n", Level.OK),
        ("/dev/root / ext4 rw 0 0\n/dev/sda1 /var/lib ext4 ro 0 0\n", Level.FAIL),
        ("/dev/root / ext4 rw 0 0\n/dev/sda1 /var/library ext4 ro 0 0\n", Level.OK),
        ("overlay / overlay rw,lowerdir=/lower 0 0\n", Level.WARN),
        ("nonsense\n\n", Level.OK),
    ],
)
def test_a_volatile_or_read_only_disk_is_reported(tmp_path: Path, mounts: str, level: Level) -> None:
    write(pi_4(tmp_path), {"proc/self/mounts": mounts, "var/lib/edge-cls/.keep": ""})
    check = check_disk(machine(tmp_path), Needs(memory=Path("/var/lib/edge-cls/taught.db")))
    assert (check.level, bool(check.hint)) == (level, level is not Level.OK)


@pytest.mark.parametrize("place", ["/", "/var/lib"])
def test_the_hint_remounts_the_file_system_of_the_memory(tmp_path: Path, place: str) -> None:
    mounts = f"/dev/root / ext4 rw 0 0\n/dev/sda1 {place} ext4 ro 0 0\n"
    write(pi_4(tmp_path), {"proc/self/mounts": mounts, "var/lib/edge-cls/.keep": ""})
    check = check_disk(machine(tmp_path), Needs(memory=Path("/var/lib/edge-cls/taught.db")))
    assert check.hint == f"sudo mount -o remount,rw {place}"


@pytest.mark.parametrize(
    ("life", "reserve", "level"),
    [
        ("0x01 0x02", "0x01", Level.OK),
        ("0x02 0x09", "0x01", Level.WARN),
        ("0x0b 0x01", "0x01", Level.FAIL),
        ("0x01 0x01", "0x02", Level.WARN),
        ("0x01 0x01", "0x03", Level.FAIL),
        ("", "nonsense", Level.OK),
    ],
)
def test_the_wear_of_an_emmc_is_reported(tmp_path: Path, life: str, reserve: str, level: Level) -> None:
    device = "sys/block/mmcblk0/device"
    write(tmp_path, {f"{device}/type": "MMC", f"{device}/life_time": life, f"{device}/pre_eol_info": reserve})
    is_bad(check_wear(machine(tmp_path), NOTHING), level, found="eMMC", hint="" if level is Level.OK else "backup")


def test_errors_of_the_file_system_are_reported(tmp_path: Path) -> None:
    write(pi_4(tmp_path), {"sys/fs/ext4/mmcblk0p2/errors_count": "0\n"})
    is_ok(check_wear(machine(tmp_path), NOTHING), "SD card SD32G")
    write(tmp_path, {"sys/fs/ext4/mmcblk0p2/errors_count": "3\n"})
    is_bad(check_wear(machine(tmp_path), NOTHING), Level.FAIL, found="mmcblk0p2 has 3 errors", hint="fsck.mode=force")


def test_a_wrong_clock_is_reported(tmp_path: Path) -> None:
    is_ok(check_clock(machine(tmp_path, clock_off=lambda: None), NOTHING), "2027-01-15")
    is_bad(check_clock(machine(tmp_path, clock_off=lambda: True), NOTHING), Level.WARN, found="not sync", hint="ntp")
    is_bad(check_clock(machine(tmp_path, now=0.0), NOTHING), Level.WARN, found="1970", hint="ntp")
    write(tmp_path, {"run/systemd/timesync/synchronized": ""})
    is_ok(check_clock(machine(tmp_path, clock_off=lambda: True), NOTHING), "synchronised")


# --- service


@pytest.mark.parametrize(
    ("state", "level", "hint"),
    [
        ("ActiveState=active\nSubState=running\nNRestarts=0\nUnitFileState=enabled", Level.OK, ""),
        ("ActiveState=active\nSubState=running\nUnitFileState=disabled", Level.WARN, "systemctl enable"),
        ("ActiveState=failed\nSubState=failed\nResult=exit-code", Level.FAIL, "journalctl -u edge-cls"),
        ("ActiveState=activating\nSubState=auto-restart\nResult=watchdog\nNRestarts=9", Level.FAIL, "journalctl"),
        (
            "ActiveState=activating\nSubState=auto-restart-queued\nResult=watchdog\nNRestarts=9",
            Level.FAIL,
            "journalctl",
        ),
        ("ActiveState=activating\nSubState=start\nNRestarts=0", Level.OK, ""),
        ("ActiveState=activating\nSubState=start\nNRestarts=4711", Level.WARN, "journalctl"),
        ("ActiveState=inactive\nSubState=dead", Level.WARN, "systemctl enable --now"),
        ("", Level.WARN, "systemctl status"),
    ],
)
def test_the_state_of_the_service_is_reported(tmp_path: Path, state: str, level: Level, hint: str) -> None:
    root = write(pi_4(tmp_path), {"etc/systemd/system/edge-cls.service": "[Unit]\n"})
    is_bad(check_service(machine(root, ends={"systemctl": Outcome(0, state, "")}), NOTHING), level, found="", hint=hint)


@pytest.mark.parametrize("state", ["active", "activating", "failed"])
def test_the_status_line_of_the_service_is_shown(tmp_path: Path, state: str) -> None:
    root = write(pi_4(tmp_path), {"etc/systemd/system/edge-cls.service": "[Unit]\n"})
    shown = Outcome(0, f"ActiveState={state}\nNRestarts=2\nStatusText=waiting: no /dev/video0", "")
    check = check_service(machine(root, ends={"StatusText": shown}), NOTHING)
    assert "waiting: no /dev/video0" in check.message


def test_a_service_that_is_not_installed_is_ok(tmp_path: Path) -> None:
    is_ok(check_service(machine(tmp_path), NOTHING), "not installed")
    write(tmp_path, {"etc/systemd/system/edge-cls.service": "[Unit]\n"})
    is_bad(check_service(machine(tmp_path), NOTHING), Level.WARN, found="systemd does not run", hint="systemd")
