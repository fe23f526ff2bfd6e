"""The reference is complete: it is generated from the commands, the configuration and the JSON documents."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from _ext import command_reference, configuration_reference, json_reference
from _ext.fields import as_markdown, fields, json_type, with_code
from _ext.markdown import plain
from edge_cls.cli.plain_help import in_words
from edge_cls.config import example, reference
from edge_cls.config.loading import variable_names

DOCS = Path(__file__).parents[2] / "docs"
WALKED = list(command_reference.walk())
COMMANDS = command_reference.as_markdown()
CONFIGURATION = configuration_reference.as_markdown()


def sections(page: str) -> dict[str, str]:
    """Return the text below each heading of the second level."""
    return {heading: text for heading, _, text in (part.partition("\n") for part in page.split("\n## ")[0:])}


def below(page: str, heading: str) -> str:
    return sections(f"\n{page}")[heading]


@pytest.mark.parametrize(("command", "context"), WALKED, ids=[context.command_path for _, context in WALKED])
def test_every_command_has_a_section_with_all_the_options_of_its_help(command: Any, context: Any) -> None:
    section = below(COMMANDS, context.command_path)
    options = set(re.findall(r"^ +(?:-\w, )?(--[a-z][\w-]*)", command.get_help(context), re.MULTILINE))
    assert "--help" in options
    assert options - {"--help"} <= set(re.findall(r"--[a-z][\w-]*", section))


def test_the_reference_has_more_than_forty_commands_with_their_arguments_and_help() -> None:
    commands = [context.command_path for _, context in WALKED]
    assert len(commands) > 40
    assert len(re.findall(r"^\| `(?:-\w, )?--", below(COMMANDS, "edge-cls run"), re.MULTILINE)) > 10
    assert {"edge-cls run", "edge-cls memory undo", "edge-cls train", "edge-cls service install"} <= set(commands)
    for command, context in WALKED:
        for parameter in command.get_params(context):
            if parameter.name != "help":
                record = parameter.get_help_record(context)
                section = below(COMMANDS, context.command_path)
                assert record is None or plain(in_words(record[1])) in section, parameter.name


def test_every_key_of_the_configuration_is_in_the_section_of_its_table() -> None:
    keys = list(reference())
    assert len(keys) > 40
    for key in keys:
        section, _, name = key.key.rpartition(".")
        text = below(CONFIGURATION, configuration_reference.heading(section))
        assert f"| `{name}` | {with_code(key.description)} |" in text


def test_every_key_of_the_example_and_a_variable_of_each_section_are_in_the_reference() -> None:
    keys = set(re.findall(r"^#(\w+) = ", example(), re.MULTILINE))
    assert len(keys) > 30
    assert all(f"| `{key}` |" in CONFIGURATION for key in keys)
    named = set(re.findall(r"`(EDGE_CLS_\w+)`", CONFIGURATION)) - {"EDGE_CLS_KEY"}
    assert {variable for variable in named if not variable.endswith("_KEY")} <= set(variable_names())
    assert {"EDGE_CLS_MODEL", "EDGE_CLS_SOURCE__NAME", "EDGE_CLS_STATES__SMOOTHING_S"} <= named


def test_every_command_with_json_is_in_the_reference_of_json() -> None:
    documented = {f"edge-cls {document.command}" for document in json_reference.DOCUMENTS}
    able = {
        context.command_path
        for command, context in WALKED
        if any("--json" in parameter.opts for parameter in command.get_params(context))
    }
    assert able == documented


def test_the_fields_of_a_dataclass_are_read_without_importing_it() -> None:
    assert [field.name for field in fields("edge_cls.core:Calibration")] == ["images", "sha256"]
    assert "| `images` | integer |" in as_markdown("edge_cls.core:Calibration")


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        ("dict[str, tuple[float, ...]] | None", "object of (list of number) or null"),
        ("Literal['OK', 'FAIL']", '"OK" or "FAIL"'),
        ("tuple[float, float]", "list of 2 number"),
        ("list[list[int]]", "list of (list of integer)"),
        ("Literal[1]", "1"),
        ("CoveragePoint | None", "CoveragePoint or null"),
    ],
)
def test_types_are_in_the_words_of_json(annotation: str, words: str) -> None:
    assert json_type(annotation) == words


def test_every_generated_page_has_its_place() -> None:
    text = "".join(page.read_text() for page in DOCS.rglob("*.md"))
    assert {"commands", "configuration", "json", "manifest"} == set(re.findall(r"<!-- generated: (\w+) -->", text))


def test_text_is_escaped_for_markdown() -> None:
    assert plain("1<=x, [default: *], a|b\n  c_d") == r"1\<=x, \[default: \*\], a\|b c\_d"


def test_every_document_and_the_manifest_can_be_made() -> None:
    page = json_reference.as_markdown()
    assert all(f"## {document.command}\n" in page for document in json_reference.DOCUMENTS)
    assert "| `flatbuffer_sha256` |" in json_reference.manifest()
