"""A model file, ready to run on frames."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_cls.backends.backend import Tensor
from edge_cls.backends.names import CPU
from edge_cls.core.bank import encoded_dimension
from edge_cls.core.manifest import Preprocessing
from edge_cls.core.quantization import QuantizedVector, dequantize, quantize_vector
from edge_cls.core.spaces import current_space
from edge_cls.errors import ModelError
from edge_cls.images.geometry import center_crop
from edge_cls.images.preprocess import Frame, preprocess
from edge_cls.images.reading import encode_jpeg_within, read_image
from edge_cls.model.engines import open_engine
from edge_cls.model.file import ModelFile, damaged_bank, sha256
from edge_cls.model.temperature import with_temperature

CROP_SIDE = 256
"""Pixels of the longest side of the crop that is stored for a taught frame."""
CROP_BYTES = 24 * 1024
"""Bytes of the largest crop, unless even JPEG quality 30 needs more."""
_ROUNDING = 0.01
"""How far a probability may lie outside [0, 1] by rounding."""

Outputs = list[NDArray[Any]]
"""The raw outputs of a network, in its order, without the batch axis."""


@dataclass(frozen=True, eq=False)
class Inference:
    """The outputs of one invoke: the embedding, and the probabilities, float32 (classes,). Absent ones are None."""

    embedding: QuantizedVector | None
    probability: NDArray[np.float32] | None


class Model:
    """A model file, ready to run on frames.

    If the model has no manifest, it must have a single output: the probabilities of `labels`, or an embedding if there
    are no labels; its input is the centred crop, RGB. Any thread may call it; one is served at a time. Raises
    ModelError if inputs, outputs, labels and manifest do not fit each other.

    `delegate` names a backend of `edge_cls.backends.names`; see `open_engine`, whose errors are raised too.
    """

    def __init__(
        self, file: ModelFile, *, labels: tuple[str, ...] = (), threads: int | None = None, delegate: str = CPU
    ) -> None:
        self.file = file
        self._engine = open_engine(file, labels=labels, threads=threads, delegate=delegate)
        self._one_at_a_time = threading.Lock()
        self._name = str(file.path)
        self.labels = labels or file.labels
        self.space = current_space((file.manifest.space if file.manifest else "") or sha256(file.network))
        self._temperature = file.manifest.temperature if file.manifest else 1.0
        self.contract = self._contract()
        self._values = None if self.input.dtype == np.float32 else self._values_of_bytes()
        self._embedding, self._probability = self._outputs()
        if self._probability is not None:
            classes = math.prod(self.outputs[self._probability].shape[1:])
            if len(self.labels) != classes or not classes:
                raise ModelError(
                    f"{self._name} has {classes} classes, but {len(self.labels)} labels",
                    hint="give the labels file that belongs to this model (--labels)",
                )

        self._check_bank()

    @property
    def outputs(self) -> tuple[Tensor, ...]:
        """The output tensors, in the model's order."""
        return self._engine.outputs

    @property
    def input(self) -> Tensor:
        """The input tensor."""
        return self._engine.input

    @property
    def problem(self) -> str | None:
        """Why the model does not run on the backend that was asked for, in one line; None if it does."""
        return self._engine.problem

    @property
    def embedding(self) -> Tensor | None:
        """The output tensor of the embedding, or None if the model has no embedding."""
        return None if self._embedding is None else self.outputs[self._embedding]

    @property
    def teachable(self) -> bool:
        """Whether the model has an embedding."""
        return self._embedding is not None

    @property
    def classifies(self) -> bool:
        """Whether the model has classes of its own."""
        return self._probability is not None

    def infer(self, frame: Frame) -> Inference:
        """Return the outputs for an RGB frame of any size."""
        return self.interpret(self.run(self.prepare(frame)))

    def prepare(self, frame: Frame, into: Frame | None = None) -> Frame:
        """Return the pixels of an RGB frame that enter the model, in `into` if its shape fits: see `preprocess`."""
        return preprocess(frame, self.contract, into)

    def interpret(self, outputs: Outputs) -> Inference:
        """Return the raw outputs of `run` as embedding and probabilities. Raises ModelError for other scores."""
        return Inference(self._to_embedding(outputs), self._to_probability(outputs))

    def crop(self, frame: Frame) -> bytes:
        """Return the part of a frame that the model sees, as a JPEG: other models can compute their embedding of it.

        It has at most CROP_SIDE pixels on its longer side, and about CROP_BYTES at most.
        """
        height, width = frame.shape[:2]
        box = center_crop(width, height, self.contract.width, self.contract.height)
        scale = min(1.0, CROP_SIDE / max(box.width, box.height))
        size = replace(self.contract, width=max(1, round(box.width * scale)), height=max(1, round(box.height * scale)))
        return encode_jpeg_within(preprocess(frame, size), CROP_BYTES)

    def embed(self, crop: bytes) -> QuantizedVector:
        """Return the embedding of a crop. Raises ImageError for a damaged one, ModelError for a model without one."""
        embedding = self.infer(read_image(crop, "the stored crop")).embedding
        if embedding is None:
            raise ModelError(f"{self._name} has no embedding to teach with", hint="teach without --model")
        return embedding

    def run(self, pixels: Frame) -> Outputs:
        """Return the raw outputs, in the model's order, for pixels that `prepare` returned."""
        with self._one_at_a_time:
            return self._engine.invoke(self._tensor(pixels))

    def close(self) -> None:
        """Release the device that the model runs on, if it is not the CPU. Closing twice is safe."""
        self._engine.close()

    def _to_embedding(self, outputs: Outputs) -> QuantizedVector | None:
        if self._embedding is None or (tensor := self.embedding) is None:
            return None
        return quantize_vector(outputs[self._embedding].reshape(-1), tensor.scale, tensor.zero_point)

    def _to_probability(self, outputs: Outputs) -> NDArray[np.float32] | None:
        if self._probability is None:
            return None
        tensor, values = self.outputs[self._probability], outputs[self._probability].reshape(-1)
        if values.dtype != np.float32:
            values = dequantize(values, tensor.scale, tensor.zero_point)
        if not ((values >= -_ROUNDING) & (values <= 1 + _ROUNDING)).all():
            raise ModelError(
                f"{self._name} gives scores from {values.min():.3g} to {values.max():.3g}, which are not probabilities",
                hint="convert or download it again, with a softmax at its end",
            )
        return with_temperature(values, self._temperature)

    def _contract(self) -> Preprocessing:
        shape, dtype = self.input.shape, self.input.dtype
        if len(shape) != 4 or shape[0] != 1 or shape[3] != 3:
            raise ModelError(
                f"{self._name} takes an input of shape {shape}, not one RGB image (1, height, width, 3)",
                hint="use an image classification model with a batch of one",
            )
        contract = self.file.manifest.preprocessing if self.file.manifest else Preprocessing(shape[2], shape[1])
        if (contract.height, contract.width) != shape[1:3]:
            raise ModelError(
                f"{self._name} takes {shape[2]} x {shape[1]} pixels, but its manifest says "
                f"{contract.width} x {contract.height}",
                hint="make the model again with 'edge-cls quantize'",
            )
        if dtype not in (np.uint8, np.int8) and not (dtype == np.float32 and self.file.manifest):
            raise ModelError(
                f"{self._name} takes {dtype} pixels and does not say how they are normalised",
                hint="use its quantised version (uint8 or int8 input)",
            )
        return contract

    def _outputs(self) -> tuple[int | None, int | None]:
        """Return the indices of the outputs that are the embedding and the probability."""
        names = [output.name for output in self.outputs]
        if self.file.manifest and {"embedding", "probability"} & set(names):
            embedding = names.index("embedding") if "embedding" in names else None
            probability = names.index("probability") if "probability" in names else None
            return embedding, probability
        if len(names) != 1:
            raise ModelError(
                f"{self._name} has no manifest and {len(names)} outputs, so it is not clear which holds the classes",
                hint="use a classification model with one output",
            )
        return (None, 0) if self.labels else (0, None)

    def _check_bank(self) -> None:
        """Raise ModelError if the bank in the file does not belong to the embedding."""
        if not self.file.encoded_bank or self._embedding is None:
            return
        numbers = math.prod(self.outputs[self._embedding].shape)
        try:
            found = encoded_dimension(self.file.encoded_bank)
        except ValueError as error:
            raise damaged_bank(self.file.path, error) from error
        if found != numbers:
            raise damaged_bank(self.file.path, ValueError(f"its embeddings have {found} numbers, expected {numbers}"))

    def _tensor(self, pixels: Frame) -> NDArray[Any]:
        if self.input.dtype == np.float32:
            return (pixels.astype(np.float32) - np.float32(self.contract.mean)) / np.float32(self.contract.std)
        # Every byte is a valid index, and clipping is cheaper than checking.
        return pixels if self._values is None else self._values.take(pixels, mode="clip")

    def _values_of_bytes(self) -> NDArray[Any] | None:
        """Return the input value for each of the 256 bytes of a pixel; None if it is the byte itself.

        The manifest defines the real number for a byte, and the input's scale the integer for that number. If those
        integers are the bytes, or differ by at most 1, as in most models, the bytes are used: training rounded so too.
        """
        limits = np.iinfo(self.input.dtype)
        values = np.arange(256) + limits.min
        if self.file.manifest and self.input.scale:
            real = (np.arange(256) - self.contract.mean) / self.contract.std
            wanted = np.clip(np.rint(real / self.input.scale + self.input.zero_point), limits.min, limits.max)
            if np.abs(wanted - values).max() > 1:
                values = wanted
        return None if np.array_equal(values, np.arange(256)) else values.astype(self.input.dtype)
