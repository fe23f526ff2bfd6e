"""What a model file says of itself: the manifest, stored as `manifest.json` inside the `.tflite`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Preprocessing:
    """The contract between a frame and the input tensor: see `edge_cls.images.preprocess`, which fulfils it.

    The centred crop of the aspect ratio `width:height` is resized to `width` x `height` pixels, RGB. A quantised model
    takes these bytes as they are (int8: minus 128); the network inside saw them as (byte - mean) / std.
    """

    width: int
    height: int
    color: Literal["RGB"] = "RGB"
    crop: Literal["center"] = "center"
    resize: Literal["box+linear-exact"] = "box+linear-exact"
    mean: float = 127.5
    std: float = 127.5


@dataclass(frozen=True)
class Calibration:
    """The images whose activations set the int8 ranges: how many, and the SHA-256 of their preprocessed bytes."""

    images: int
    sha256: str


@dataclass(frozen=True)
class Training:
    """How a classifier came to be.

    The hashes are SHA-256 in hexadecimal: of the backbone's architecture and weights before the training, and of the
    sorted SHA-256 of all photos. Photos are counted by split. Accuracies are those of the float network, in [0, 1].
    """

    backbone_sha256: str
    data_sha256: str
    train: int
    validation: int
    test: int
    seed: int
    epochs: int
    fine_tuned: str | None = None
    """What of the backbone was trained further; None where it stayed frozen."""
    validation_accuracy: float | None = None
    test_accuracy: float | None = None


@dataclass(frozen=True)
class Quantized:
    """What int8 cost: both networks on the same held-out images. Accuracies are None for a backbone alone."""

    images: int
    embedding_cosine: float
    float_accuracy: float | None = None
    int8_accuracy: float | None = None
    agreement: float | None = None
    remedies: tuple[str, ...] = ()
    """What was done against the loss, by name."""


@dataclass(frozen=True)
class Manifest:
    """What a model file says of itself.

    `flatbuffer_sha256` is the hash of the network as it lies in the file, and proves that it is whole; `write_model`
    fills it in. `space` names the space of the embeddings, in which alone they may be compared: the hash of the network
    before metadata was added to it.
    `stranger_distance` is the median cosine distance between the embeddings of two calibration images: how far apart
    photos of different things are. `temperature` is what the logarithms of the model's probabilities are divided by, so
    that they say how often the model is right (Guo et al., 2017). `unknown_below` is the probability, so calibrated,
    under which the model's own answer is called unknown; None where the model has no classes. `calibration` is None
    for a model that edge-cls did not quantise.
    """

    name: str
    backbone: str
    preprocessing: Preprocessing
    created_by: str
    calibration: Calibration | None = None
    flatbuffer_sha256: str = ""
    space: str = ""
    stranger_distance: float | None = None
    temperature: float = 1.0
    unknown_below: float | None = None
    training: Training | None = None
    quantized: Quantized | None = None
    schema_version: Literal[1] = 1

    def __post_init__(self) -> None:
        """Raise ValueError for numbers that no model can be served with."""
        contract = self.preprocessing
        if min(contract.width, contract.height) < 1:
            raise ValueError(f"no image has {contract.width} x {contract.height} pixels")
        if not math.isfinite(contract.mean) or not 0 < abs(contract.std) < math.inf:
            raise ValueError(f"a mean of {contract.mean} and a std of {contract.std} normalise no pixels")
        if not 0 < self.temperature < math.inf:
            raise ValueError(f"a temperature of {self.temperature} is not above 0")
        if self.stranger_distance is not None and not 0 <= self.stranger_distance <= 2:
            raise ValueError(f"{self.stranger_distance} is no cosine distance")
        if self.unknown_below is not None and not 0 <= self.unknown_below <= 1:
            raise ValueError(f"{self.unknown_below} is no probability")
