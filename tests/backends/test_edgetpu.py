"""The device half of the Edge TPU, with libraries in place of libedgetpu: no device was available."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_cls.backends.edgetpu import EdgeTpu
from edge_cls.backends.litert import LiteRt
from edge_cls.backends.sandbox import probe
from edge_cls.errors import MissingDependency, ModelError
from edge_cls.model.file import read_model
from tests.edge_tpu_library import edge_tpu, edge_tpu_library
from tests.tools.edgetpu import compiled

PIXELS: NDArray[Any] = np.zeros((32, 32, 3), np.uint8)
CLASH = r"; install a newer libedgetpu, built for this version.*before 2\.12"


@pytest.fixture
def network(tiny: Path) -> bytes:
    return compiled(read_model(tiny).network)


def test_without_the_library_the_package_to_install_is_named(network: bytes) -> None:
    with pytest.raises(MissingDependency, match=r"libedgetpu-of-nowhere.*apt install libedgetpu1-std"):
        edge_tpu("libedgetpu-of-nowhere.so.1").open(network)


def test_without_a_device_the_hint_says_what_to_check(network: bytes, tmp_path: Path) -> None:
    library = edge_tpu_library(tmp_path, create="return NULL;")
    with pytest.raises(ModelError, match=r"no Edge TPU can be opened \(edgetpu:usb:0\).*plug it in again.*plugdev"):
        edge_tpu(library, "edgetpu:usb:0").open(network)


def test_a_network_that_is_not_compiled_is_refused_before_the_library_is_loaded(tiny: Path) -> None:
    with pytest.raises(ModelError, match=r"a\.tflite is not compiled for the Edge TPU; run: edge-cls edgetpu compile"):
        edge_tpu("libedgetpu-of-nowhere.so.1").open(read_model(tiny).network, name="a.tflite")


def test_the_cpu_refuses_a_compiled_network_and_says_where_it_runs(network: bytes) -> None:
    with pytest.raises(ModelError, match=r"is compiled for the Edge TPU; .*compiled from.*--delegate edgetpu$"):
        LiteRt().open(network)


def test_the_name_of_the_backend_chooses_the_device(network: bytes, tmp_path: Path) -> None:
    names = ("edgetpu", "edgetpu:usb", "edgetpu:usb:0", "edgetpu:pci:12")
    devices: list[dict[str, str]] = [{}, {"device": "usb"}, {"device": "usb:0"}, {"device": "pci:12"}]
    assert [EdgeTpu(name).options for name in names] == devices
    chosen = 'if (count != 1 || strcmp(keys[0], "device") || strcmp(values[0], "usb:1")) return NULL;'
    library = edge_tpu_library(tmp_path, create=chosen)
    edge_tpu(library, "edgetpu:usb:1").open(network).close()
    with pytest.raises(ModelError, match="no Edge TPU can be opened"):
        edge_tpu(library, "edgetpu:usb:0").open(network)


def test_the_hint_for_a_device_that_fails_is_another_port(network: bytes, tmp_path: Path) -> None:
    engine = edge_tpu(edge_tpu_library(tmp_path, fails="1")).open(network)
    with pytest.raises(ModelError, match=r"fails when it runs .*; unplug the Edge TPU and plug it in again"):
        engine.invoke(PIXELS)
    engine.close()
    with pytest.raises(ModelError, match="was closed"):
        engine.invoke(PIXELS)


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({"prepares": "1"}, "cannot be prepared for the Edge TPU .*failed to prepare"),
        ({"fails": '(context->report(context, "Encountered unresolved custom op: (null)"), 1)'}, "fails when it runs"),
    ],
    ids=["when it is prepared", "only when it runs"],
)
def test_a_network_that_the_library_does_not_accept_is_a_clash_of_versions(
    network: bytes, tmp_path: Path, options: dict[str, str], found: str
) -> None:
    backend = edge_tpu(edge_tpu_library(tmp_path, **options))
    with pytest.raises(ModelError, match=found + ".*" + CLASH):
        backend.open(network).invoke(PIXELS)
    gc.collect()
    with pytest.raises(ModelError, match=found):  # and not "no Edge TPU can be opened": the device was released
        backend.open(network).invoke(PIXELS)


def test_a_library_that_crashes_the_interpreter_crashes_a_child(network: bytes, tmp_path: Path) -> None:
    backend = edge_tpu(edge_tpu_library(tmp_path, create="abort();"))
    with pytest.raises(ModelError, match=r"a\.tflite crashes .* on the Edge TPU" + CLASH):
        probe(network, name="a.tflite", backend=backend)
