"""Checks of the system, of Python, and of libraries that may be missing or incompatible."""

from __future__ import annotations

from edge_cls.doctor.machine import Machine, numbers
from edge_cls.doctor.report import Check, Needs, fail, ok, warn

_OPENCVS = ("opencv-python-headless", "opencv-python", "opencv-contrib-python-headless", "opencv-contrib-python")
_TESTED = ((3, 11), (3, 13))

# Code of its own for a child process, which must report it if not even numpy can be imported.
_INVOKE = """
import numpy as np
from edge_cls.model.builtin import builtin_file
from edge_cls.backends.litert import Interpreter
from edge_cls.model.file import read_model
interpreter = Interpreter(read_model(builtin_file("edge-embed.tflite")).network)
interpreter.invoke(np.zeros(interpreter.input.shape[1:], interpreter.input.dtype))
"""

_NAMES = ("lite0-160", "lite0-224", "builtin")
_SPEED = f"""
from edge_cls.bench.backbones import as_text, image_ms
print("backbones", as_text(image_ms({_NAMES!r})))
"""


def check_system(machine: Machine, _: Needs) -> Check:
    """Report the system and the board, and check that a 64-bit processor has a 64-bit system."""
    name = "system"
    lines = dict(line.partition("=")[::2] for line in machine.text("etc/os-release").splitlines())
    system = lines.get("PRETTY_NAME", "an unknown system").strip('"')
    found = ", ".join(filter(None, (system, machine.board, f"{machine.kernel}, {machine.bits} bits")))
    if machine.kernel == "armv6l":
        return fail(name, f"{found}: no TFLite interpreter exists for this processor", "use a Zero 2 W, 3, 4 or 5")
    if machine.bits == 32 and machine.kernel == "aarch64":
        return warn(name, f"{found}: the system has 32 bits, the processor 64", "install the 64-bit Raspberry Pi OS")
    if machine.bits == 32:
        return warn(name, f"{found}: edge-cls is not tested on 32 bits", "use a 64-bit board and system")
    return ok(name, found)


def check_python(machine: Machine, _: Needs) -> Check:
    """Check that edge-cls is tested with this version of Python."""
    oldest, newest = _TESTED
    version = ".".join(map(str, machine.python))
    found = f"{version} in {machine.prefix}"
    if not oldest <= machine.python <= newest:
        return warn("python", f"{found}: edge-cls is tested with 3.11 to 3.13", "make a venv with one of these")
    return ok("python", found)


def check_interpreter(machine: Machine, _: Needs) -> Check:
    """Check that a TFLite interpreter is installed, and that it is compatible with numpy."""
    name = "interpreter"
    litert, predecessor = machine.version("ai-edge-litert"), machine.version("tflite-runtime")
    numpy = machine.version("numpy")
    if numpy is None:
        return fail(name, "numpy is not installed", f"{machine.pip} install numpy")
    child = machine.python_child("import numpy")
    if child.status != 0:
        return fail(
            name,
            f"numpy cannot be imported: {child.last_line}",
            f"{machine.pip} install --force-reinstall numpy=={numpy}",
        )
    if litert is not None:
        return ok(name, f"ai-edge-litert {litert}, numpy {numpy}")
    if predecessor is None:
        return fail(name, "no TFLite interpreter is installed", f"{machine.pip} install ai-edge-litert")
    found = f"tflite-runtime {predecessor}, numpy {numpy}"
    if numbers(numpy) >= (2,):
        return fail(
            name,
            f"{found}: tflite-runtime was built against numpy 1, and fails with numpy 2",
            f"{machine.pip} install 'numpy<2'",
        )
    return ok(name, found)


def check_opencv(machine: Machine, _: Needs) -> Check:
    """Check that exactly one OpenCV is installed, and that it can be imported."""
    name = "opencv"
    installed = [package for package in _OPENCVS if machine.version(package) is not None]
    if len(installed) > 1:
        return fail(
            name,
            f"{' and '.join(installed)} are installed together, and overwrite each other's files",
            f"{machine.pip} uninstall -y {' '.join(installed)} && {machine.pip} install opencv-python-headless",
        )
    child = machine.python_child("import cv2; print(cv2.__version__)")
    if child.status != 0:
        hint = f"{machine.pip} install --force-reinstall opencv-python-headless"
        if "libxcb" in child.errors or "libGL" in child.errors:  # libraries that only a desktop system has
            hint = f"{machine.pip} uninstall -y {' '.join(installed)} && {machine.pip} install opencv-python-headless"
        return fail(name, f"cv2 cannot be imported: {child.last_line}", hint)
    found = f"{installed[0] if installed else 'cv2'} {child.output}"
    if numbers(child.output) < (4, 10):
        return warn(name, f"{found} is older than 4.10", f"{machine.pip} install --upgrade opencv-python-headless")
    return ok(name, found)


def check_speed(machine: Machine, _: Needs) -> Check | None:
    """Measure how many images the backbones embed per second. None if the interpreter does not run.

    Nothing else of a frame's way is measured: 'edge-cls bench' measures all of it.
    """
    child = machine.python_child(_SPEED)
    found = [line for line in child.output.splitlines() if line.startswith("backbones ")]
    if child.status is None:
        return warn("backbone", "the backbones could not be measured in 30 s", "check which programs run: top")
    return ok("backbone", found[-1].removeprefix("backbones ")) if child.status == 0 and found else None


def check_invoke(machine: Machine, _: Needs) -> Check:
    """Check that the interpreter runs the built-in model, in a child process."""
    name = "invoke"
    child = machine.python_child(_INVOKE)
    if child.status == 0:
        return ok(name, "the interpreter runs the built-in model")
    if child.status is None:
        return fail(name, "the interpreter hangs on the built-in model", "check which programs use the processor: top")
    found = f"signal {-child.status}" if child.status < 0 else child.last_line
    hint = f"{machine.pip} install --force-reinstall ai-edge-litert"
    if "_ARRAY_API" in child.errors or "numpy.core.multiarray failed" in child.errors:
        hint = f"{machine.pip} install 'numpy<2'"
    return fail(name, f"the interpreter does not run the built-in model: {found}", hint)
