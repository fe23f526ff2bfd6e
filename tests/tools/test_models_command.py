"""`edge-cls models`, with a registry whose files come from a server on loopback."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from edge_cls.model.file import read_model
from edge_cls.model.model import Model
from edge_cls_tools.backbones import registry
from tests.commands import EdgeCls
from tests.file_server import FileServer
from tests.model.importing.foreign import LABELS, PARSED, append_zip, int8_network

CONTENT = b"weights" * 20_000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def server(file_server: FileServer) -> FileServer:
    file_server.content = CONTENT
    return file_server


@pytest.fixture
def store(tmp_path: Path, server: FileServer, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of fetched files, still absent. `pinned` has a published checksum, `unpinned` has none."""
    entry = (
        'kind = "tflite"\nsummary = "an extractor"\ninput_size = 96\nembedding = 8\nlicence = "MIT"\n'
        f'source = "https://example.invalid"\nfile_size = {len(CONTENT)}\n'
    )
    base = server.url.rpartition("/")[0]
    (tmp_path / "registry.toml").write_text(
        f'[[model]]\nname = "pinned"\nurl = "{base}/pinned.tflite"\nsha256 = "{SHA256}"\n{entry}'
        f'[[model]]\nname = "unpinned"\nurl = "{base}/unpinned.tflite"\n{entry}'
    )
    monkeypatch.setattr(registry, "builtin_file", lambda name: tmp_path / name)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "edge-cls" / "models"


def test_the_list_shows_known_and_fetched_models(store: Path, edge_cls: EdgeCls) -> None:
    assert edge_cls("models", "fetch", "pinned")[0] == 0
    code, out, err = edge_cls("models", "list")
    assert (code, err) == (0, "")
    assert [line.split() for line in out.splitlines()] == [
        ["name", "input", "embedding", "licence", "sha256", "here", "summary"],
        ["pinned", "96", "x", "96", "8", "MIT", "known", "fetched", "an", "extractor"],
        ["unpinned", "96", "x", "96", "8", "MIT", "unverified", "-", "an", "extractor"],
    ]
    code, out, _ = edge_cls("models", "list", "--json")
    assert [(one["name"], one["sha256"], one["here"], one["path"]) for one in json.loads(out)["models"]] == [
        ("pinned", SHA256, "fetched", str(store / "pinned.tflite")),
        ("unpinned", None, None, str(store / "unpinned.tflite")),
    ]


def test_a_fetched_file_is_fetched_once(store: Path, server: FileServer, edge_cls: EdgeCls) -> None:
    path = f"{store / 'pinned.tflite'}\n"
    assert edge_cls("models", "fetch", "pinned") == (0, path, "pinned fetched; its sha256 matches the registry\n")
    said = "pinned is already here; its sha256 matches the registry\n"
    assert edge_cls("models", "fetch", "pinned") == (0, path, said)
    assert (store / "pinned.tflite").read_bytes() == CONTENT
    assert len(server.requests) == 1


def test_without_a_published_sha256_that_of_the_first_download_is_required_later(
    store: Path, server: FileServer, edge_cls: EdgeCls
) -> None:
    for how in ("fetched", "is already here"):
        code, out, err = edge_cls("models", "fetch", "unpinned")
        assert (code, out) == (0, f"{store / 'unpinned.tflite'}\n")
        assert err == f"unpinned {how}; its sha256 is {SHA256} (no published checksum to compare with)\n"
    assert (store / "unpinned.tflite.sha256").read_text() == f"{SHA256}  unpinned.tflite\n"
    (store / "unpinned.tflite").write_bytes(CONTENT[::-1])
    code, out, err = edge_cls("models", "fetch", "unpinned")
    assert (code, out) == (1, "")
    assert f"expected {SHA256}; delete it, and run 'edge-cls models fetch unpinned'" in err
    # Deleted and fetched again, it may be a new version.
    server.content = CONTENT[::-1]
    (store / "unpinned.tflite").unlink()
    for how in ("fetched", "is already here"):
        code, _, err = edge_cls("models", "fetch", "unpinned")
        assert code == 0
        assert err.startswith(f"unpinned {how}")


