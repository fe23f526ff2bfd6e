"""A download is whole and checked, or an error that says what to do: against a server on loopback."""

from __future__ import annotations

import hashlib
import resource
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from edge_cls.errors import DownloadError, OutputError
from edge_cls_tools.backbones.download import download
from tests.file_server import FileServer

CONTENT = np.random.default_rng(0).bytes(1_000_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
CUT = 300_000
"""Bytes that the server sends before it breaks off."""


@pytest.fixture
def server(file_server: FileServer) -> FileServer:
    file_server.content = CONTENT
    return file_server


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "models" / "weights.h5"


@pytest.fixture
def small_disk() -> Iterator[None]:
    """No file may grow beyond CUT bytes: a write fails as on a full disk."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (CUT, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def fetch(server: FileServer, target: Path) -> str:
    return download(server.url, target, sha256=SHA256, size=len(CONTENT))


def left(target: Path) -> list[str]:
    return sorted(path.name for path in target.parent.iterdir())


def test_a_whole_file_comes_quietly_and_leaves_nothing_beside_it(
    server: FileServer, target: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    steps: list[tuple[int, int | None]] = []
    found = download(server.url, target, sha256=None, size=None, progress=lambda *step: steps.append(step))
    assert (found, target.read_bytes(), left(target)) == (SHA256, CONTENT, ["weights.h5"])
    assert steps == sorted(steps)
    assert steps[0][0] < steps[-1][0] == len(CONTENT)
    assert {total for _, total in steps} == {len(CONTENT)}
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("sha256", [SHA256, None])
def test_a_connection_that_breaks_leaves_no_file(server: FileServer, target: Path, sha256: str | None) -> None:
    server.cut_after = CUT
    with pytest.raises(DownloadError, match=r"weights.h5 cannot be fetched from") as caught:
        download(server.url, target, sha256=sha256, size=None)
    assert caught.value.hint.endswith(f"fetch {server.url} on another machine and put it at {target}")
    assert left(target) == []
    server.cut_after = None
    assert fetch(server, target) == SHA256


def test_a_cut_is_seen_if_the_server_sends_no_length(server: FileServer, target: Path) -> None:
    server.sends_length, server.cut_after = False, CUT
    with pytest.raises(DownloadError, match=rf"was deleted \({CUT} bytes, expected {len(CONTENT)}\)"):
        download(server.url, target, sha256=None, size=len(CONTENT))
    assert left(target) == []


@pytest.mark.parametrize(
    ("sha256", "size", "says"),
    [
        ("0" * 64, len(CONTENT), f"expected {'0' * 64} but got {SHA256}"),
        (SHA256, 5, f"{len(CONTENT)} bytes, expected 5"),
    ],
)
def test_another_file_is_deleted_and_reported(
    server: FileServer, target: Path, sha256: str, size: int, says: str
) -> None:
    with pytest.raises(DownloadError, match=f"weights.h5 is not the published file and was deleted .*{says}"):
        download(server.url, target, sha256=sha256, size=size)
    assert left(target) == []
    assert fetch(server, target) == SHA256


@pytest.mark.parametrize(("status", "says"), [(404, "answered 404 Not Found"), (500, "answered 500 Internal Server")])
def test_an_error_of_the_server_is_reported(server: FileServer, target: Path, status: int, says: str) -> None:
    server.status = status
    with pytest.raises(DownloadError, match=says):
        fetch(server, target)
    assert left(target) == []


def test_without_a_server_the_way_by_hand_is_shown(server: FileServer, target: Path) -> None:
    server.close()
    with pytest.raises(DownloadError) as caught:
        fetch(server, target)
    assert caught.value.message == "weights.h5 cannot be fetched from 127.0.0.1 (Connection refused)"
    assert caught.value.hint == f"try again, or fetch {server.url} on another machine and put it at {target}"


def test_a_redirect_is_followed(server: FileServer, target: Path) -> None:
    server.redirects["/weights.h5"] = "/elsewhere.h5"
    assert fetch(server, target) == SHA256
    assert len(server.requests) == 2


def test_an_unencrypted_address_is_refused_before_it_is_requested(server: FileServer, target: Path) -> None:
    with pytest.raises(DownloadError, match=r"http://example.invalid/weights.h5 is not encrypted"):
        download("http://example.invalid/weights.h5", target, sha256=None, size=None)
    server.redirects["/weights.h5"] = "http://example.invalid/weights.h5"
    with pytest.raises(DownloadError, match=r"http://example.invalid/weights.h5 is not encrypted"):
        fetch(server, target)


def test_a_folder_that_cannot_be_written_is_reported(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(OutputError, match=r"weights.h5 cannot be written \(Not a directory\)"):
        fetch(server, tmp_path / "file" / "models" / "weights.h5")


@pytest.mark.usefixtures("small_disk")
def test_a_full_disk_is_reported(server: FileServer, target: Path) -> None:
    with pytest.raises(OutputError, match=r"weights.h5 cannot be written \(File too large\)"):
        fetch(server, target)
    assert left(target) == []
