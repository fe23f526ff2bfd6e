"""Configuration files of the tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_cls.config import Config, load
from edge_cls.errors import ConfigError


def write(folder: Path, text: str) -> Path:
    file = folder / "config.toml"
    file.write_text(text)
    return file


def problems(folder: Path, text: str, **environ: str) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as raised:
        load(write(folder, text), environ=environ)
    return raised.value.problems


def source_name(config: Config) -> str | None:
    """The name of the source, with its password."""
    return None if config.source.name is None else config.source.name.get_secret_value()
