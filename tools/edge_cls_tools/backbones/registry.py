"""The backbones that edge-cls knows by name: `models/registry.toml`, edited by people and validated when it is read."""

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
    """The entries of every backbone.

    `input_size` is the side of the square RGB input in pixels, `embedding` the number of values of its output,
    `licence` an SPDX identifier, and `source` the web page of the project that made it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z0-9_.-]+$")
    summary: str
    input_size: int = Field(gt=0)
    embedding: int = Field(gt=0)
    licence: str
    source: str


class Shipped(_Model):
    """A backbone that ships with edge-cls, as `file` in the folder `models/`."""

    kind: Literal["builtin"]
    file: str
    sha256: Sha256


class Built(_Model):
    """A backbone that `edge_cls.model.backbones` builds on this machine; `sha256` is that of the published weights."""

    kind: Literal["built"]
    sha256: Sha256


class _Published(_Model):
    """A backbone that another project publishes at `url`, as a file of `file_size` bytes, if that is known.

    `sha256` is given if it comes from the file itself, its publisher, or two independent sources.
    """

    url: str
    file_size: int | None = Field(default=None, gt=0)
    sha256: Sha256 | None = None

    @property
    def file(self) -> str:
        """The file name that the publisher uses."""
        return PurePosixPath(urlsplit(self.url).path).name


class KerasWeights(_Published):
    """Weights of a network of `keras.applications` without its class layer, as a legacy `.h5` file."""

    kind: Literal["keras"]
    network: Literal["MobileNet", "MobileNetV2", "MobileNetV3Small", "MobileNetV3Large"]
    alpha: float = Field(gt=0)


class EmbeddingExtractor(_Published):
    """An int8 `.tflite` model whose only output is an embedding."""

    kind: Literal["tflite"]


class PublishedClassifier(_Published):
    """A quantised `.tflite` classifier. Its import adds the pooled features as the embedding, and keeps the classes."""

    kind: Literal["classifier"]


KnownModel = Shipped | Built | KerasWeights | EmbeddingExtractor | PublishedClassifier


class _Registry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    model: tuple[Annotated[KnownModel, Field(discriminator="kind")], ...]


def known_models() -> dict[str, KnownModel]:
    """Return the backbones of `models/registry.toml` by name, in the order of that file."""
    registry = _Registry.model_validate(tomllib.loads(builtin_file("registry.toml").read_text(encoding="utf-8")))
    return {model.name: model for model in registry.model}


def find_model(name: str) -> KnownModel:
    """Return the backbone `name`. Raises ModelError if it is unknown, with the nearest name and the list of all."""
    models = known_models()
    if name in models:
        return models[name]
    near = difflib.get_close_matches(name, models, n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    raise ModelError(f"{name} is not a known backbone", hint=f"{hint}the names are {', '.join(models)}")
