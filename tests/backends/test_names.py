"""The table of backends is the only list of them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from edge_cls import Classifier
from edge_cls.backends.backend import open_backend
from edge_cls.backends.names import BACKENDS, BackendRow, accelerators, backend_row, check_backend, compiled_for
from edge_cls.config import load
from edge_cls.errors import ConfigError, ModelError
from edge_cls.model.file import read_model
from tests.colors import color_frame
from tests.fake_backend import FACTORY, Device, fake_backend, write_pair
from tests.tools.edgetpu import compiled


@pytest.mark.parametrize("delegate", ["none", "auto", "edgetpu", "edgetpu:usb", "edgetpu:usb:0", "edgetpu:pci:12"])
def test_every_documented_name_is_accepted_and_opens_a_backend(delegate: str) -> None:
    assert check_backend(delegate) == delegate
    backend = open_backend(delegate)
    assert backend.name == ("edgetpu" if delegate == "auto" else delegate)
    assert backend.exclusive == (delegate != "none")


@pytest.mark.parametrize(
    "delegate", ["gpu", "edgetpu:", "edgetpu:usb:", "edgetpu:usb:x", "EDGETPU", "", "none:1", "auto:usb", "edgetpu\n"]
)
def test_other_names_are_refused_with_the_valid_ones(delegate: str) -> None:
    for use in (check_backend, backend_row, open_backend):
        with pytest.raises(
            ConfigError, match=r"there is no delegate .*; use none, auto, edgetpu, .* or edgetpu:pci:0$"
        ):
            use(delegate)


def test_a_name_is_checked_without_numpy_and_interpreter() -> None:
    code = (
        "import sys; from edge_cls.backends.names import check_backend; check_backend('edgetpu:usb:0'); "
        "print({'numpy', 'ai_edge_litert', 'tflite_runtime', 'cv2'} & {name.partition('.')[0] for name in sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_a_network_names_the_backend_that_it_was_compiled_for(tiny: Path) -> None:
    network = read_model(tiny).network
    assert compiled_for(network) is None
    assert compiled_for(compiled(network)) == "edgetpu"


def test_a_new_backend_is_one_class_and_one_row_of_the_table(tiny: Path, tmp_path: Path) -> None:
    row = BackendRow(FACTORY, "the fake", options="(:[0-9])?", examples=("fake:0",))
    with fake_backend("fake", row, Device()) as device:
        assert load(None, environ={"EDGE_CLS_DELEGATE": "fake:1"}).delegate == "fake:1"
        with pytest.raises(ConfigError, match=r"use none, auto, edgetpu, fake, edgetpu:usb:0, edgetpu:pci:0 or fake:0"):
            check_backend("fake:")
        with Classifier(tiny, delegate="fake:1", memory=tmp_path / "taught.db") as classifier:
            assert classifier.classify(color_frame("blue")).label == "blue"
        assert (device.opened, device.runs, device.held) == (["fake:1"], 1, False)
    assert "fake" not in BACKENDS


def test_a_new_backend_with_a_compiler_gets_its_own_files(tiny: Path, tmp_path: Path) -> None:
    row = BackendRow(FACTORY, "the fake", operator="fake-op", compile="fake-compiler")
    with fake_backend("fake", row, Device(read_model(tiny).network)) as device:
        assert accelerators() == ["edgetpu", "fake"]
        path = write_pair(tiny, tmp_path / "a.tflite", "fake")
        for name, delegate in (("a", "auto"), ("a_fake", "auto"), ("a", "fake"), ("a_fake", "fake")):
            with Classifier(path.with_stem(name), delegate=delegate) as classifier:
                assert classifier.model.problem is None
        assert device.opened == ["fake"] * 4
        path.with_stem("a_fake").unlink()
        with pytest.raises(ModelError, match=r"a_fake.tflite does not exist; run: fake-compiler .*a\.tflite"):
            Classifier(path, delegate="fake")
