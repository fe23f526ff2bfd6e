"""A bad file or folder causes no traceback, crash, hang or gigabyte of memory, but one clear line.

A sample of the cases is part of the fast tests; `make test-bad-input` runs all of them.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from edge_cls import cli
from tests.fork_server import Answer, ForkServer
from tests.lanes.bad_inputs import TABLE, Case, cases, good_files

GIGABYTE = 1024
"""In MiB."""

NO_PHOTOS = '{\n  "schema": 1,\n  "photos": []\n}\n'
"""The output of `classify --json` if no photo could be read."""


@pytest.fixture(scope="session")
def server() -> Iterator[ForkServer]:
    modules = "edge_cls_tools.dataset.check.diagnosis", "edge_cls_tools.training.train", "edge_cls_tools.cli.progress"
    with ForkServer(*modules) as server:
        yield server


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder of good files that every user may enter, unlike the folders of pytest."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        good_files(folder)
        yield folder
        for path in folder.rglob("*"):
            if path.is_dir() and not path.is_symlink():
                path.chmod(0o755)


SLOW = ("megapixels", "bomb", "ten thousand")
FAST = [case for case in cases() if "class" not in case.row.kind and not any(word in case.bad.name for word in SLOW)][
    ::20
]
"""A sample of the cases that take a tenth of a second. A class of photos takes half a second to embed."""


def parameters(chosen: list[Case]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", chosen, ids=[case.name for case in chosen])


@parameters(FAST)
def test_a_bad_input_of_the_sample_is_one_clear_line(server: ForkServer, folder: Path, case: Case) -> None:
    check(case, run(server, folder, case))


@pytest.mark.bad_input
@parameters(cases())
def test_a_bad_input_is_one_clear_line(server: ForkServer, folder: Path, case: Case) -> None:
    check(case, run(server, folder, case))


def run(server: ForkServer, folder: Path, case: Case) -> Answer:
    bad = case.bad.write(folder).relative_to(folder)
    arguments = [str(bad) if word == "{}" else word for word in case.row.arguments.split()]
    # A command that takes longer than ten seconds would print a line of its progress.
    return server.run(["--quiet", *arguments], folder, unprivileged=case.bad.rights)


def check(case: Case, answer: Answer) -> None:
    assert answer.code >= 0, f"ended by signal {-answer.code}\n{answer.stderr}"
    assert "Traceback" not in answer.stderr
    assert answer.growth < GIGABYTE
    assert all(
        character.isprintable() for line in answer.stderr.split("\n") for character in line if ord(character) < 256
    )
    errors = [line for line in answer.stderr.splitlines() if line.startswith("error: ")]
    assert answer.stderr.splitlines() == errors
    assert all("; " in line for line in errors), "no word on how to mend it"
    if case.row.reports:
        assert answer.code in (0, 1)
        assert len(errors) + bool(answer.stdout) == 1, "neither a report nor an error, or both"
        assert errors or not case.bad.unreadable, f"was reported on:\n{answer.stdout}"
        if answer.stdout:
            assert_sane(case, answer.stdout)
    elif answer.code == 0:
        assert not case.bad.fatal, f"was taken for good:\n{answer.stdout}"
        assert errors == []
        assert_sane(case, answer.stdout)
    else:
        assert answer.code in (1, 78)
        assert len(errors) == 1, answer.stderr
        assert answer.stdout in ("", NO_PHOTOS)


def assert_sane(case: Case, stdout: str) -> None:
    """Assert that the output for a harmless change is text, or JSON without NaN."""
    if "--json" in case.row.arguments:
        json.loads(stdout, parse_constant=lambda name: pytest.fail(f"{name} in JSON"))
    else:
        assert stdout.strip()
        assert "nan" not in stdout


def test_the_table_has_three_hundred_cases_and_all_five_commands() -> None:
    assert len(cases()) >= 300
    assert {row.command for row in TABLE} == {"dataset check", "train", "inspect", "classify", "import-model"}
    assert len({case.name for case in cases()}) == len(cases())


def test_every_command_of_the_table_exists() -> None:
    there = cli.command().commands
    for row in TABLE:
        name, _, below = row.command.partition(" ")
        assert name in there
        assert not below or below in there[name].commands
    assert entry_points(group="edge_cls.commands")


@pytest.mark.parametrize(
    "command", ["classify good.tflite good.png --json", "classify bare.tflite good.png --labels three.txt"]
)
def test_good_inputs_succeed(server: ForkServer, folder: Path, command: str) -> None:
    answer = server.run(command.split(), folder)
    assert (answer.code, answer.stderr) == (0, "")
    assert answer.stdout


def test_permissions_apply_in_the_fork(server: ForkServer, folder: Path) -> None:
    (folder / "good.png").chmod(0)
    answer = server.run(["classify", "good.tflite", "good.png"], folder, unprivileged=True)
    assert answer.code == 1
    assert "Permission denied" in answer.stderr
