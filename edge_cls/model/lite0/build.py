"""Build the model file of EfficientNet-Lite0 for one size of input."""

from __future__ import annotations

from pathlib import Path

from edge_cls.core.manifest import Manifest, Preprocessing
from edge_cls.model.file import ModelFile
from edge_cls.model.golden import with_golden
from edge_cls.model.known_banks import known_bank
from edge_cls.model.lite0.calibrated import Calibrated
from edge_cls.model.lite0.network import MEAN, OUTPUT, STD
from edge_cls.model.lite0.quantized import quantized_graph
from edge_cls.model.lite0.weights import Tensors
from edge_cls.tflite.content import content_sha256
from edge_cls.tflite.edit import make_portable, pack
from edge_cls.version import __version__


def contract(size: int) -> Preprocessing:
    """Return the preprocessing of the backbone for `size` x `size` pixels."""
    return Preprocessing(size, size, mean=MEAN, std=STD)


def built(tensors: Tensors, calibrated: Calibrated, size: int, path: Path) -> ModelFile:
    """Return the backbone for `size` x `size` pixels as the model file `path`, with golden frames; it is not written.

    The bank that ships for it is inside. Its space is named by the content of the network, which is the same on every
    machine. Raises ModelError if the tensors are not those of the network.
    """
    graph = quantized_graph(tensors, calibrated, size)
    make_portable(graph)  # before it is packed, which takes as long as all arithmetic
    network = pack(graph)
    manifest = Manifest(
        name=f"lite0-{size}",
        backbone="efficientnet-lite0",
        preprocessing=contract(size),
        created_by=f"edge-cls {__version__}",
        calibration=calibrated.photos,
        space=content_sha256(network, OUTPUT),
        stranger_distance=calibrated.stranger_distances[size],
    )
    bank = known_bank(manifest.space)
    return with_golden(ModelFile(path, network, manifest, encoded_bank=bank))
