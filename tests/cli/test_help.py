"""The help of every command, as it is printed at 80 columns."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from typing import Any

import pytest

from edge_cls import cli
from edge_cls.backends.names import suggested_names
from edge_cls.cli import SECTIONS
from edge_cls.cli.options import CLASSES
from edge_cls.config import Config, reference
from tests.commands import EdgeCls, good

WIDTH = 80
DIALECT = re.compile(r"\b(told|tells?|mend\w*|anew|strangers?|let go|nobody|troubles?)\b|\b(is|are) no ", re.IGNORECASE)
"""Words that the help of a command must not have."""
TYPER_TYPES = re.compile(r"<[a-z]|\b(TEXT|PATH|INTEGER|FLOAT|RANGE|BOOLEAN)\b|<=|>=")
"""How Typer names types and ranges, if a parameter has no name in plain words."""


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    yield path, command
    for name, child in getattr(command, "commands", {}).items():
        yield from commands(child, (*path, name))


APP = cli.command()
EVERY = dict(commands(APP))
LEAVES = [path for path, command in EVERY.items() if not hasattr(command, "commands")]
GROUPS = [path for path, command in EVERY.items() if hasattr(command, "commands")]


@pytest.fixture(autouse=True)
def eighty_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(WIDTH))


def help_of(edge_cls: EdgeCls, path: tuple[str, ...]) -> str:
    return good(edge_cls(*path, "--help"))


@pytest.mark.parametrize("path", EVERY, ids=" ".join)
def test_help_fits_the_terminal_and_speaks_plainly(edge_cls: EdgeCls, path: tuple[str, ...]) -> None:
    text = help_of(edge_cls, path)
    assert [line for line in text.splitlines() if len(line) > WIDTH] == []
    assert [found.group() for found in DIALECT.finditer(text)] == []
    assert [found.group() for found in TYPER_TYPES.finditer(text)] == []
    assert text.startswith(f"Usage: {' '.join(('edge-cls', *path))} [OPTIONS]")


@pytest.mark.parametrize("path", GROUPS, ids=" ".join)
def test_every_summary_is_one_sentence_on_one_line(edge_cls: EdgeCls, path: tuple[str, ...]) -> None:
    text = help_of(edge_cls, path)
    for name, child in EVERY[path].commands.items():
        summary = child.get_short_help_str()
        assert re.search(rf"^  {re.escape(name)} +{re.escape(summary)}$", text, re.MULTILINE), f"{name}: {summary}"
        assert summary.endswith("."), summary
        assert ". " not in summary, summary


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_every_command_has_an_example_that_parses(edge_cls: EdgeCls, path: tuple[str, ...]) -> None:
    examples = help_of(edge_cls, path).partition("\nExample:\n")[2].splitlines()
    assert examples
    for example in examples:
        words = shlex.split(example.strip().removeprefix("sudo "))
        assert words[: len(path) + 1] == ["edge-cls", *path]
        EVERY[path].make_context(path[-1], words[len(path) + 1 :])


@pytest.mark.parametrize("path", EVERY, ids=" ".join)
def test_every_argument_and_option_is_documented(path: tuple[str, ...]) -> None:
    for parameter in EVERY[path].params:
        assert getattr(parameter, "help", None), parameter.name


def test_sections_follow_the_journey_of_a_user(edge_cls: EdgeCls) -> None:
    text = good(edge_cls("--help"))
    places = [text.index(f"\n{title}:\n") for title in SECTIONS]
    assert places == sorted(places)
    listed = [name for names in SECTIONS.values() for name in names]
    assert re.findall(r"^  ([a-z][a-z-]*)  ", text[places[0] :], re.MULTILINE) == listed
    assert sorted(APP.commands) == sorted(listed)


def test_a_command_of_a_plugin_is_listed_last(edge_cls: EdgeCls, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the workstation's commands are not installed."""

    def installed(*, group: str) -> list[EntryPoint]:
        return [EntryPoint("extra", "edge_cls.cli.export_labels:export_labels", group)]

    monkeypatch.setattr(cli, "entry_points", installed)
    monkeypatch.setattr(cli, "command", cli.command.__wrapped__)
    text = good(edge_cls("--help"))
    assert text.index("\nMaintenance:\n") < text.index("\nMore:\n  extra") < text.index("\nExample:\n")
    assert "\n  train" not in text


def test_the_commands_of_memory_stand_in_sections(edge_cls: EdgeCls) -> None:
    titles = re.findall(r"^([A-Z][a-z]+):$", good(edge_cls("memory", "--help")), re.MULTILINE)
    assert titles == ["Options", "Look", "Change", "Undo", "Keep", "Exchange"]


def test_paths_are_not_broken_at_hyphens(edge_cls: EdgeCls) -> None:
    assert "/etc/edge-cls/config.toml" in good(edge_cls("run", "--help"))
    assert "/etc/edge-cls/config.toml" in good(edge_cls("config", "check", "--help"))


SHARED = {
    "model": "model",
    "memory": "memory",
    "labels": "labels",
    "classes": "classes",
    "head": "head",
    "false_accept": "false_accept",
    "closed_set": "closed_set",
    "threads": "threads",
    "delegate": "delegate",
    "max_fps": "limits.max_fps",
}
"""Parameters of 'edge-cls run' and the keys of the configuration that they override."""


@pytest.mark.parametrize(("parameter", "key"), SHARED.items())
def test_options_agree_with_the_keys_of_the_configuration(parameter: str, key: str) -> None:
    (option,) = (one for one in EVERY["run",].params if one.name == parameter)
    (documented,) = (one for one in reference() if one.key == key)
    assert option.help == documented.description
    if isinstance(option.show_default, str):
        assert option.show_default == documented.default.strip('"')
    else:
        assert documented.default == "not set"


@pytest.mark.parametrize("key", ["false_accept", "threads"])
def test_ranges_agree_with_the_configuration(edge_cls: EdgeCls, key: str) -> None:
    (documented,) = (one for one in reference() if one.key == key)
    shown = " ".join(help_of(edge_cls, ("run",)).split())
    assert re.search(rf"--{key.replace('_', '-')} [^\]]*{re.escape(documented.range)}\]", shown)


def test_completed_values_are_valid() -> None:
    for name in CLASSES:
        Config.model_validate({"classes": name})
    for name in suggested_names():
        Config.model_validate({"delegate": name})
