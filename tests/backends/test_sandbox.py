"""A network of unknown origin is tried in a child process, and can crash only that."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_cls.backends.backend import Engine, Tensor
from edge_cls.backends.litert import LiteRt
from edge_cls.backends.sandbox import MEMORY, probe
from edge_cls.errors import ModelError
from edge_cls.model.file import ModelFile, read_model
from edge_cls.model.model import Model
from tests import toy_model


def test_a_good_network_passes(tiny: Path) -> None:
    probe(read_model(tiny).network, name="tiny")


def test_the_error_of_the_interpreter_is_passed_on(tmp_path: Path) -> None:
    network = toy_model.write_failing(tmp_path / "failing.tflite").read_bytes()
    with pytest.raises(ModelError, match=r"^failing fails when it runs .*gather index out of bounds.*; convert or"):
        probe(network, name="failing")


def test_a_network_that_needs_gigabytes_is_refused(tmp_path: Path) -> None:
    network = toy_model.write_mean_color(tmp_path / "huge.tflite", side=2**15).read_bytes()
    with pytest.raises(ModelError, match=r"huge .*; "):
        probe(network, name="huge")


def test_a_changed_byte_in_the_root_of_a_network_does_not_crash_the_process(tiny: Path) -> None:
    network = read_model(tiny).network
    for position in range(0, 64, 3):
        if not 4 <= position < 8:
            changed = bytearray(network)
            changed[position] ^= 0x14
            try:
                probe(bytes(changed), name="changed")
            except ModelError as error:
                assert str(error).startswith("changed ")  # noqa: PT017 - most of the changes are refused, not all


class Misbehaving(Engine):
    """An engine that misbehaves as its network says."""

    name = "odd"
    inputs = outputs = (Tensor("pixels", (1, 8, 8, 3), np.dtype(np.uint8), 0.0, 0),)

    def __init__(self, network: bytes) -> None:
        self.network = network

    def run(self, *_: object) -> list[NDArray[Any]]:
        return [np.asarray(BEHAVIOUR[self.network](None))]

    def close(self) -> None:
        pass


class MisbehavingBackend(LiteRt):
    def open(self, network: bytes, *, name: str = "", threads: int | None = None) -> Engine:
        return Misbehaving(network)


def for_ever(_: object) -> None:
    while True:
        pass


BEHAVIOUR: dict[bytes, Callable[[object], object]] = {
    b"crashes": lambda _: os.kill(os.getpid(), signal.SIGSEGV),
    b"aborts": lambda _: os.abort(),
    b"ends": lambda _: os._exit(0),
    b"hogs": lambda _: bytearray(2 * MEMORY),
    b"hangs": for_ever,
}


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (b"crashes", "crashes the TFLite interpreter, or takes too much memory"),
        (b"aborts", "crashes the TFLite interpreter, or takes too much memory"),
        (b"ends", "crashes the TFLite interpreter, or takes too much memory"),
        (b"hogs", "takes more than 512 MiB"),
        (b"hangs", "runs for over 1 seconds"),
    ],
)
def test_every_failure_of_the_interpreter_is_one_line(network: bytes, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        probe(network, name="odd.tflite", backend=MisbehavingBackend(), seconds=1)
    assert not ended_children()


def ended_children() -> bool:
    """Return whether a child process has ended that was not waited for."""
    try:
        return os.waitpid(-1, os.WNOHANG)[0] != 0
    except ChildProcessError:
        return False


def test_only_a_network_without_a_manifest_is_probed(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    probed: list[str] = []
    monkeypatch.setattr("edge_cls.model.engines.probe", lambda _, name: probed.append(name))
    file = read_model(tiny)
    Model(file)
    assert probed == []
    with pytest.raises(ModelError, match="2 outputs"):
        Model(ModelFile(file.path, file.network))
    assert probed == [str(file.path)]
