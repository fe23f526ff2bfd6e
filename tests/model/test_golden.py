"""Golden frames detect a model whose preprocessing or outputs differ from those on the machine that built it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from edge_cls.core.manifest import Preprocessing
from edge_cls.errors import ModelError
from edge_cls.images.preprocess import Frame, preprocess
from edge_cls.images.reading import encode_png, read_image
from edge_cls.model.builtin import builtin_file
from edge_cls.model.file import ModelFile, read_model
from edge_cls.model.golden import check_golden, with_golden
from edge_cls.model.golden_frames import TOLERANCE, GoldenFrame, synthetic_frames
from edge_cls.model.model import Model, Outputs
from edge_cls.tflite.edit import pack

CONTRACT = Preprocessing(64, 48)


def test_the_shipped_models_replay_their_golden_frames(tiny: Path) -> None:
    for path in (tiny, builtin_file("edge-embed.tflite")):
        file = read_model(path)
        assert len(file.golden) == 3
        check_golden(Model(file))
        assert sum(len(frame.png) for frame in file.golden) < 10_000


def test_a_file_without_golden_frames_passes(tiny: Path) -> None:
    check_golden(Model(dataclasses.replace(read_model(tiny), golden=())))


def test_the_frames_are_cropped_shrunk_and_enlarged_and_survive_their_file() -> None:
    large, small, exact = synthetic_frames(CONTRACT.width, CONTRACT.height)
    assert large.shape[0] > 2 * CONTRACT.height
    assert large.shape[1] > 2 * CONTRACT.width
    assert small.shape[1] < CONTRACT.width
    assert exact.shape == (CONTRACT.height, CONTRACT.width, 3)
    for frame in (large, small, exact):
        np.testing.assert_array_equal(read_image(encode_png(frame)), frame)


def flipped(frame: Frame, contract: Preprocessing) -> Frame:
    return preprocess(np.ascontiguousarray(frame[:, ::-1]), contract)


def swapped(frame: Frame, contract: Preprocessing) -> Frame:
    return preprocess(np.ascontiguousarray(frame[:, :, ::-1]), contract)


def stretched(frame: Frame, contract: Preprocessing) -> Frame:
    rows, columns = (
        np.arange(to) * of // to for to, of in zip((contract.height, contract.width), frame.shape[:2], strict=True)
    )
    return np.asarray(frame[rows][:, columns], np.uint8)


def a_step_off(frame: Frame, contract: Preprocessing) -> Frame:
    pixels = preprocess(frame, contract)
    pixels[5, 5, 1] ^= 1
    return pixels


@pytest.mark.parametrize("preprocessing", [swapped, flipped, stretched, a_step_off])
def test_another_preprocessing_is_detected(tiny: Path, preprocessing: Callable[[Frame, Preprocessing], Frame]) -> None:
    class Other(Model):
        def prepare(self, frame: Frame, into: Frame | None = None) -> Frame:
            del into
            return preprocessing(frame, self.contract)

    with pytest.raises(ModelError, match=r"golden frame 0 of .* is preprocessed differently here"):
        check_golden(Other(read_model(tiny)))


def test_pixels_that_are_swapped_after_the_preprocessing_are_detected(tiny: Path) -> None:
    class Swapping(Model):
        def run(self, pixels: Frame) -> Outputs:
            return super().run(pixels[:, :, ::-1])

    with pytest.raises(ModelError, match=r"golden frame \d of .* gives another .*: it differs by \d+ steps"):
        check_golden(Swapping(read_model(tiny)))


def spoil_weights(network: schema.ModelT) -> None:
    """Halve the weights of the first convolution."""
    weights = network.subgraphs[0].operators[1].inputs[1]
    buffer = network.buffers[network.subgraphs[0].tensors[weights].buffer]
    buffer.data = (np.asarray(buffer.data).view(np.int8) // 2).view(np.uint8)


def spoil_scale(network: schema.ModelT) -> None:
    """Scale the weights of the first convolution by 1.5."""
    graph = network.subgraphs[0]
    quantization = graph.tensors[graph.operators[1].inputs[1]].quantization
    quantization.scale = [1.5 * scale for scale in quantization.scale]


@pytest.mark.parametrize("spoil", [spoil_weights, spoil_scale])
def test_another_network_is_detected(tiny: Path, spoil: Callable[[schema.ModelT], None]) -> None:
    file = read_model(tiny)
    network = schema.ModelT.InitFromPackedBuf(file.network, 0)
    check_golden(Model(dataclasses.replace(file, network=pack(network))))
    spoil(network)
    with pytest.raises(ModelError, match=f"of int8, and at most {TOLERANCE} are allowed; update the TFLite"):
        check_golden(Model(dataclasses.replace(file, network=pack(network))))


def with_expected(file: ModelFile, change: Callable[[GoldenFrame], GoldenFrame]) -> Model:
    return Model(dataclasses.replace(file, golden=(change(file.golden[0]),)))


def off_by(frame: GoldenFrame, steps: int) -> GoldenFrame:
    values = np.frombuffer(frame.outputs["probability"], np.int8).astype(int)
    return dataclasses.replace(
        frame, outputs=frame.outputs | {"probability": (values + steps).astype(np.int8).tobytes()}
    )


def test_outputs_may_differ_by_the_tolerance_but_not_by_more(tiny: Path) -> None:
    file = read_model(tiny)
    check_golden(with_expected(file, lambda frame: off_by(frame, TOLERANCE)))
    with pytest.raises(ModelError, match=f"gives another probability .*: it differs by {TOLERANCE + 1} steps"):
        check_golden(with_expected(file, lambda frame: off_by(frame, TOLERANCE + 1)))


def test_a_missing_expected_output_is_refused(tiny: Path) -> None:
    def forget(frame: GoldenFrame) -> GoldenFrame:
        return dataclasses.replace(frame, outputs={"embedding": frame.outputs["embedding"]})

    with pytest.raises(ModelError, match="lacks the output probability; make the model again"):
        check_golden(with_expected(read_model(tiny), forget))


def test_golden_frames_are_reproducible(tiny: Path) -> None:
    file = read_model(tiny)
    for made, kept in zip(with_golden(file).golden, file.golden, strict=True):
        assert made.pixels_sha256 == kept.pixels_sha256
        np.testing.assert_array_equal(read_image(made.png), read_image(kept.png))
