"""If root teaches or repairs a memory of a service, the new files belong to the service."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from edge_cls.errors import MemoryFileError
from edge_cls.memory.store import Memory
from tests.examples import labels_in, teach, vector

SERVICE = (65534, 65533)
"""A user and a group that are not this process's."""
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files for others")


@pytest.fixture
def folder() -> Iterator[Path]:
    """The folder of a service, reachable by other users than root, unlike the folders of pytest."""
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        folder = Path(place) / "state"
        folder.mkdir()
        os.chown(folder, *SERVICE)
        yield folder


@pytest.fixture
def path(folder: Path) -> Path:
    """A memory of the service that only the service may read."""
    path = folder / "taught.db"
    with Memory(path) as memory:
        teach(memory, "mug", seed=1)
        teach(memory, "cup", seed=2)
    os.chown(path, *SERVICE)
    path.chmod(0o600)
    return path


def owners(folder: Path) -> dict[str, tuple[int, int]]:
    return {file.name: (file.stat().st_uid, file.stat().st_gid) for file in folder.iterdir()}


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[content.index(vector(1).values.tobytes())] ^= 1
    path.write_bytes(content)


@needs_root
def test_a_memory_that_root_makes_is_that_of_the_folder_with_its_logs(folder: Path) -> None:
    with Memory(folder / "new.db") as memory:
        teach(memory)
        assert owners(folder) == dict.fromkeys(("new.db", "new.db-wal", "new.db-shm"), SERVICE)
    assert labels_in(folder / "new.db") == ["mug"]


@needs_root
def test_the_logs_of_a_memory_that_root_opens_are_its_owners(path: Path) -> None:
    with Memory(path) as memory:
        teach(memory)
        assert owners(path.parent) == dict.fromkeys(("taught.db", "taught.db-wal", "taught.db-shm"), SERVICE)


@needs_root
def test_the_service_can_teach_a_memory_that_root_recovered(path: Path) -> None:
    damage(path)
    with Memory(path) as memory:
        memory.embeddings()
        assert memory.recovered is not None
        aside = memory.recovered.put_aside
        teach(memory)
        assert set(owners(path.parent).values()) == {SERVICE}
        assert {mode(file) for file in (path, aside, path.with_name("taught.db-wal"))} == {0o600}


@needs_root
def test_files_that_root_restores_and_keeps_belong_to_the_service(path: Path, tmp_path: Path) -> None:
    with Memory(path) as memory:
        memory.backup(tmp_path / "copy.db")
        kept = memory.restore(tmp_path / "copy.db")
        assert set(owners(path.parent).values()) == {SERVICE}
        assert (mode(path), mode(kept)) == (0o600, 0o600)
    assert owners(tmp_path)["copy.db"] == (0, 0)  # it is in root's own folder


@needs_root
def test_a_backup_is_that_of_the_folder_it_lies_in(path: Path, folder: Path) -> None:
    with Memory(path) as memory:
        memory.backup(folder / "copy.db")
    assert owners(folder)["copy.db"] == SERVICE


@needs_root
def test_a_link_that_somebody_has_put_there_gives_nothing_away(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "roots.db").touch()
    (folder / "new.db").symlink_to(tmp_path / "roots.db")
    with pytest.raises(MemoryFileError, match="cannot be opened"):
        Memory(folder / "new.db")
    assert owners(tmp_path)["roots.db"] == (0, 0)
    assert (tmp_path / "roots.db").read_bytes() == b""


@needs_root
def test_a_link_in_the_place_of_a_backups_first_half_leads_nowhere(path: Path, tmp_path: Path) -> None:
    (tmp_path / "roots").mkdir()
    part = path.with_name(f".copy.db.{os.getpid()}.part")
    part.symlink_to(tmp_path / "roots/ld.so.preload")
    with Memory(path) as memory:
        memory.backup(path.with_name("copy.db"))
    assert not list((tmp_path / "roots").iterdir())
    assert not part.is_symlink()
    assert labels_in(path.with_name("copy.db")) == ["mug", "cup"]


@needs_root
def test_root_writes_nothing_as_root_where_the_owner_could_lay_links(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two calls the owner may rename files in the folder and put others in their place."""
    writers: list[int] = []

    def copyfile(source: Path, target: Path, true: Callable[[Path, Path], object] = shutil.copyfile) -> None:
        writers.append(os.geteuid())
        true(source, target)

    def fchown(*_: int) -> None:
        writers.append(os.geteuid())

    monkeypatch.setattr(shutil, "copyfile", copyfile)
    monkeypatch.setattr(os, "fchown", fchown)
    with Memory(path) as memory:
        memory.backup(tmp_path / "copy.db")
        memory.restore(tmp_path / "copy.db")
    damage(path)
    with Memory(path) as memory:
        memory.embeddings()
        assert memory.recovered is not None
    assert len(writers) > 3
    assert set(writers) == {SERVICE[0]}


def test_recovery_works_without_the_right_to_change_the_owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As for a colleague's memory in a folder that both may write: the mode can be set, the owner cannot."""

    def refused(*_: object) -> NoReturn:
        raise PermissionError(1, "Operation not permitted")

    path = tmp_path / "taught.db"
    with Memory(path) as memory:
        teach(memory, "mug", seed=1)
        teach(memory, "cup", seed=2)
    path.chmod(0o660)
    damage(path)
    monkeypatch.setattr(os, "fchown", refused)
    with Memory(path) as memory:
        assert len(memory.embeddings()) == 1
        assert memory.recovered is not None
    assert mode(path) == 0o660
