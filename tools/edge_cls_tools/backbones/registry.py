"""The backbones that edge-cls knows by name: `models/registry.toml`, as a person edits it, checked once."""

from __future__ import annotations

import difflib
import tomllib
from pathlib import PurePosixPath
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field

from edge_cls.errors import ModelError
from edge_cls.model.builtin import builtin_file

Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class _Model(BaseModel):
    """What is told of every backbone.

    `input_size` is the side of the square RGB input in pixels, `embedding` the width of its output, `licence` an SPDX
    identifier, and `source` where the project that made it tells about it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z0-9_.]+$")
    summary: str
    input_size: int = Field(gt=0)
    embedding: int = Field(gt=0)
    licence: str
    source: str


class Shipped(_Model):
    """A backbone that comes with edge-cls: `file` of the folder `models/`."""

    kind: Literal["builtin"]
    file: str
    sha256: Sha256


class _Published(_Model):
    """A backbone that somebody else publishes at `url`: a file of `file_size` bytes, where that is known.

    `sha256` is there where the file itself, its publisher or two independent sources tell it.
    """

    url: str
    file_size: int | None = Field(default=None, gt=0)
    sha256: Sha256 | None = None

    @property
    def file(self) -> str:
        """The name of the file, as its publisher calls it."""
        return PurePosixPath(urlsplit(self.url).path).name


class KerasWeights(_Published):
    """Weights of `keras.applications`, without the classes, as a legacy `.h5` file."""

    kind: Literal["keras"]
    network: Literal["MobileNet", "MobileNetV2", "MobileNetV3Small", "MobileNetV3Large"]
    alpha: float = Field(gt=0)


class EmbeddingExtractor(_Published):
    """An int8 `.tflite` model with an embedding as its only output."""

    kind: Literal["tflite"]


class PublishedClassifier(_Published):
    """A quantised `.tflite` classifier, whose pooled features an import makes its embedding; it keeps its classes."""

    kind: Literal["classifier"]


KnownModel = Shipped | KerasWeights | EmbeddingExtractor | PublishedClassifier


class _Registry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    model: tuple[Annotated[KnownModel, Field(discriminator="kind")], ...]


def known_models() -> dict[str, KnownModel]:
    """Return the backbones of `models/registry.toml` by name, in its order."""
    registry = _Registry.model_validate(tomllib.loads(builtin_file("registry.toml").read_text(encoding="utf-8")))
    return {model.name: model for model in registry.model}


def find_model(name: str) -> KnownModel:
    """Return the backbone `name`. Raises ModelError, which tells the nearest name and all of them."""
    models = known_models()
    if name in models:
        return models[name]
    near = difflib.get_close_matches(name, models, n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    raise ModelError(f"{name} is no model that edge-cls knows", hint=f"{hint}the names are {', '.join(models)}")
