"""The settings in force are listed without passwords."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from edge_cls.config import (
    Config,
    Source,
    SourceName,
    load,
)
from edge_cls.config.display import as_toml, settings
from tests.config.files import problems, source_name, write


def test_the_listing_has_the_origin_of_each_setting(tmp_path: Path) -> None:
    environ = {"EDGE_CLS_SOURCE__NAME": "demo", "EDGE_CLS_HEAD": ""}
    config = load(write(tmp_path, "threads = 2\n[states]\nenter = 0.6"), environ=environ)
    origins = {".".join(one.path): one.origin for one in settings(config, environ=environ)}
    assert origins["source.name"] == "EDGE_CLS_SOURCE__NAME"
    assert {path for path, origin in origins.items() if origin == "file"} == {"threads", "states.enter"}
    assert set(origins.values()) == {"EDGE_CLS_SOURCE__NAME", "file", "default"}


URLS = [
    "rtsp://me:secret@cam:554/a",
    "http://cam/?password=secret",
    "rtsp://cam/secret",
    "RTSP://me:secret@cam",
    "rtps://me:secret@cam",
    "secret@rtsp://cam",
    "rtsp:/me:secret@cam/1",
    "/etc/edge-cls/me:secret@cam",
]


@pytest.mark.parametrize("url", URLS)
def test_no_password_is_listed(url: str) -> None:
    config = load(None, environ={}, given={"source": {"name": url}})
    assert "secret" not in as_toml(settings(config, environ={}))
    assert str(config.source.name).endswith("/***")


@pytest.mark.parametrize("url", URLS)
def test_no_password_is_in_the_representations_of_python_and_pydantic(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    config = load(None, environ={}, given={"source": {"name": url}})
    assert source_name(config) == url
    logging.getLogger("test").warning("%s %r %s", config, config.source, config.source.name)
    shown = [repr(config), str(config), str(config.model_dump()), config.model_dump_json(), caplog.text]
    shown += [f"{config.source.name}", json.dumps(config.source.model_dump(), default=str)]
    assert not any("secret" in text for text in shown)


def test_no_password_is_in_the_error_of_a_model() -> None:
    with pytest.raises(ValueError, match="host") as raised:
        Config.model_validate({"source": {"name": "rtsp://me:secret@:554/1"}, "threads": "rtsp://me:secret@cam"})
    assert "secret" not in f"{raised.value} {raised.value!r}"


def test_two_sources_differ_if_only_their_passwords_do() -> None:
    """Otherwise a reload would not notice a new password."""
    one, other = (Source(name=SourceName(f"rtsp://me:{password}@cam")) for password in ("a", "b"))
    assert (one != other, one == Source(name=SourceName("rtsp://me:a@cam"))) == (True, True)


@pytest.mark.parametrize(
    "text",
    [
        "source = 'rtsp://me:secret@cam/'",
        "threads = ['rtsp://cam/?password=secret']",
        "threads = { a = 'rtsp://cam/?password=secret' }",
        "threads = 'rtsp://me:my secret@cam/'",
        'threads = "rtsp://me:\'secret@cam/"',
        "head = 'rtsp://me:secret@cam/'",
        "head = 'rtsp:/me:secret@cam/'",
        'head = "me:secret\\nsecret@cam"',
        "delegate = 'rtsp://me:secret@cam/'",
        "sink = [{ kind = 'state_file', path = 'rtsp://me:secret@cam/' }]",
        "[source]\nname = 'rtsp://me:secret@cam/'\nfps = 3",
        "[source]\nname = 'rtsp://me:secret@cam/\\u0000'".replace("'", '"'),
    ],
)
def test_no_password_is_in_a_problem(tmp_path: Path, text: str) -> None:
    assert "secret" not in "".join(problems(tmp_path, text))


def test_every_character_is_escaped_as_toml_requires(tmp_path: Path) -> None:
    config = Config(source=Source(controls={"".join(map(chr, range(300))): '"\x7f\\'}))
    assert load(write(tmp_path, as_toml(settings(config, environ={}))), environ={}) == config


@pytest.mark.parametrize("name", ["rtsp://cam:554", "demo", "photos/a@b"])
def test_sources_without_a_password_are_listed_unchanged(name: str) -> None:
    config = load(None, environ={}, given={"source": {"name": name}})
    assert str(config.source.name) == name
