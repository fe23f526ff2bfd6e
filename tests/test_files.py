"""Files are written completely or not at all, and belong to the owner of their folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edge_cls.errors import OutputError
from edge_cls.files import as_owner_of, shipped_file, write_whole


def test_missing_folders_are_created(tmp_path: Path) -> None:
    write_whole(tmp_path / "a" / "b" / "file", b"new")
    assert (tmp_path / "a" / "b" / "file").read_bytes() == b"new"


def test_a_failed_write_keeps_the_old_file_and_leaves_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    write_whole(tmp_path / "file", b"old")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match=r"cannot be written \(No space left on device\); free some space"):
        write_whole(tmp_path / "file", b"new")
    assert (tmp_path / "file").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_reader_sees_the_whole_old_file_or_the_whole_new_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    while_writing: list[bytes] = []
    write_whole(tmp_path / "file", b"old")
    monkeypatch.setattr(os, "fsync", lambda _: while_writing.append((tmp_path / "file").read_bytes()))
    with (tmp_path / "file").open("rb") as reader:
        write_whole(tmp_path / "file", b"new")
        assert reader.read() == b"old"
    assert while_writing == [b"old"]
    assert (tmp_path / "file").read_bytes() == b"new"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(
    "name",
    [
        "folder",
        "file/model.tflite",
        "x" * 250,
    ],
    ids=["a folder", "below a file", "a name too long"],
)
def test_a_path_that_cannot_be_written_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot be written"):
        write_whole(tmp_path / name, b"new")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]


def test_a_link_is_kept_and_its_target_is_written(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("file")
    for content in (b"old", b"new"):
        write_whole(tmp_path / "link", content)
        assert (tmp_path / "file").read_bytes() == content
    assert (tmp_path / "link").is_symlink()


def test_a_pipe_is_not_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OutputError, match=r"cannot be written \(it is not a regular file\); choose another place"):
        write_whole(tmp_path / "pipe", b"new")
    assert (tmp_path / "pipe").is_fifo()


def test_the_target_of_a_link_in_place_of_the_temporary_file_is_not_written(tmp_path: Path) -> None:
    (tmp_path / f".file.{os.getpid()}.tmp").symlink_to(tmp_path / "elsewhere")
    write_whole(tmp_path / "file", b"new")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file"]


def test_a_link_to_itself_is_refused(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(OutputError, match="cannot be written"):
        write_whole(tmp_path / "loop", b"new")


SERVICE = (65534, 65533)
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as others")


def identity() -> tuple[int, int, list[int]]:
    return os.geteuid(), os.getegid(), os.getgroups()


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    """A folder of another user."""
    folder = tmp_path / "theirs"
    folder.mkdir()
    os.chown(folder, *SERVICE)
    return folder


@needs_root
def test_root_acts_as_the_owner_of_a_folder_and_is_root_again(theirs: Path) -> None:
    before = identity()
    with as_owner_of(theirs):
        assert identity() == (*SERVICE, [])
        with as_owner_of(theirs):
            pass
        assert identity() == (*SERVICE, [])
    assert identity() == before


@needs_root
def test_root_is_root_again_after_an_error(theirs: Path) -> None:
    before = identity()
    with pytest.raises(PermissionError), as_owner_of(theirs):
        theirs.stat()  # the folders of pytest are closed to that user
    assert identity() == before


@needs_root
def test_root_stays_root_if_it_may_not_become_another_user(theirs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For example in a container."""

    def refused(_: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    before = identity()
    monkeypatch.setattr(os, "seteuid", refused)
    with as_owner_of(theirs):
        assert identity() == before


def test_in_an_own_folder_and_in_a_missing_one_the_user_does_not_change(tmp_path: Path) -> None:
    before = identity()
    for folder in (tmp_path, tmp_path / "absent"):
        with as_owner_of(folder):
            assert identity() == before


def test_a_shipped_file_is_found_in_the_checkout_and_a_missing_one_is_none() -> None:
    found = shipped_file("edge-embed.tflite", wheel="model/data", checkout="models")
    assert found is not None
    assert found.is_file()
    assert shipped_file("absent.tflite", wheel="model/data", checkout="models") is None
