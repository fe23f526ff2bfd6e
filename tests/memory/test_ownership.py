"""Root teaches and mends for a service: what it makes in the service's folder belongs to the service."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import NoReturn

import pytest

from edge_cls.memory.store import Memory
from tests.examples import labels_in, teach, vector

SERVICE = (65534, 65533)
"""A user and a group that are not this process's."""
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files for others")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of a service."""
    folder = tmp_path / "state"
    folder.mkdir()
    os.chown(folder, *SERVICE)
    return folder


@pytest.fixture
def path(folder: Path) -> Path:
    """A memory of the service's own, that only it may read."""
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
def test_what_root_recovers_can_be_taught_by_the_service_again(path: Path) -> None:
    damage(path)
    with Memory(path) as memory:
        memory.examples()
        assert memory.recovered is not None
        aside = memory.recovered.put_aside
        teach(memory)
        assert set(owners(path.parent).values()) == {SERVICE}
        assert {mode(file) for file in (path, aside, path.with_name("taught.db-wal"))} == {0o600}


@needs_root
def test_what_root_restores_and_the_copy_it_keeps_are_the_services(path: Path, tmp_path: Path) -> None:
    with Memory(path) as memory:
        memory.backup(tmp_path / "copy.db")
        kept = memory.restore(tmp_path / "copy.db")
        assert set(owners(path.parent).values()) == {SERVICE}
        assert (mode(path), mode(kept)) == (0o600, 0o600)
    assert owners(tmp_path)["copy.db"] == (0, 0)  # which lies in root's own folder


@needs_root
def test_a_backup_is_that_of_the_folder_it_lies_in(path: Path, folder: Path) -> None:
    with Memory(path) as memory:
        memory.backup(folder / "copy.db")
    assert owners(folder)["copy.db"] == SERVICE


@needs_root
def test_a_link_that_somebody_has_put_there_gives_nothing_away(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "roots.db").touch()
    (folder / "new.db").symlink_to(tmp_path / "roots.db")
    Memory(folder / "new.db").close()
    assert owners(tmp_path)["roots.db"] == (0, 0)


def test_who_may_give_no_file_away_recovers_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in the memory of a colleague, in a folder that both may write. Its mode is one's own to give."""

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
        assert len(memory.examples()) == 1
        assert memory.recovered is not None
    assert mode(path) == 0o660
