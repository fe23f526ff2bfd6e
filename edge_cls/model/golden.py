"""Golden frames are computed when a model is made, and replayed when it starts: a mismatch refuses to serve."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from edge_cls.core.quantization import quantize_vector
from edge_cls.errors import ModelError
from edge_cls.images.preprocess import Frame
from edge_cls.images.reading import encode_png, read_image
from edge_cls.model.file import ModelFile, sha256
from edge_cls.model.golden_frames import TOLERANCE, GoldenFrame, synthetic_frames
from edge_cls.model.model import Model


def with_golden(file: ModelFile) -> ModelFile:
    """Return `file` with golden frames and the outputs of its network for them on this machine."""
    model = Model(file)
    frames = synthetic_frames(model.contract.width, model.contract.height)
    return replace(file, golden=tuple(_golden(model, frame) for frame in frames))


def check_golden(model: Model) -> None:
    """Replay the golden frames in the model's file; a file without golden frames passes.

    Raises ModelError if a frame is not preprocessed to exactly the same pixels as when the model was made, or if an
    output differs by more than `TOLERANCE`.
    """
    for number, golden in enumerate(model.file.golden):
        frame = f"golden frame {number} of {model.file.path}"
        pixels = model.prepare(read_image(golden.png, frame))
        if sha256(pixels.tobytes()) != golden.pixels_sha256:
            raise ModelError(
                f"{frame} is preprocessed differently here than on the machine that built the model",
                hint="use the same versions of edge-cls and OpenCV on both machines, or make the model again",
            )
        for name, given in _outputs(model, pixels).items():
            expected = np.frombuffer(golden.outputs.get(name, b""), np.int8)
            if expected.shape != given.shape:
                raise ModelError(f"{frame} lacks the output {name}", hint="make the model again")
            off = int(np.abs(given.astype(np.int16) - expected).max())
            if off > TOLERANCE:
                raise ModelError(
                    f"{frame} gives another {name} here than on the machine that built the model: "
                    f"it differs by {off} steps of int8, and at most {TOLERANCE} are allowed",
                    hint="update the TFLite interpreter, or run the model elsewhere",
                )


def _golden(model: Model, frame: Frame) -> GoldenFrame:
    pixels = model.prepare(frame)
    outputs = {name: vector.tobytes() for name, vector in _outputs(model, pixels).items()}
    return GoldenFrame(encode_png(frame), sha256(pixels.tobytes()), outputs)


def _outputs(model: Model, pixels: Frame) -> dict[str, NDArray[np.int8]]:
    """Return the outputs for preprocessed pixels, int8 by name."""
    values = model.run(pixels)
    return {
        tensor.name: quantize_vector(value.reshape(-1), tensor.scale, tensor.zero_point).values
        for tensor, value in zip(model.outputs, values, strict=True)
    }
