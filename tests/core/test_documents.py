from __future__ import annotations

import inspect
import json
from pathlib import Path

import pytest

from _ext import command_reference
from tests.commands import EdgeCls

TINY = str(Path(__file__).parents[1] / "data" / "tiny.tflite")


@pytest.mark.parametrize(
    "command", [["inspect", TINY], ["models", "list"], ["config", "show"], ["edgetpu", "check", TINY], ["doctor"]]
)
def test_a_document_is_an_object_that_begins_with_its_version(edge_cls: EdgeCls, command: list[str]) -> None:
    document = json.loads(edge_cls(*command, "--json").stdout)
    assert (next(iter(document)), document["schema"]) == ("schema", 1)


def test_every_command_prints_json_with_print_json() -> None:
    """Only the messages of a run and the report of an evaluation do not; they add the schema themselves."""
    able = {
        context.command_path: Path(inspect.unwrap(command.callback).__code__.co_filename)
        for command, context in command_reference.walk()
        if any("--json" in parameter.opts for parameter in command.get_params(context))
    }
    assert len(able) > 15
    others = {path for path, file in able.items() if "print_json(" not in file.read_text()}
    assert others == {"edge-cls run", "edge-cls evaluate"}
