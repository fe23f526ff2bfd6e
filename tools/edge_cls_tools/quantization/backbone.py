"""Converts a Keras backbone to the int8 file that a head is appended to."""

from __future__ import annotations

import contextlib
from pathlib import Path

import keras
import numpy as np

from edge_cls.cache_folder import cache_folder
from edge_cls.core.manifest import Calibration, Manifest
from edge_cls.errors import OutputError
from edge_cls.files import write_whole
from edge_cls.model.file import ModelFile, sha256
from edge_cls.tflite.content import content_sha256
from edge_cls.version import __version__
from edge_cls_tools.backbones.backbones import Backbone
from edge_cls_tools.io.batches import Pixels
from edge_cls_tools.quantization.convert import METHOD, convert
from edge_cls_tools.quantization.pixel_input import int8_contract

OUTPUT = "embedding"


def converted_backbone(backbone: Backbone, calibration: Pixels) -> ModelFile:
    """Return `backbone` as an int8 model file with the output `embedding`, calibrated on uint8 photos; not written.

    The network is cached under a checksum of everything that it depends on.
    """
    photos = np.ascontiguousarray(calibration).tobytes()
    key = sha256(f"{METHOD} {backbone.fingerprint()}".encode() + photos)[:32]
    path = cache_folder() / "backbones" / f"{key}.tflite"
    network = _cached(path) or _convert(backbone, calibration, path)
    manifest = Manifest(
        name=backbone.name,
        backbone=backbone.name,
        preprocessing=int8_contract(network, backbone.contract),
        created_by=f"edge-cls {__version__}",
        calibration=Calibration(len(calibration), sha256(photos)),
        space=content_sha256(network, OUTPUT),
    )
    return ModelFile(path, network, manifest)


def _cached(path: Path) -> bytes:
    with contextlib.suppress(OSError):
        return path.read_bytes()
    return b""


def _convert(backbone: Backbone, calibration: Pixels, path: Path) -> bytes:
    network = keras.Model(backbone.model.input, {OUTPUT: backbone.model.output}, name="backbone")
    converted = convert(network, calibration).int8
    with contextlib.suppress(OutputError):  # without the cache it is converted again the next time
        write_whole(path, converted)
    return converted
