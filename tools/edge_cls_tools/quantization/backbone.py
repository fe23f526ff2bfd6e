"""Converts a Keras backbone to the int8 network that runs on the device."""

from __future__ import annotations

import contextlib

import keras
import numpy as np

from edge_cls.cache_folder import cache_folder
from edge_cls.errors import OutputError
from edge_cls.files import write_whole
from edge_cls.model.file import sha256
from edge_cls_tools.backbones.backbones import Backbone
from edge_cls_tools.io.batches import Pixels
from edge_cls_tools.quantization.convert import METHOD, convert


def int8_backbone(backbone: Backbone, calibration: Pixels) -> bytes:
    """Return `backbone` as an int8 TFLite model with the output `embedding`, calibrated on uint8 photos.

    The result is cached under a checksum of everything it depends on.
    """
    key = sha256(f"{METHOD} {backbone.fingerprint()}".encode() + np.ascontiguousarray(calibration).tobytes())[:32]
    path = cache_folder() / "backbones" / f"{key}.tflite"
    with contextlib.suppress(OSError):
        return path.read_bytes()
    network = keras.Model(backbone.model.input, {"embedding": backbone.model.output}, name="backbone")
    converted = convert(network, calibration).int8
    with contextlib.suppress(OutputError):  # without the cache it is converted again the next time
        write_whole(path, converted)
    return converted
