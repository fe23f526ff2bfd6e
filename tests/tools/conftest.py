"""The command, without the start of an interpreter."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from edge_cls.cli import main

EdgeCls = Callable[..., tuple[int, str, str]]


@pytest.fixture
def edge_cls(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> EdgeCls:
    """Runs the command in this process, and returns its exit code, stdout and stderr."""

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["edge-cls", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return run
