"""TFLite Metadata, which MediaPipe, ML Kit and Android Studio read from a model.

It is a FlatBuffer of its own, stored in the buffer of the network that `Model.metadata` names TFLITE_METADATA.
"""

from __future__ import annotations

import itertools

import flatbuffers

from edge_cls.core.manifest import Manifest
from edge_cls.errors import ModelError
from edge_cls.tflite.flatbuffer import Table
from edge_cls.tflite.metadata_schema import (
    LABELS_OF_AXIS,
    RGB,
    Metadata,
    aligned_bytes,
    pack_metadata,
    unpack_metadata,
    vector_of_offsets,
)

_NAME = "TFLITE_METADATA"
_OURS = "edge_cls.network_size"

# Slots of Model in TFLite's own schema: all but the version are offsets.
_VERSION, _BUFFERS, _METADATA, _SLOTS = 0, 4, 6, 10


def describe(network: bytes, manifest: Manifest, labels: tuple[str, ...]) -> Metadata:
    """Return the metadata of a model that edge-cls made. Raises ModelError if the network is damaged."""
    from edge_cls.tflite.graph import (  # here, because code that only runs a model does not need the schema of TFLite
        tensor_info,
        unpack,
    )

    contract = manifest.preprocessing
    model = unpack(network, manifest.name)
    outputs = [tensor_info(model, index).name for index in model.subgraphs[0].outputs]
    image = {
        "name": "image",
        "description": f"RGB, {contract.width} x {contract.height}: the centred crop of the frame.",
        "content": {"content_properties": {"image": {"color_space": RGB}}},
        # That of the float network: the standard demands it for a quantised one too.
        "process_units": [{"options": {"normalization": {"mean": [contract.mean], "std": [contract.std]}}}],
    }
    result = f"{len(labels)} classes" if labels else "an embedding"
    return {
        "name": manifest.name,
        "description": f"An image to {result}, on the backbone {manifest.backbone}. Made by {manifest.created_by}.",
        "subgraph_metadata": [
            {
                "input_tensor_metadata": [image],
                "output_tensor_metadata": [_output(name, labels) for name in outputs],
            }
        ],
        "associated_files": [
            {"name": "manifest.json", "description": "Preprocessing, calibration and training, as edge-cls reads them."}
        ],
    }


def _output(name: str, labels: tuple[str, ...]) -> Metadata:
    feature = {"name": name, "content": {"content_properties": {"feature": {}}}}
    if name == "embedding":
        return {**feature, "description": "What the image shows, as a vector to compare by its cosine."}
    if name != "probability" or not labels:
        return feature
    labels_file = {"name": "labels.txt", "description": "A class a line, by index.", "type": LABELS_OF_AXIS}
    return {**feature, "description": "The probability of each class.", "associated_files": [labels_file]}


def read_metadata(network: bytes) -> Metadata | None:
    """Return the TFLite Metadata in a network, without empty fields; None if the network has none.

    Raises ModelError if the network or the metadata is damaged.
    """
    model = Table.root(network)
    for entry in model.tables(_METADATA):
        if entry.text(0) == _NAME:
            buffer = next(itertools.islice(model.tables(_BUFFERS), entry.number(1, "I"), None), None)
            return unpack_metadata(b"" if buffer is None else buffer.data(0))
    return None


def labels_file(metadata: Metadata) -> str | None:
    """Return the name of the associated file with the labels of an output; None if the metadata names none."""
    for subgraph in metadata.get("subgraph_metadata", ()):
        for tensor in subgraph.get("output_tensor_metadata", ()):
            for file in tensor.get("associated_files", ()):
                if file.get("type") == LABELS_OF_AXIS:
                    return str(file.get("name", "")) or None
    return None


def with_metadata(network: bytes, metadata: Metadata) -> bytes:
    """Return `network` with `metadata`. The same arguments give the same bytes.

    The network, which must not have metadata of ours yet, is not packed again. Offsets of a FlatBuffer point forward
    only, so that the new parts (a root, its lists of buffers and of metadata) are put in front and point into the old
    bytes behind them. Those stay unchanged, bit for bit and with their alignment of 16 bytes, whatever operators and
    later fields they hold. `without_metadata` removes the new parts; it finds the old bytes by their size, which is
    noted in `custom_metadata`. Raises ModelError for a network with constants outside its FlatBuffer, or with fields
    of a later schema in its root.
    """
    old = Table.root(network)
    if old.slots > _SLOTS or any(buffer.number(1, "Q") for buffer in old.tables(_BUFFERS)):
        raise ModelError("the model is of a kind that cannot take metadata", hint="convert it to a plain .tflite file")
    main, *rest = metadata.get("subgraph_metadata") or [{}]
    note = {"name": _OURS, "data": str(len(network)).encode()}
    noted = {**main, "custom_metadata": [*main.get("custom_metadata", ()), note]}
    builder = flatbuffers.Builder(4096)
    builder.Prep(16, 0)
    content = pack_metadata({**metadata, "subgraph_metadata": [noted, *rest]})
    data = aligned_bytes(builder, content)
    builder.StartObject(3)
    builder.PrependUOffsetTRelativeSlot(0, data, 0)
    buffer = builder.EndObject()
    name = builder.CreateString(_NAME)
    old_buffers = old.targets(_BUFFERS)
    builder.StartObject(2)
    builder.PrependUOffsetTRelativeSlot(0, name, 0)
    builder.PrependUint32Slot(1, len(old_buffers), 0)
    entry = builder.EndObject()
    # The builder counts back from its end, where the old network starts: position p of the network is -p.
    others = [-table.position for table in old.tables(_METADATA) if table.text(0) != _NAME]
    lists = {
        _BUFFERS: vector_of_offsets(builder, [*(-position for position in old_buffers), buffer]),
        _METADATA: vector_of_offsets(builder, [*others, entry]),
    }
    builder.StartObject(_SLOTS)
    builder.PrependUint32Slot(_VERSION, old.number(_VERSION, "I"), 0)
    for slot in sorted(set(range(1, _SLOTS)) - lists.keys()):
        position = old.target(slot)
        if position is not None:
            builder.PrependUOffsetTRelativeSlot(slot, -position, 0)
    for slot, vector in lists.items():
        builder.PrependUOffsetTRelativeSlot(slot, vector, 0)
    builder.Finish(builder.EndObject(), b"TFL3")
    return bytes(builder.Output()) + network


def without_metadata(network: bytes) -> bytes:
    """Return the network as it was before `with_metadata`; a network without metadata of ours is returned unchanged."""
    try:
        metadata = read_metadata(network) or {}
    except ModelError:
        return network
    for subgraph in metadata.get("subgraph_metadata", ()):
        for custom in subgraph.get("custom_metadata", ()):
            size = custom.get("data", b"")
            if custom.get("name") == _OURS and size.isdigit() and len(size) < 12:
                bare = network[max(0, len(network) - int(size)) :]
                # A program that packs the network again keeps the note, but not the old bytes.
                return bare if len(bare) == int(size) and bare[4:8] == b"TFL3" else network
    return network
