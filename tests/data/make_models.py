"""Makes tiny.tflite, a model with both outputs that is small enough to commit: python tests/data/make_models.py.

A network of two convolutions at 32 x 32 pixels learns to tell red from green from blue pictures.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import keras
import numpy as np
from PIL import Image
from rich.progress import Progress

from edge_cls_tools.dataset import load_dataset
from edge_cls_tools.quantization import quantize
from edge_cls_tools.transfer import train_classifier

COLORS = {"red": (200, 40, 40), "green": (40, 200, 40), "blue": (40, 40, 200)}


def write_colors(folder: Path, count: int = 20) -> None:
    """Write `count` noisy pictures of each colour, a folder a colour."""
    rng = np.random.default_rng(0)
    for name, color in COLORS.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        for index in range(count):
            pixels = np.clip(rng.normal(color, 50, (40, 40, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{index:02d}.png")


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
        write_colors(folder / "colors")
        tiny_backbone().save(folder / "tiny.keras")
        dataset = load_dataset(folder / "colors")
        train_classifier(dataset, str(folder / "tiny.keras"), folder / "run", epochs=60, seed=0, display=display)
        target = Path(__file__).parent / "tiny.tflite"
        print(quantize(folder / "run", target, advance=lambda _: None))  # noqa: T201
