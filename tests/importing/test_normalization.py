"""What a model says of its pixels is read as it is meant, and damaged words are told as such."""

from __future__ import annotations

import contextlib
from pathlib import Path

import flatbuffers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_cls.errors import ModelError
from edge_cls.graph import metadata_buffer, unpack
from edge_cls.importing.normalization import Normalization, of_metadata, of_quantized_input


def metadata(mean: tuple[float, ...], std: tuple[float, ...]) -> bytes:
    """Return TFLite Metadata that says nothing but how the first input is normalised."""
    builder = flatbuffers.Builder(256)

    def floats(values: tuple[float, ...]) -> int:
        builder.StartVector(4, len(values), 4)
        for value in reversed(values):
            builder.PrependFloat32(value)
        return int(builder.EndVector())

    def table(slots: int, slot: int, offset: int) -> int:
        builder.StartObject(slots)
        builder.PrependUOffsetTRelativeSlot(slot, offset, 0)
        return int(builder.EndObject())

    def vector(offset: int) -> int:
        builder.StartVector(4, 1, 4)
        builder.PrependUOffsetTRelative(offset)
        return int(builder.EndVector())

    means, stds = floats(mean), floats(std)
    builder.StartObject(2)
    builder.PrependUOffsetTRelativeSlot(0, means, 0)
    builder.PrependUOffsetTRelativeSlot(1, stds, 0)
    options = builder.EndObject()
    builder.StartObject(2)
    builder.PrependInt8Slot(0, 1, 0)
    builder.PrependUOffsetTRelativeSlot(1, options, 0)
    unit = builder.EndObject()
    tensor = table(5, 4, vector(unit))
    graph = table(3, 2, vector(tensor))
    builder.Finish(table(4, 3, vector(graph)), b"M001")
    return bytes(builder.Output())


def test_the_normalisation_is_read() -> None:
    assert of_metadata(metadata((127.5,), (128.0,)), "m") == Normalization(127.5, 128.0)
    assert of_metadata(metadata((0.0, 0.0, 0.0), (255.0, 255.0, 255.0)), "m") == Normalization(0.0, 255.0)


def test_published_models_say_minus_1_to_1(shared: Path) -> None:
    for name in ("mobilenet_v1_0.25_128_quant.tflite", "mobilenet_v1_0.25_128_quant_edgetpu.tflite"):
        content = metadata_buffer(unpack((shared / "models" / name).read_bytes(), name))
        assert content is not None
        assert of_metadata(content, name) == Normalization(127.5, 127.5)


@pytest.mark.parametrize(("mean", "std"), [((1.0, 2.0, 3.0), (1.0,)), ((1.0,), (0.0,)), ((), (1.0,))])
def test_colours_that_differ_and_no_std_are_refused(mean: tuple[float, ...], std: tuple[float, ...]) -> None:
    with pytest.raises(ModelError, match=r"normalises each colour in its own way .* --mean and --std"):
        of_metadata(metadata(mean, std), "m")


@given(st.integers(0, 10_000), st.integers(0, 255), st.integers(0, 10_000))
def test_damaged_metadata_is_told(place: int, byte: int, end: int) -> None:
    content = bytearray(metadata((127.5,), (127.5,)))
    content[place % len(content)] = byte
    with contextlib.suppress(ModelError):
        of_metadata(bytes(content[: max(8, end % 512)]), "m")


def test_values_that_are_bytes_are_seen_as_the_tensor_says() -> None:
    assert of_quantized_input(1 / 128, 128, signed=False) == Normalization(128, 128)
    assert of_quantized_input(1 / 128, 0, signed=True) == Normalization(128, 128)
