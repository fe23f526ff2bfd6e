"""An archive of unknown origin stays within every limit, and damage raises the error class of the caller."""

from __future__ import annotations

import contextlib
import io
import stat
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_cls.archive import Archive, Limits
from edge_cls.errors import DatasetError, EdgeClsError, ModelError

LIMITS = Limits(members=3, member_size=1000, total=1500, ratio=10)


def packed(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def opened(content: bytes, *, error: type[EdgeClsError] = ModelError, appended: bool = False) -> Archive:
    return Archive(content, "a.zip", error=error, limits=LIMITS, appended=appended)


CONTENT = packed({"a.txt": b"a" * 40, "b/c.txt": b"c" * 40})


def test_bytes_and_an_open_file_give_the_same(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(CONTENT)
    with (tmp_path / "a.zip").open("rb") as file, Archive(file, "a.zip", error=ModelError, limits=LIMITS) as archive:
        for one in (archive, opened(CONTENT)):
            assert [member.filename for member in one.members] == ["a.txt", "b/c.txt"]
            assert "b/c.txt" in one
            assert "c.txt" not in one
            assert one.read("b/c.txt") == b"c" * 40


def test_the_error_is_the_kind_that_the_caller_chose() -> None:
    with pytest.raises(DatasetError, match=r"^a\.zip is a damaged ZIP \(.*\); download or copy it again$"):
        opened(b"not a ZIP", error=DatasetError)
    with pytest.raises(DatasetError, match="holds no file called z"):
        opened(CONTENT, error=DatasetError).read("z")


def test_an_appended_archive_may_be_absent() -> None:
    assert list(opened(b"a network", appended=True).members) == []
    assert opened(b"a network" + CONTENT, appended=True).read("a.txt") == b"a" * 40


@pytest.mark.parametrize("as_file", [False, True])
def test_too_many_members_are_refused(as_file: bool) -> None:
    content = packed({f"{number}": b"" for number in range(4)})
    source = io.BytesIO(content) if as_file else content
    with pytest.raises(ModelError, match="holds over 3 files"):
        Archive(source, "a.zip", error=ModelError, limits=LIMITS)


def test_a_member_that_is_too_large_is_not_unpacked() -> None:
    with pytest.raises(ModelError, match=r"a in a\.zip has over 0 MiB"):
        opened(packed({"a": bytes(1001)})).read("a")


@pytest.mark.parametrize(
    ("files", "method"),
    [
        ({"a": bytes(1001)}, zipfile.ZIP_STORED),
        ({"a": bytes(800), "b": bytes(800)}, zipfile.ZIP_STORED),
        ({"a": bytes(900)}, zipfile.ZIP_DEFLATED),
    ],
    ids=["one member", "all together", "ratio"],
)
def test_members_that_unpack_to_more_than_the_limits_are_refused(files: dict[str, bytes], method: int) -> None:
    archive = opened(packed(files, method))
    with pytest.raises(ModelError, match=rf"unpacks to {len(files)} files of 0 MB"):
        archive.check_total(archive.members)
    archive.check_total([])


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_duplicate_name_of_a_member_is_refused() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a", b"1")
        archive.writestr("a", b"2")
    with pytest.raises(ModelError, match="holds 2 files called a"):
        opened(buffer.getvalue()).read("a")


def member(name: str = "a", *, mode: int = 0, method: int = zipfile.ZIP_STORED) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    info.compress_type = method
    return info


@pytest.mark.parametrize(
    ("info", "message"),
    [
        (member("/etc/cron.d/job"), "leads out of it"),
        (member("a/../../b"), "leads out of it"),
        (member("..\\b"), "leads out of it"),
        (member("C:\\b"), "leads out of it"),
        (member(mode=stat.S_IFLNK | 0o777), "holds a link"),
        (member(method=zipfile.ZIP_LZMA), "is packed in an unusual way"),
        (member(method=zipfile.ZIP_BZIP2), "is packed in an unusual way"),
    ],
)
def test_unsafe_members_are_refused(info: zipfile.ZipInfo, message: str) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(info, b"x")
    unsafe = opened(buffer.getvalue())
    with pytest.raises(ModelError, match=message):
        unsafe.check_safe(unsafe.members)


def test_an_encrypted_archive_is_refused() -> None:
    content = bytearray(CONTENT)
    content[content.index(b"PK\x01\x02") + 8] |= 1
    archive = opened(bytes(content))
    for use in (lambda: archive.check_safe(archive.members), lambda: archive.read("a.txt")):
        with pytest.raises(ModelError, match="is encrypted; unpack it"):
            use()


@given(st.lists(st.tuples(st.integers(0, len(CONTENT) - 1), st.integers(0, 255)), min_size=1, max_size=4))
def test_a_damaged_archive_is_refused_or_stays_within_the_limits(changes: list[tuple[int, int]]) -> None:
    content = bytearray(CONTENT)
    for place, byte in changes:
        content[place] = byte
    with contextlib.suppress(ModelError):
        archive = opened(bytes(content))
        archive.check_safe(archive.members)
        archive.check_total(archive.members)
        for one in archive.members:
            assert len(archive.read(one.filename)) <= LIMITS.member_size
