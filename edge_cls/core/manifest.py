"""What a model file says of itself: the manifest, stored as `manifest.json` inside the `.tflite`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Preprocessing:
    """The contract between a frame and the input tensor: see `edge_cls.preprocess`, which fulfils it.

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
class Manifest:
    """What a model file says of itself.

    `flatbuffer_sha256` is the hash of the network alone. It proves that the file is whole, and it names the space of
    the embeddings: vectors of two different hashes are never compared.
    `stranger_distance` is the median cosine distance between the embeddings of two calibration images: how far apart
    photos of different things are. `unknown_below` is the probability under which the model's own answer is called
    unknown; None where the model has no classes.
    """

    name: str
    backbone: str
    preprocessing: Preprocessing
    calibration: Calibration
    flatbuffer_sha256: str
    created_by: str
    stranger_distance: float | None = None
    unknown_below: float | None = None
    schema_version: Literal[1] = 1
