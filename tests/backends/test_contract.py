"""The promises of every backend: LiteRT, the Edge TPU with a library in place of libedgetpu, and the fake."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_cls.backends.backend import Backend
from edge_cls.backends.litert import LiteRt
from edge_cls.backends.names import BACKENDS, BackendRow
from edge_cls.errors import MissingDependency, ModelError
from edge_cls.model.file import read_model
from tests import toy_model
from tests.edge_tpu_library import edge_tpu, edge_tpu_library
from tests.fake_backend import FACTORY, Device, FakeBackend, fake_backend
from tests.tools.edgetpu import compiled

PIXELS: NDArray[np.uint8] = np.random.default_rng(0).integers(0, 256, (32, 32, 3)).astype(np.uint8)


@dataclass(frozen=True)
class Case:
    """A backend, a function that compiles a network for it, and the same backend on a machine without its library."""

    backend: Backend
    compile: Callable[[bytes], bytes]
    lacking: Backend | None


@pytest.fixture(params=["litert", "edgetpu", "fake"])
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Case]:
    if request.param == "litert":
        yield Case(LiteRt(), bytes, None)
    elif request.param == "edgetpu":
        yield Case(edge_tpu(edge_tpu_library(tmp_path)), compiled, edge_tpu("libedgetpu-of-nowhere.so"))
    else:
        with fake_backend("fake", BackendRow(FACTORY, "the fake"), Device()):
            yield Case(FakeBackend("fake"), bytes, None)


@pytest.fixture
def network(case: Case, tiny: Path) -> bytes:
    return case.compile(read_model(tiny).network)


def test_an_engine_names_its_tensors_and_gives_outputs_of_their_shapes_and_types(case: Case, network: bytes) -> None:
    engine = case.backend.open(network, name="tiny")
    assert (engine.name, engine.problem) == ("tiny", None)
    assert engine.inputs == (engine.input,)
    assert engine.input.shape == (1, 32, 32, 3)
    assert [output.name for output in engine.outputs] == ["probability", "embedding"]
    for with_batch, without, tensor in zip(
        engine.run(PIXELS[None]), engine.invoke(PIXELS), engine.outputs, strict=True
    ):
        assert (with_batch.shape, with_batch.dtype) == (tensor.shape, tensor.dtype)
        assert without.shape == tensor.shape[1:]
    engine.close()


def test_outputs_are_copies(case: Case, network: bytes) -> None:
    engine = case.backend.open(network)
    before = engine.invoke(PIXELS)
    kept = [output.copy() for output in before]
    engine.invoke(255 - PIXELS)
    for output, copy in zip(before, kept, strict=True):
        np.testing.assert_array_equal(output, copy)
    engine.close()


def test_closing_twice_is_safe_and_releases_what_is_exclusive(case: Case, network: bytes) -> None:
    first = case.backend.open(network)
    if case.backend.exclusive:
        with pytest.raises(ModelError):
            case.backend.open(network)
    first.close()
    first.close()
    second = case.backend.open(network)
    assert len(second.invoke(PIXELS)) == 2
    second.close()


def test_bytes_that_are_not_a_network_are_refused_and_nothing_is_held(case: Case, network: bytes) -> None:
    for content in (b"", b"not a network", b"\x1c\0\0\0TFL3" + bytes(40)):
        with pytest.raises(ModelError):
            case.backend.open(content, name="odd")
    case.backend.open(network).close()


@pytest.mark.parametrize("inputs", [[], [PIXELS], [PIXELS[None, :5]], [PIXELS[None].astype(np.float32)]])
def test_inputs_of_another_number_shape_or_type_are_an_error(
    case: Case, network: bytes, inputs: list[NDArray[Any]]
) -> None:
    engine = case.backend.open(network, name="tiny")
    with pytest.raises(ModelError, match=r"^tiny fails when it runs"):
        engine.run(*inputs)
    engine.close()


def test_two_inputs_are_run_but_are_not_an_image(case: Case, tmp_path: Path) -> None:
    network = toy_model.write_two_inputs(tmp_path / "two.tflite").read_bytes()
    if case.compile is not bytes:
        pytest.skip("the compiled form of the tests has one output of several inputs")
    engine = case.backend.open(network, name="two")
    image = np.zeros((1, 8, 8, 3), np.uint8)
    assert len(engine.run(image, image)) == 1
    with pytest.raises(ModelError, match="two has 2 inputs, not one"):
        _ = engine.input
    engine.close()


def test_a_missing_library_is_reported(case: Case, network: bytes) -> None:
    if case.lacking is not None:
        with pytest.raises(MissingDependency):
            case.lacking.open(network)


def test_the_fixture_covers_every_row_of_the_table() -> None:
    assert list(BACKENDS) == ["none", "edgetpu"]
