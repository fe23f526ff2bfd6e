"""ZIP archives from anywhere, read member by member into memory and never unpacked to the disk by themselves.

Nothing that an archive says of itself is trusted: neither counts, nor sizes, nor names, nor how it is packed. Every
problem becomes the one kind of error that the caller chooses.
"""

from __future__ import annotations

import io
import stat
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from types import TracebackType
from typing import BinaryIO, Self

from edge_cls.errors import EdgeClsError

_ZIP_ERRORS = (zipfile.BadZipFile, zlib.error, RuntimeError, ValueError, EOFError, OSError)
"""The errors that `zipfile` raises for an archive or a member that is damaged, or packed in a way it does not know."""
_CENTRAL_ENTRY = b"PK\x01\x02"
_EMPTY = b"PK\x05\x06" + bytes(18)
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED = 1
_SHOWN = 100


@dataclass(frozen=True)
class Limits:
    """The largest archive that is read: its number of `members`, and the unpacked bytes of each.

    `total` limits the unpacked bytes of those that `check_total` is given, and `ratio` how many times their packed size
    that may be.
    """

    members: int
    member_size: int
    total: int | None = None
    ratio: int | None = None


class Archive:
    """The ZIP in `source`, bytes or a file that is open for reading; messages call it `place`.

    Every method raises `error`, a class of `edge_cls.errors`, for an archive that is damaged or exceeds `limits`. With
    `appended` the archive may stand behind other bytes, and an archive that cannot be found is an empty one.
    """

    def __init__(
        self,
        source: bytes | BinaryIO,
        place: str,
        *,
        error: type[EdgeClsError],
        limits: Limits,
        appended: bool = False,
    ) -> None:
        self.place = place
        self._error = error
        self._limits = limits
        # Each entry becomes an object of Python, so they are counted before zipfile reads them, if that is possible.
        if isinstance(source, bytes) and source.count(_CENTRAL_ENTRY) > limits.members:
            raise self._too_many()
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(source) if isinstance(source, bytes) else source)
        except _ZIP_ERRORS as problem:
            if not appended:
                raise error(f"{place} is a damaged ZIP ({problem})", hint="download or copy it again") from problem
            # Opened for reading: one for writing would write its end when it is collected, into a closed file.
            self._zip = zipfile.ZipFile(io.BytesIO(_EMPTY))
        self.members: Sequence[zipfile.ZipInfo] = self._zip.infolist()
        """The members as `zipfile` describes them."""
        if len(self.members) > limits.members:
            raise self._too_many()
        self._by_name: dict[str, list[zipfile.ZipInfo]] = {}
        for member in self.members:
            self._by_name.setdefault(member.filename, []).append(member)

    def __contains__(self, name: str) -> bool:
        return name in self._by_name

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._zip.close()

    def read(self, name: str) -> bytes:
        """Return the content of the member `name`."""
        found = self._by_name.get(name, [])
        if len(found) != 1:
            raise self._error(
                f"{self.place} holds {len(found) or 'no'} {'files' if found else 'file'} called {name[:_SHOWN]}",
                hint="make or export it again",
            )
        (member,) = found
        self._check_packing(member)
        if member.file_size > self._limits.member_size:
            raise self._error(
                f"{name} in {self.place} has over {_mebibytes(self._limits.member_size)}",
                hint="make or export it again",
            )
        try:
            return self._zip.read(member)  # never more than the size that was checked
        except _ZIP_ERRORS as problem:
            raise self._error(
                f"{name} in {self.place} is damaged ({problem})", hint="download or copy it again"
            ) from problem

    def check_safe(self, members: Sequence[zipfile.ZipInfo]) -> None:
        """Raise the error if one of `members` has a path out of the archive, is a link, or is packed unusually."""
        for member in members:
            path = PurePosixPath(member.filename.replace("\\", "/"))
            if path.is_absolute() or ".." in path.parts or (path.parts[:1] and path.parts[0].endswith(":")):
                raise self._error(
                    f"{self.place} holds a path that leads out of it: {member.filename[:_SHOWN]!r}",
                    hint="do not trust it; get it from its maker",
                )
            if stat.S_ISLNK(member.external_attr >> 16):
                raise self._error(
                    f"{self.place} holds a link: {member.filename[:_SHOWN]!r}", hint="pack the files themselves"
                )
            self._check_packing(member)

    def check_total(self, members: Sequence[zipfile.ZipInfo]) -> None:
        """Raise the error if `members` together unpack to more than the limits allow."""
        size = sum(member.file_size for member in members)
        packed = sum(member.compress_size for member in members)
        largest = max((member.file_size for member in members), default=0)
        total, ratio = self._limits.total or size, self._limits.ratio
        if largest > self._limits.member_size or size > total or (ratio and size > ratio * max(packed, 1)):
            raise self._error(
                f"{self.place} unpacks to {len(members)} files of {size / 1e6:,.0f} MB from {packed / 1e6:,.1f} MB",
                hint="if you trust it, unpack it yourself, and give the folder",
            )

    def _check_packing(self, member: zipfile.ZipInfo) -> None:
        if member.flag_bits & _ENCRYPTED:
            raise self._error(f"{self.place} is encrypted", hint="unpack it, and give the folder")
        # The other methods let a small file ask for gigabytes of memory to unpack it with.
        if member.compress_type not in _METHODS:
            raise self._error(f"{self.place} is packed in an unusual way", hint="unpack it, and give the folder")

    def _too_many(self) -> EdgeClsError:
        return self._error(f"{self.place} holds over {self._limits.members} files", hint="make or export it again")


def _mebibytes(size: int) -> str:
    return f"{size / 2**20:.0f} MiB"
