"""A ZIP of unknown origin can neither write files, nor fill the memory, nor cause a traceback."""

from __future__ import annotations

import contextlib
import os
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from edge_cls.errors import ModelError
from edge_cls.model.importing import files
from edge_cls.model.importing.files import open_files, read_file
from tests.model.importing.foreign import write_zip


def test_a_zip_and_its_folder_hold_the_same_files(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "labels.txt").write_bytes(b"a\n")
    packed = open_files(write_zip(tmp_path / "a.zip", {"labels.txt": b"a\n"}))
    for one in (packed, open_files(tmp_path / "folder")):
        assert one.names == {"labels.txt"}
        assert one.read("labels.txt") == b"a\n"


def link() -> zipfile.ZipInfo:
    info = zipfile.ZipInfo("model.tflite")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


def packed_as(method: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo("model.tflite")
    info.compress_type = method
    return info


UNSAFE: dict[str, tuple[str | zipfile.ZipInfo, str]] = {
    "absolute": ("/etc/cron.d/job", "a path that leads out of it: '/etc/cron.d/job'"),
    "up": ("a/../../b", r"a path that leads out of it: 'a/\.\./\.\./b'"),
    "backslashes": ("..\\b", "a path that leads out of it"),
    "drive": ("C:\\model.tflite", "a path that leads out of it"),
    "link": (link(), "holds a link: 'model.tflite'"),
    "lzma": (packed_as(zipfile.ZIP_LZMA), "is packed in an unusual way"),
    "bzip2": (packed_as(zipfile.ZIP_BZIP2), "is packed in an unusual way"),
}


@pytest.mark.parametrize(("member", "message"), UNSAFE.values(), ids=UNSAFE)
def test_an_unsafe_member_is_refused(tmp_path: Path, member: str | zipfile.ZipInfo, message: str) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(member, b"x")
    with pytest.raises(ModelError, match=message):
        open_files(tmp_path / "a.zip")


def test_an_encrypted_zip_is_refused(tmp_path: Path) -> None:
    content = bytearray(write_zip(tmp_path / "a.zip", {"labels.txt": b"a\n"}).read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(ModelError, match="is encrypted; unpack it"):
        open_files(tmp_path / "a.zip")


def test_a_duplicate_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"holds model\.tflite twice"):
        open_files(write_zip(tmp_path / "a.zip", {"a/model.tflite": b"", "b/model.tflite": b""}))


def test_a_zip_bomb_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAX_SIZE", 2**20)
    bomb = open_files(write_zip(tmp_path / "bomb.zip", {"model.tflite": bytes(2**20 + 1)}))
    with pytest.raises(ModelError, match=r"model\.tflite in .*bomb\.zip has over 1 MiB"):
        bomb.read("model.tflite")


def test_a_zip_bomb_with_a_wrong_size_is_refused(tmp_path: Path) -> None:
    content = write_zip(tmp_path / "bomb.zip", {"model.tflite": bytes(10_000)}).read_bytes()
    (tmp_path / "bomb.zip").write_bytes(content.replace((10_000).to_bytes(4, "little"), (10).to_bytes(4, "little")))
    with pytest.raises(ModelError, match=r"model\.tflite in .* is damaged"):
        open_files(tmp_path / "bomb.zip").read("model.tflite")


def test_a_zip_with_too_many_members_is_refused_before_they_are_listed(tmp_path: Path) -> None:
    many = {f"{index}": b"" for index in range(1001)}
    with pytest.raises(ModelError, match="holds over 1000 files"):
        open_files(write_zip(tmp_path / "a.zip", many))


@pytest.mark.parametrize("change", [lambda b: b[:-10], lambda b: b[: len(b) // 2], lambda b: b[:40] + b"\0" + b[41:]])
def test_a_damaged_zip_is_refused(tmp_path: Path, change: Callable[[bytes], bytes]) -> None:
    content = write_zip(tmp_path / "a.zip", {"labels.txt": b"a\nb\nc\n" * 100}).read_bytes()
    (tmp_path / "a.zip").write_bytes(change(content))
    with pytest.raises(ModelError, match="damaged"):
        open_files(tmp_path / "a.zip").read("labels.txt")


def test_a_zip_with_a_flipped_byte_is_read_or_refused(tmp_path: Path) -> None:
    content = write_zip(tmp_path / "a.zip", {"labels.txt": b"a\n", "model.tflite": b"x" * 50}).read_bytes()
    for place in range(len(content)):
        changed = bytearray(content)
        changed[place] ^= 0xFF
        with contextlib.suppress(ModelError):
            found = files.zip_files("a.zip", bytes(changed))
            for name in found.names:
                found.read(name)


def test_paths_that_are_not_regular_files_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "loop").symlink_to("loop")
    for name, message in {"fifo": "Not a regular file", "loop": "cannot be read", "missing": "No such file"}.items():
        with pytest.raises(ModelError, match=message):
            read_file(tmp_path / name)


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "large.tflite").open("wb") as file:
        file.truncate(files.MAX_SIZE + 1)
    with pytest.raises(ModelError, match=r"cannot be read \(Larger than 128 MiB\)"):
        read_file(tmp_path / "large.tflite")


def test_nothing_is_unpacked_to_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write_zip(tmp_path / "a.zip", {"labels.txt": b"a\n"})
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    open_files(source).read("labels.txt")
    assert list((tmp_path / "empty").iterdir()) == []