@pytest.mark.parametrize("name", ["pinned", "unpinned"])
def test_a_file_placed_by_hand_is_checked_and_used(
    store: Path, server: FileServer, edge_cls: EdgeCls, name: str
) -> None:
    server.close()
    code, out, err = edge_cls("models", "fetch", name)
    path = store / f"{name}.tflite"
    assert (code, out) == (1, "")
    assert f"on another machine and put it at {path}\n" in err
    path.write_bytes(b"another file")
    code, out, err = edge_cls("models", "fetch", name)
    assert (code, out) == (1, "")
    assert err.startswith(f"error: {path} is not the published file: 12 bytes, expected {len(CONTENT)}; delete")
    if name == "pinned":
        path.write_bytes(CONTENT[::-1])
        code, _, err = edge_cls("models", "fetch", name)
        assert code == 1
        assert f"expected {SHA256}; delete it, and run 'edge-cls models fetch pinned'\n" in err
    path.write_bytes(CONTENT)
    code, out, err = edge_cls("models", "fetch", name)
    assert (code, out) == (0, f"{path}\n")
    assert "is already here" in err


def test_another_file_than_the_published_one_is_not_kept(store: Path, server: FileServer, edge_cls: EdgeCls) -> None:
    server.content = CONTENT[::-1]
    code, out, err = edge_cls("models", "fetch", "pinned")
    assert (code, out) == (1, "")
    assert f"expected {SHA256} but got {hashlib.sha256(server.content).hexdigest()}" in err
    assert not (store / "pinned.tflite").exists()


def test_an_unknown_name_is_reported(edge_cls: EdgeCls, store: Path) -> None:
    code, out, err = edge_cls("models", "fetch", "pined")
    assert (code, out) == (1, "")
    assert err == "error: pined is not a known backbone; did you mean pinned? the names are pinned, unpinned\n"
    assert not store.exists()


def test_a_published_classifier_is_checked_as_published_and_used_as_imported(
    store: Path, server: FileServer, edge_cls: EdgeCls, tiny: Path, tmp_path: Path
) -> None:
    server.content = append_zip(int8_network(tiny), {"labels.txt": LABELS.encode()})
    sha256 = hashlib.sha256(server.content).hexdigest()
    entry = (tmp_path / "registry.toml").read_text().partition("[[model]]")[2].partition("[[model]]")[0]
    entry = entry.replace('"tflite"', '"classifier"').replace(SHA256, sha256)
    entry = entry.replace(f"file_size = {len(CONTENT)}", f"file_size = {len(server.content)}")
    entry = entry.replace('name = "pinned"', 'name = "teachable"')
    (tmp_path / "registry.toml").write_text(f"[[model]]{entry}")
    for how in ("fetched", "is already here"):
        said = f"teachable {how}; its sha256 matches the registry\n"
        assert edge_cls("models", "fetch", "teachable") == (0, f"{store / 'teachable.tflite'}\n", said)
        assert (store / "pinned.tflite").read_bytes() == server.content
        model = Model(read_model(store / "teachable.tflite"))
        assert (model.teachable, model.labels) == (True, PARSED)
        # The next fetch repairs a damaged import.
        (store / "teachable.tflite").write_bytes(b"half of it")
    (store / "pinned.tflite").write_bytes(server.content[::-1])
    code, out, err = edge_cls("models", "fetch", "teachable")
    assert (code, out) == (1, "")
    assert "is not the published file" in err


def test_the_built_in_backbone_needs_no_fetching(edge_cls: EdgeCls) -> None:
    code, out, err = edge_cls("models", "fetch", "builtin")
    assert (code, err) == (0, "builtin ships with edge-cls; its sha256 matches the registry\n")
    assert Path(out.rstrip("\n")).name == "edge-embed.tflite"
