"""The tree of errors is the one in the docstring of its module."""

from __future__ import annotations

import builtins
import pickle
import re

import pytest

from edge_cls import errors
from edge_cls.cli.reported_errors import errors_reported
from edge_cls.errors import EdgeClsError

CLASSES = {
    name: value for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, EdgeClsError)
}
DRAWN = re.findall(r"^    ([│ ├└─]*)(\w+) +\((\w+)\) +(\d+:)?", errors.__doc__ or "", re.MULTILINE)


def test_the_docstring_contains_every_class() -> None:
    assert {"EdgeClsError", *(name for _, name, _, _ in DRAWN)} == set(CLASSES)


@pytest.mark.parametrize(("branch", "name", "builtin", "code"), DRAWN, ids=[name for _, name, _, _ in DRAWN])
def test_every_class_has_the_documented_parent_builtin_and_exit_code(
    branch: str, name: str, builtin: str, code: str
) -> None:
    parent = errors.MemoryFileError if branch.startswith("│") else EdgeClsError
    assert CLASSES[name].__bases__ == (parent, getattr(builtins, builtin))
    assert CLASSES[name].exit_code == (int(code.rstrip(":")) if code else 1)


@pytest.mark.parametrize("kind", CLASSES.values(), ids=CLASSES)
def test_an_error_is_one_line_with_message_and_hint(kind: type[EdgeClsError]) -> None:
    error = kind("odd\nfile\r\n.jpg\tis no image", hint="replace\n it")
    assert str(error) == "odd file .jpg is no image; replace it"


def test_an_error_can_be_pickled() -> None:
    error = pickle.loads(pickle.dumps(errors.ImageError("message", hint="hint")))  # noqa: S301 - our own bytes
    assert (type(error), str(error), error.hint) == (errors.ImageError, "message; hint", "hint")


def test_control_characters_of_a_message_are_escaped_and_every_script_is_kept() -> None:
    error = EdgeClsError("\x1b[31mred\x9b2J \udcff 写真 می\u200cشود", hint="rename it")
    assert str(error) == r"\x1b[31mred\x9b2J \udcff 写真 می" "\u200cشود; rename it"


@pytest.mark.parametrize(
    ("raised", "code", "message"),
    [
        (KeyboardInterrupt(), 130, ""),
        (MemoryError(), 1, "error: there is not enough memory for this; close other programs, or give smaller files\n"),
    ],
)
def test_ctrl_c_and_a_lack_of_memory_end_a_command_without_a_traceback(
    capsys: pytest.CaptureFixture[str], raised: BaseException, code: int, message: str
) -> None:
    with pytest.raises(SystemExit) as ended, errors_reported():
        raise raised
    assert ended.value.code == code
    assert capsys.readouterr() == ("", message)
