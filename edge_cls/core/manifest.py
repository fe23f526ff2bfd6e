"""The manifest of a model file, stored as `manifest.json` inside the `.tflite`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Preprocessing:
    """How a frame becomes the input tensor; `edge_cls.images.preprocess` implements it.

    The centred crop of the aspect ratio `width:height` is resized to `width` x `height` pixels, RGB. A quantised model
    takes these bytes as they are (int8: minus 128); the network was trained on (byte - mean) / std.
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
    """How a classifier was trained.

    The hashes are SHA-256 in hexadecimal: of the backbone before the training (the space of an int8 file, or the
    architecture and weights of a Keras network), and of the sorted SHA-256 of all photos. Photos are counted by split.
    Accuracies are those of the float head on int8 embeddings, in [0, 1].
    """

    backbone_sha256: str
    data_sha256: str
    train: int
    validation: int
    test: int
    seed: int
    epochs: int
    fine_tuned: str | None = None
    """The part of the backbone that was trained further; None if it stayed frozen."""
    validation_accuracy: float | None = None
    test_accuracy: float | None = None
    taught: dict[str, int] | None = None
    """The number of examples of each class, if they came from a memory; the validation accuracy is then that of
    leave-one-out. None if the classifier was trained on folders of photos."""


@dataclass(frozen=True)
class Quantized:
    """The loss by int8 quantisation, measured with both networks on the same held-out images.

    `embedding_cosine` is the mean cosine similarity of their embeddings; None if a head was appended to a backbone that
    was int8 already, so that the heads alone were compared. `agreement` is the share of images with the same predicted
    class, in [0, 1]. Accuracies are None for a backbone without classes.
    """

    images: int
    embedding_cosine: float | None
    float_accuracy: float | None = None
    int8_accuracy: float | None = None
    agreement: float | None = None
    remedies: tuple[str, ...] = ()
    """The names of the remedies that were applied against the loss."""


@dataclass(frozen=True)
class Manifest:
    """The description of a model inside its file.

    `flatbuffer_sha256` is the checksum of the network as it is stored in the file; `write_model` fills it in. `space`
    names the space of the embeddings: only embeddings of one space may be compared. It is the SHA-256 of the network
    before metadata was added to it. `stranger_distance` is the median cosine distance between the embeddings of two
    calibration images, a typical distance between photos of different things. `temperature` divides the logarithms of
    the model's probabilities, which calibrates them (Guo et al., 2017). A prediction whose calibrated probability is
    under `unknown_below` is reported as unknown; None if the model has no classes. `calibration` is None for a model
    that edge-cls did not quantise.
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
        """Raise ValueError for numbers that are out of range."""
        contract = self.preprocessing
        if min(contract.width, contract.height) < 1:
            raise ValueError(f"an image cannot have {contract.width} x {contract.height} pixels")
        if not math.isfinite(contract.mean) or not 0 < abs(contract.std) < math.inf:
            raise ValueError(f"a mean of {contract.mean} and a std of {contract.std} cannot normalise pixels")
        if not 0 < self.temperature < math.inf:
            raise ValueError(f"a temperature of {self.temperature} is not above 0")
        if self.stranger_distance is not None and not 0 <= self.stranger_distance <= 2:
            raise ValueError(f"{self.stranger_distance} is not a cosine distance, which is between 0 and 2")
        if self.unknown_below is not None and not 0 <= self.unknown_below <= 1:
            raise ValueError(f"{self.unknown_below} is not a probability, which is between 0 and 1")
