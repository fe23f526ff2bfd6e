"""The normalisation in a model is read, and an invalid one is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_cls.errors import ModelError
from edge_cls.model.importing.normalization import Normalization, of_metadata, of_quantized_input
from edge_cls.tflite.metadata import read_metadata
from edge_cls.tflite.metadata_schema import Metadata, pack_metadata, unpack_metadata


def metadata(mean: list[float], std: list[float]) -> Metadata:
    unit = {"options": {"normalization": {"mean": mean, "std": std}}}
    return unpack_metadata(
        pack_metadata({"subgraph_metadata": [{"input_tensor_metadata": [{"process_units": [unit]}]}]})
    )


def test_the_normalisation_is_read() -> None:
    assert of_metadata(metadata([127.5], [128.0]), "m") == Normalization(127.5, 128.0)
    assert of_metadata(metadata([0.0, 0.0, 0.0], [255.0, 255.0, 255.0]), "m") == Normalization(0.0, 255.0)
    assert of_metadata({}, "m") is None


def test_published_models_expect_minus_1_to_1(shared: Path) -> None:
    for name in ("mobilenet_v1_0.25_128_quant.tflite", "mobilenet_v1_0.25_128_quant_edgetpu.tflite"):
        metadata = read_metadata((shared / "models" / name).read_bytes())
        assert metadata is not None
        assert of_metadata(metadata, name) == Normalization(127.5, 127.5)


@pytest.mark.parametrize(("mean", "std"), [([1.0, 2.0, 3.0], [1.0]), ([1.0], [0.0]), ([], [1.0])])
def test_different_or_missing_means_and_a_std_of_zero_are_refused(mean: list[float], std: list[float]) -> None:
    with pytest.raises(ModelError, match=r"normalises each colour differently .* --mean and --std"):
        of_metadata(metadata(mean, std), "m")


def test_the_values_of_bytes_follow_the_quantisation_of_the_tensor() -> None:
    assert of_quantized_input(1 / 128, 128, signed=False) == Normalization(128, 128)
    assert of_quantized_input(1 / 128, 0, signed=True) == Normalization(128, 128)
