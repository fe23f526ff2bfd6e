"""A download is whole, resumed and checked, or an error that says what to do: against a server on loopback."""

from __future__ import annotations

import fcntl
import hashlib
import os
from pathlib import Path

import numpy as np
import pytest

from edge_cls.errors import DownloadError, OutputError
from edge_cls_tools.backbones.download import download
from tests.file_server import FileServer

CONTENT = np.random.default_rng(0).bytes(1_000_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
CUT = 300_000
"""Bytes that the server sends before it breaks off. The last few may be lost in a buffer."""


@pytest.fixture
def server(file_server: FileServer) -> FileServer:
    file_server.content = CONTENT
    return file_server


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "models" / "weights.h5"


def fetch(server: FileServer, target: Path) -> str:
    return download(server.url, target, sha256=SHA256, size=len(CONTENT))


def cut(server: FileServer, target: Path) -> int:
    """Fetch the first part of the file, as a connection that breaks does, and return how much was kept."""
    server.cut_after = CUT
    with pytest.raises(DownloadError) as caught:
        fetch(server, target)
    server.cut_after = None
    assert caught.value.hint.endswith(f"fetch {server.url} on another machine and put it at {target}")
    assert not target.exists()
    kept = target.with_name("weights.h5.part").read_bytes()
    assert 0.9 * CUT < len(kept) <= CUT
    assert kept == CONTENT[: len(kept)]
    return len(kept)


def left(target: Path) -> list[str]:
    return sorted(path.name for path in target.parent.iterdir())


def test_a_whole_file_comes_and_leaves_nothing_beside_it(server: FileServer, target: Path) -> None:
    told: list[tuple[int, int | None]] = []
    came = download(server.url, target, sha256=None, size=None, progress=lambda *step: told.append(step))
    assert (came, target.read_bytes(), left(target)) == (SHA256, CONTENT, ["weights.h5"])
    assert (told[0], told[-1]) == ((0, len(CONTENT)), (len(CONTENT), len(CONTENT)))


@pytest.mark.parametrize(
    ("etag", "headers", "asks"),
    [
        ('"one"', {}, '"one"'),
        ('W/"weak"', {"Last-Modified": "Wed, 01 Jan 2025 00:00:00 GMT"}, "Wed, 01 Jan 2025 00:00:00 GMT"),
    ],
)
def test_after_a_cut_the_rest_alone_is_asked_for(
    server: FileServer, target: Path, etag: str, headers: dict[str, str], asks: str
) -> None:
    server.etag, server.headers = etag, headers
    kept = cut(server, target)
    assert fetch(server, target) == SHA256
    assert (server.asked[1]["Range"], server.asked[1]["If-Range"]) == (f"bytes={kept}-", asks)
    assert server.sent == [CUT, len(CONTENT) - kept]
    assert (target.read_bytes(), left(target)) == (CONTENT, ["weights.h5"])


@pytest.mark.parametrize("etag", ["", 'W/"weak"'])
def test_a_file_whose_version_is_not_told_begins_anew(server: FileServer, target: Path, etag: str) -> None:
    server.etag = etag
    cut(server, target)
    assert fetch(server, target) == SHA256
    assert "Range" not in server.asked[1]
    assert target.read_bytes() == CONTENT


def test_a_server_without_ranges_begins_anew(server: FileServer, target: Path) -> None:
    cut(server, target)
    server.ranges = False
    assert fetch(server, target) == SHA256
    assert target.read_bytes() == CONTENT


def test_a_file_that_changed_after_the_cut_begins_anew(server: FileServer, target: Path) -> None:
    cut(server, target)
    server.content, server.etag = CONTENT[::-1], '"two"'
    download(server.url, target, sha256=None, size=None)
    assert target.read_bytes() == CONTENT[::-1]


def test_other_bytes_than_were_asked_for_are_refused(server: FileServer, target: Path) -> None:
    cut(server, target)
    server.misplaces_by = 7
    with pytest.raises(DownloadError, match="answers with other bytes than were asked for"):
        fetch(server, target)
    server.misplaces_by = 0
    assert fetch(server, target) == SHA256


def test_a_cut_is_seen_where_the_server_tells_no_length(server: FileServer, target: Path) -> None:
    server.tells_length, server.cut_after = False, CUT
    with pytest.raises(DownloadError, match=f"it has {CUT} bytes, and not {len(CONTENT)}"):
        fetch(server, target)
    assert not target.exists()


def test_a_file_that_lacked_its_name_alone_is_not_sent_again(server: FileServer, target: Path) -> None:
    cut(server, target)
    target.with_name("weights.h5.part").write_bytes(CONTENT)
    assert fetch(server, target) == SHA256
    assert (target.read_bytes(), server.sent) == (CONTENT, [CUT])


def test_more_than_there_is_begins_anew(server: FileServer, target: Path) -> None:
    cut(server, target)
    target.with_name("weights.h5.part").write_bytes(CONTENT + b"more")
    assert fetch(server, target) == SHA256
    assert (target.read_bytes(), server.sent) == (CONTENT, [CUT, len(CONTENT)])


@pytest.mark.parametrize(
    ("sha256", "size", "says"),
    [
        ("0" * 64, len(CONTENT), f"it has the sha256 {SHA256}, and not {'0' * 64}; it was deleted"),
        (SHA256, 5, f"it has {len(CONTENT)} bytes, and not 5; it was deleted"),
    ],
)
def test_another_file_is_deleted_and_said(server: FileServer, target: Path, sha256: str, size: int, says: str) -> None:
    with pytest.raises(DownloadError, match=says):
        download(server.url, target, sha256=sha256, size=size)
    assert "weights.h5" not in left(target)
    assert "weights.h5.part" not in left(target)
    assert fetch(server, target) == SHA256
    assert "Range" not in server.asked[1]


@pytest.mark.parametrize(("status", "says"), [(404, "answers 404 Not Found"), (500, "answers 500 Internal Server")])
def test_what_the_server_answers_is_said(server: FileServer, target: Path, status: int, says: str) -> None:
    server.status = status
    with pytest.raises(DownloadError, match=says):
        fetch(server, target)
    assert not target.exists()


def test_without_a_server_the_way_by_hand_is_told(server: FileServer, target: Path) -> None:
    server.close()
    with pytest.raises(DownloadError) as caught:
        fetch(server, target)
    assert caught.value.message == "weights.h5 cannot be fetched from 127.0.0.1 (Connection refused)"
    assert caught.value.hint == (
        f"try again, or, where there is no network, fetch {server.url} on another machine and put it at {target}"
    )


def test_a_redirect_is_followed(server: FileServer, target: Path) -> None:
    server.redirects["/weights.h5"] = "/elsewhere.h5"
    assert fetch(server, target) == SHA256
    assert len(server.asked) == 2


def test_what_is_not_encrypted_is_refused_before_it_is_asked_for(server: FileServer, target: Path) -> None:
    with pytest.raises(DownloadError, match=r"http://example.invalid/weights.h5 is not encrypted"):
        download("http://example.invalid/weights.h5", target, sha256=None, size=None)
    server.redirects["/weights.h5"] = "http://example.invalid/weights.h5"
    with pytest.raises(DownloadError, match=r"http://example.invalid/weights.h5 is not encrypted"):
        fetch(server, target)


def test_a_folder_that_cannot_be_written_is_said(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(OutputError, match=r"weights.h5 cannot be written \(Not a directory\)"):
        fetch(server, tmp_path / "file" / "models" / "weights.h5")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="/dev/full is absent: this system has no full disk to try")  # noqa: PTH110 - no path yet
def test_a_full_disk_is_said(server: FileServer, target: Path) -> None:
    target.parent.mkdir()
    target.with_name("weights.h5.part").symlink_to("/dev/full")
    with pytest.raises(OutputError, match="No space left on device"):
        fetch(server, target)
    assert not target.exists()


def test_a_second_process_waits_for_its_turn(server: FileServer, target: Path) -> None:
    kept = cut(server, target)
    part = target.with_name("weights.h5.part")
    with part.open("ab") as first:
        fcntl.flock(first, fcntl.LOCK_SH)
        with pytest.raises(DownloadError, match=r"another process is fetching weights.h5; wait until it is done"):
            fetch(server, target)
    assert part.read_bytes() == CONTENT[:kept]
    assert fetch(server, target) == SHA256


def test_a_file_that_another_process_has_just_finished_is_left_alone(
    server: FileServer, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target.parent.mkdir()

    def finished_by_another(_file: object, _how: int) -> None:
        part = target.with_name("weights.h5.part")
        part.write_bytes(CONTENT)
        part.replace(target)

    monkeypatch.setattr(fcntl, "flock", finished_by_another)
    with pytest.raises(DownloadError, match="another process"):
        fetch(server, target)
    assert target.read_bytes() == CONTENT
