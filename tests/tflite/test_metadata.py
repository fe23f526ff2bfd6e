"""TFLite Metadata is added to a network and removed again, and changes neither."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from edge_cls.backends.litert import Interpreter
from edge_cls.errors import ModelError
from edge_cls.model.file import read_model, read_parts, write_model
from edge_cls.tflite.edit import pack
from edge_cls.tflite.metadata import labels_file, read_metadata, with_metadata, without_metadata
from tests import toy_model

METADATA: dict[str, Any] = {
    "name": "größer",
    "description": "a model",
    "version": "2",
    "subgraph_metadata": [
        {
            "input_tensor_metadata": [
                {
                    "name": "image",
                    "content": {"content_properties": {"image": {"color_space": 1}}, "range": {"min": 1, "max": -2}},
                    "process_units": [
                        {"options": {"normalization": {"mean": [127.5, 1.0, 0.25], "std": [127.5]}}},
                        {"options": {"score_thresholding": {"global_score_threshold": 0.5}}},
                    ],
                }
            ],
            "output_tensor_metadata": [
                {
                    "name": "probability",
                    "content": {"content_properties": {"feature": {}}},
                    "associated_files": [{"name": "labels.txt", "type": 2, "locale": "en"}],
                }
            ],
            "custom_metadata": [{"name": "mine", "data": bytes(range(33))}],
        }
    ],
    "author": "somebody",
    "license": "Apache-2.0",
    "min_parser_version": "1.5.0",
}


@pytest.fixture
def network(tiny: Path) -> bytes:
    return read_model(tiny).network


def without_note(metadata: Any) -> Any:
    """Return the metadata without the size of the network, as it was before it was written."""
    main, *rest = metadata["subgraph_metadata"]
    custom = [one for one in main["custom_metadata"] if not one["name"].startswith("edge_cls.")]
    return {**metadata, "subgraph_metadata": [{**main, "custom_metadata": custom}, *rest]}


def test_metadata_can_be_added_read_and_removed(network: bytes) -> None:
    both = with_metadata(network, METADATA)
    assert without_note(read_metadata(both)) == METADATA
    assert without_metadata(both) == network
    assert both == with_metadata(network, METADATA)


def test_a_network_without_metadata_is_unchanged(network: bytes) -> None:
    assert read_metadata(network) is None
    assert without_metadata(network) == network


def test_a_key_that_the_schema_does_not_have_raises(network: bytes) -> None:
    with pytest.raises(ValueError, match="colour"):
        with_metadata(network, {"colour": "red"})


def test_the_parts_of_the_network_are_kept_and_aligned(network: bytes) -> None:
    both = with_metadata(network, METADATA)
    before, after = schema.ModelT.InitFromPackedBuf(network, 0), schema.ModelT.InitFromPackedBuf(both, 0)
    assert [one.name for one in after.metadata] == [*(one.name for one in before.metadata), b"TFLITE_METADATA"]
    assert (after.version, after.description) == (before.version, before.description)
    assert [one.signatureKey for one in after.signatureDefs] == [one.signatureKey for one in before.signatureDefs]
    for old, new in zip(before.buffers, after.buffers[:-1], strict=True):
        np.testing.assert_array_equal(old.data, new.data)
        if old.data is not None and len(old.data):
            assert (both.index(bytes(old.data)) - network.index(bytes(old.data))) % 16 == 0
    content = bytes(after.buffers[-1].data)
    assert content[4:8] == b"M001"
    assert both.index(content) % 16 == 0


@pytest.mark.parametrize("name", ["tf2_mobilenet_v2_1.0_224_ptq", "mobilenet_v1_0.25_128_quant_edgetpu"])
def test_existing_metadata_is_replaced(shared: Path, name: str) -> None:
    network = read_model(shared / "models" / f"{name}.tflite").network
    theirs = read_metadata(network)
    assert theirs is not None
    assert theirs["name"] == "ImageClassifier"
    assert labels_file(theirs) == "imagenet_labels.txt"
    both = with_metadata(network, METADATA)
    assert without_note(read_metadata(both)) == METADATA
    assert without_metadata(both) == network
    entries = schema.ModelT.InitFromPackedBuf(both, 0).metadata
    assert [one.name for one in entries].count(b"TFLITE_METADATA") == 1


@pytest.mark.parametrize("name", ["tf2_mobilenet_v2_1.0_224_ptq", "mobilenet_v1_1.0_224_quant_embedding_extractor"])
def test_a_published_model_gives_the_same_bits_with_metadata(shared: Path, name: str) -> None:
    network = read_model(shared / "models" / f"{name}.tflite").network
    plain, described = Interpreter(network), Interpreter(with_metadata(network, METADATA))
    pixels = np.random.default_rng(0).integers(0, 256, plain.input.shape[1:]).astype(np.uint8)
    for ours, theirs in zip(described.invoke(pixels), plain.invoke(pixels), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_network_packed_again_by_another_program_gets_only_one_metadata(tiny: Path, tmp_path: Path) -> None:
    repacked = pack(schema.ModelT.InitFromPackedBuf(read_parts(tiny)[0], 0))
    assert without_metadata(repacked) == repacked
    again = dataclasses.replace(read_model(tiny), path=tmp_path / "again.tflite", network=repacked)
    write_model(again)
    stored = read_parts(again.path)[0]
    assert [one.name for one in schema.ModelT.InitFromPackedBuf(stored, 0).metadata].count(b"TFLITE_METADATA") == 1
    assert without_metadata(stored) == repacked


def test_damaged_metadata_is_refused_and_not_removed(network: bytes) -> None:
    both = bytearray(with_metadata(network, METADATA))
    both[both.index(b"M001") : both.index(b"M001") + 4] = b"M999"
    with pytest.raises(ModelError, match="the TFLite metadata is damaged"):
        read_metadata(bytes(both))
    assert without_metadata(bytes(both)) == bytes(both)


def test_a_network_whose_weights_lie_outside_of_it_is_refused(tmp_path: Path) -> None:
    model = schema.ModelT.InitFromPackedBuf(toy_model.write_mean_color(tmp_path / "mean.tflite").read_bytes(), 0)
    model.buffers[0].offset, model.buffers[0].size = 4096, 16
    with pytest.raises(ModelError, match="is of a kind that cannot take metadata"):
        with_metadata(pack(model), METADATA)


def test_the_written_metadata_describes_the_model(tiny: Path) -> None:
    metadata = read_metadata(read_parts(tiny)[0])
    assert metadata is not None
    assert metadata["name"] == "tiny"
    (main,) = metadata["subgraph_metadata"]
    (image,) = main["input_tensor_metadata"]
    assert image["name"] == "image"
    assert image["content"] == {"content_properties": {"image": {"color_space": 1}}}
    assert image["process_units"] == [{"options": {"normalization": {"mean": [127.5], "std": [127.5]}}}]
    assert [one["name"] for one in main["output_tensor_metadata"]] == ["probability", "embedding"]
    assert main["output_tensor_metadata"][0]["associated_files"][0]["name"] == labels_file(metadata) == "labels.txt"
