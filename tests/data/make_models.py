"""Makes tiny.tflite, a model with both outputs that is small enough to commit: python -m tests.data.make_models.

A network of two convolutions at 32 x 32 pixels learns to distinguish red, green and blue pictures.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import keras
from rich.progress import Progress

from edge_cls_tools.dataset.loading import load_dataset
from edge_cls_tools.quantization.quantize import quantize
from edge_cls_tools.training.train import train_classifier
from tests.colors import write_colors


def tiny_backbone() -> keras.Model:
    """Return a network of two random convolutions: an embedding of 16 numbers of 32 x 32 pixels."""
    keras.utils.set_random_seed(0)
    pixels = keras.Input((32, 32, 3))
    x = keras.layers.Conv2D(8, 3, strides=2, activation="relu", use_bias=False)(pixels)
    x = keras.layers.Conv2D(16, 3, strides=2, activation="relu")(x)
    return keras.Model(pixels, keras.layers.GlobalAveragePooling2D()(x))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name, Progress(disable=True) as display:
        folder = Path(name)
        write_colors(folder / "colors", count=20)
        tiny_backbone().save(folder / "tiny.keras")
        dataset = load_dataset(folder / "colors")
        train_classifier(dataset, str(folder / "tiny.keras"), folder / "run", seed=0, display=display)
        target = Path(__file__).parent / "tiny.tflite"
        made = quantize(folder / "run", target, advance=lambda _: None)
        made.save()
        print(made.comparison)  # noqa: T201
