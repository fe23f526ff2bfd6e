"""A backbone fetched by name is the network whose weights were published, on pixels in [-1, 1]."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_cls.errors import DownloadError, ModelError
from edge_cls_tools.backbones import registry
from tests.file_server import FileServer

pytestmark = pytest.mark.tensorflow
PIXELS = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3)).astype(np.float32)
FAMILIES = {
    "MobileNet": (0.25, 256),
    "MobileNetV2": (0.35, 1280),
    "MobileNetV3Small": (1.0, 576),
    "MobileNetV3Large": (1.0, 960),
}


@pytest.fixture
def server(file_server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FileServer:
    """Serves `weights.h5`, the file of an entry for each family in the registry, with 64 pixels."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(registry, "builtin_file", lambda name: tmp_path / name)
    (tmp_path / "registry.toml").write_text(
        "\n".join(
            f'[[model]]\nname = "{network.lower()}"\nkind = "keras"\nsummary = "a network"\ninput_size = 64\n'
            f'embedding = {width}\nlicence = "MIT"\nsource = "https://example.invalid"\nnetwork = "{network}"\n'
            f'alpha = {alpha}\nurl = "{file_server.url}"\n'
            for network, (alpha, width) in FAMILIES.items()
        )
    )
    return file_server


def network(name: str, pixels: NDArray[np.float32], **options: Any) -> Any:
    """Return a network of random weights that has seen `pixels`, so that its embedding depends on them."""
    import keras

    keras.utils.set_random_seed(1)
    model = getattr(keras.applications, name)(
        (64, 64, 3), alpha=FAMILIES[name][0], include_top=False, weights=None, pooling="avg", **options
    )
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
    model(pixels, training=True)
    return model


def published(model: Any, folder: Path) -> bytes:
    """Return the weights of `model` as keras.applications publishes them: a legacy HDF5 file."""
    model.save(folder / "whole.h5")
    return (folder / "whole.h5").read_bytes()


@pytest.mark.parametrize("name", FAMILIES)
def test_the_embedding_is_the_published_networks_own(server: FileServer, tmp_path: Path, name: str) -> None:
    from edge_cls_tools.backbones.backbones import load_backbone

    # The published MobileNetV3 takes 0 to 255; the others take [-1, 1].
    own = name.startswith("MobileNetV3")
    pixels = PIXELS if own else PIXELS / 127.5 - 1
    original = network(name, pixels, **({"include_preprocessing": True} if own else {}))
    server.content = published(original, tmp_path)
    told: list[int] = []
    backbone = load_backbone(name.lower(), lambda done, _total: told.append(done))
    assert (backbone.name, backbone.size, told[-1]) == (name.lower(), 64, len(server.content))
    ours, theirs = np.asarray(backbone.model(PIXELS / 127.5 - 1)), np.asarray(original(pixels))
    assert ours.shape == (2, FAMILIES[name][1])
    assert np.abs(theirs[0] - theirs[1]).max() > 0.1
    np.testing.assert_allclose(ours, theirs, atol=0.01)
    load_backbone(name.lower())
    assert len(server.requests) == 1


def test_weights_of_another_network_are_refused(server: FileServer, tmp_path: Path) -> None:
    from edge_cls_tools.backbones.backbones import load_backbone

    for content in (published(network("MobileNet", PIXELS), tmp_path), b"no weights at all"):
        server.content = content
        with pytest.raises(ModelError, match=r"does not fit keras.applications.MobileNetV2 .*; delete it") as caught:
            load_backbone("mobilenetv2")
        Path(str(caught.value).split()[0]).unlink()


def test_without_network_the_file_and_its_place_are_named(server: FileServer, tmp_path: Path) -> None:
    from edge_cls_tools.backbones.backbones import load_backbone

    server.close()
    with pytest.raises(DownloadError, match=f"put it at {tmp_path}/cache/edge-cls/models/weights.h5"):
        load_backbone("mobilenetv2")


def test_the_shipped_backbone_is_plain_keras_that_can_be_trained_further() -> None:
    import keras

    from edge_cls_tools.backbones.backbones import load_backbone

    backbone = load_backbone("builtin").model
    statistics = [layer for layer in backbone.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert {type(layer) for layer in statistics} == {keras.layers.BatchNormalization}
    backbone.compile(keras.optimizers.SGD(0.01), loss="mse")
    pixels = np.random.default_rng(0).uniform(-1, 1, (8, *backbone.input_shape[1:])).astype(np.float32)
    losses = backbone.fit(pixels, np.zeros((8, backbone.output_shape[1])), epochs=5, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
