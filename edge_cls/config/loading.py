"""Reads a file, the environment and the command line into one `Config`."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, get_origin

from pydantic import BaseModel, ValidationError

from edge_cls.config.errors import ConfigProblem, Key, models_in, nearest, problems_of
from edge_cls.config.schema import Config
from edge_cls.errors import ConfigError
from edge_cls.files import open_regular
from edge_cls.model.names import NAMES
from edge_cls.sources.names import parse_source

DEFAULT_FILE = Path("/etc/edge-cls/config.toml")
PREFIX = "EDGE_CLS_"
OTHER_VARIABLES = frozenset({"EDGE_CLS_CONFIG", "EDGE_CLS_DEBUG"})
"""Variables with our prefix that set no key: the file to read, and whether details are logged."""
HOOK_PREFIX = "EDGE_CLS_EVENT_"
"""Prefix of the variables that a program run for an event receives; it may run edge-cls itself."""

_LIMIT = 2**20
_LISTS = tuple(PREFIX + name for name in ("SINK", "PANEL__BUTTON", "PANEL__LED"))


def load(path: Path | None, *, environ: Mapping[str, str], given: Mapping[str, Any] | None = None) -> Config:
    """Return the settings of the file at `path`, if any. Those of `environ` override them, those of `given` both.

    `EDGE_CLS_SOURCE__NAME` sets `source.name`; its value is read as TOML if it is valid TOML, otherwise as text. An
    empty variable counts as unset. Lists of sections (buttons, lights, sinks) can only be set in the file. `given` is
    the options of the command line, in tables like those of the file; None stands for an option that was not used.
    Relative paths in the file are relative to its folder, all others to the working directory. Raises ConfigError with
    all problems at once.
    """
    content = {} if path is None else _anchored(_read(path), path.parent)
    variables = variable_names()
    problems: list[ConfigProblem] = []
    set_by: dict[Key, str] = {}
    for name in sorted(environ):
        if name in variables and environ[name]:
            set_by[variables[name]] = name
            _put(content, variables[name], _parsed(environ[name]))
        elif _is_unknown(name, variables):
            problems.append(ConfigProblem(name, "unknown setting", _meant(name, variables)))
    for key, value in _given(given or {}):
        set_by[key] = "--" + (key[0] if key[-1] == "name" else key[-1]).replace("_", "-")
        _put(content, key, value)
    try:
        config = Config.model_validate(content)
    except ValidationError as error:
        problems += problems_of(error, Config, set_by)
    if problems:
        *others, last = problems
        message = "; ".join([*map(str, others), last.text])
        raise ConfigError(
            message if path is None else f"{path}: {message}", hint=last.hint, problems=tuple(map(str, problems))
        )
    return config


def variable_names() -> dict[str, tuple[str, ...]]:
    """Return all variables that set a key, each with the path of the key."""
    return {PREFIX + "__".join(path).upper(): path for path in _leaves(Config)}


def _leaves(model: type[BaseModel], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, field in model.model_fields.items():
        tables = list(models_in(field.annotation))
        if not tables:
            yield (*above, name)
        elif get_origin(field.annotation) is not tuple:
            yield from _leaves(tables[0], (*above, name))


def _is_unknown(name: str, variables: Mapping[str, object]) -> bool:
    return name.startswith(PREFIX) and not name.startswith(HOOK_PREFIX) and name not in {*variables, *OTHER_VARIABLES}


def _meant(name: str, variables: Iterable[str]) -> str:
    if name.upper().startswith(_LISTS):
        return "lists of sections can only be set in the file"
    key = name[len(PREFIX) :].upper()
    keys = [known[len(PREFIX) :] for known in variables]
    # A variable with the name of a section probably means its first key: EDGE_CLS_SOURCE is to name a source.
    near = next((known for known in keys if known.startswith(f"{key}__")), None) or nearest(key, keys)
    return f"did you mean {PREFIX}{near}?" if near else "unset it"


def _parsed(text: str) -> object:
    """Return the value of `text` if it is TOML, otherwise `text`."""
    try:
        document = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):
        return text
    return document["value"] if len(document) == 1 else text


def _put(content: dict[str, Any], path: tuple[str, ...], value: object) -> None:
    *tables, key = path
    for table in tables:
        content = content.setdefault(table, {})
        if not isinstance(content, dict):
            return  # The file has another type in the place of the table, which validation reports.
    content[key] = value


def _given(values: Mapping[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], object]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _given(value, (*above, key))
        elif value is not None:
            yield (*above, key), value


def _read(path: Path) -> dict[str, Any]:
    try:
        with open_regular(path, limit=_LIMIT) as file:
            return tomllib.loads(file.read().decode("utf-8-sig"))
    except FileNotFoundError:
        raise ConfigError(f"{path} does not exist", hint=f"write one: edge-cls config init {path}") from None
    except IsADirectoryError:
        raise ConfigError(f"{path} is a folder", hint=f"name a file, such as {path / DEFAULT_FILE.name}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 text (byte {error.start})", hint="save it as UTF-8") from None
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read ({error.strerror})", hint="check its permissions, or run it with sudo"
        ) from None
    except RecursionError:
        raise ConfigError(f"{path} is nested too deeply", hint="write a new one: edge-cls config init") from None
    except ValueError as error:  # with line and column
        raise ConfigError(
            f"{path} is not valid TOML: {error}", hint="correct this line; text is written in quotes"
        ) from None


def _anchored(content: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return `content` with its relative paths resolved against `folder`."""
    source = content.get("source")
    places = [(content, key) for key in ("model", "labels", "memory")]
    if isinstance(source, dict):
        name = str(source.get("name"))
        if parse_source(name)[0] == "files" and "://" not in name:
            places.append((source, "name"))
    for table, key in places:
        if isinstance(table.get(key), str) and table[key].strip() and (key != "model" or table[key] not in NAMES):
            table[key] = str(folder / table[key])
    return content
