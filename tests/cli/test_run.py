"""`edge-cls run` as a person or systemd starts it: what it prints, which settings it takes, how it ends."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path

import pytest

from tests.commands import COMMAND, EdgeCls, good
from tests.sources.mjpeg_server import MjpegServer


def write_config(folder: Path, text: str) -> Path:
    path = folder / "config.toml"
    path.write_text(f'model = "tiny.tflite"\n[states]\nsmoothing_s = 0.0\ndwell_s = 0.0\n{text}')
    return path


def test_events_are_printed_once_and_frames_not_at_all(edge_cls: EdgeCls, folder: Path) -> None:
    config = write_config(folder, '[source]\nname = "photos"\n')
    lines = [
        json.loads(line) for line in good(edge_cls("run", "--config", str(config), "--events", "--json")).splitlines()
    ]
    events = [(line["label"], line["previous"]) for line in lines if "event" in line]
    assert events[0] == ("blue", None)
    assert events[-1][0] == "red"
    assert len(events) <= 5, "each is printed once"
    assert [line["status"] for line in lines if "status" in line][-1] == "ended"
    text = good(edge_cls("run", "--config", str(config), "--events"))
    assert "entered blue" in text
    assert "camera: ended" in text


def test_with_a_configuration_its_sinks_alone_are_written_to(edge_cls: EdgeCls, folder: Path) -> None:
    events = folder / "events.jsonl"
    sink = f'[[sink]]\nkind = "json_lines"\npath = "{events}"\nraw = true\n'
    config = write_config(folder, f'[source]\nname = "photos"\n{sink}')
    assert good(edge_cls("run", "--config", str(config))) == ""
    assert sum('"score"' in line and '"event"' not in line for line in events.read_text().splitlines()) == 6


def test_the_command_line_is_above_the_environment_and_that_above_the_file(
    edge_cls: EdgeCls, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = write_config(folder, '[source]\nname = "nowhere"\n')
    monkeypatch.setenv("EDGE_CLS_SOURCE__NAME", "red.png")
    assert json.loads(good(edge_cls("run", "--config", str(config), "--json")))["source"].endswith("red.png")
    lines = good(edge_cls("run", "--config", str(config), "--source", "photos", "--json")).splitlines()
    assert len(lines) == 6


@pytest.mark.usefixtures("folder")
def test_of_a_closed_set_no_frame_is_unknown(edge_cls: EdgeCls, monkeypatch: pytest.MonkeyPatch) -> None:
    good(edge_cls("teach", "red", "red.png", "--memory", "taught.db", "--model", "mean.tflite"))
    words = ("run", "--source", "photos", "--memory", "taught.db", "--model", "mean.tflite", "--json")
    known = [json.loads(line)["known"] for line in good(edge_cls(*words, "--closed-set")).splitlines()]
    assert known == [1.0] * 6
    assert any(json.loads(line)["unknown"] for line in good(edge_cls(*words)).splitlines())
    done = edge_cls(*words, "--closed-set", "--false-accept", "0.1")
    assert (done.returncode, done.stdout) == (78, "")
    assert done.stderr.startswith("error: --closed-set: every frame is known, but false_accept is 0.1")
    monkeypatch.setenv("EDGE_CLS_CLOSED_SET", "true")
    assert [json.loads(line)["known"] for line in good(edge_cls(*words)).splitlines()] == known


@pytest.mark.usefixtures("folder")
def test_grey_copies_are_learnt_if_they_are_asked_for(edge_cls: EdgeCls) -> None:
    options = ("--memory", "night.db", "--model", "mean.tflite")
    assert good(edge_cls("teach", "red", "red.png", *options, "--augment", "grey")).startswith(
        "red: 1 taught, 1 in all"
    )
    run = ("run", "--source", "photos", *options, "--json")
    plain = [json.loads(line)["known"] for line in good(edge_cls(*run)).splitlines()]
    copied = [json.loads(line)["known"] for line in good(edge_cls(*run, "--augment", "grey")).splitlines()]
    assert max(copied[:2]) > max(plain[:2])  # blue, which is nearer to grey than to red
    for command in (("teach", "red", "red.png", *options), run):
        done = edge_cls(*command, "--augment", "gray")
        assert (done.returncode, done.stdout) == (78, "")
        assert "'gray'" in done.stderr


def test_without_a_source_it_says_how_to_name_one(edge_cls: EdgeCls, folder: Path) -> None:
    done = edge_cls("run")
    assert done.returncode == 2
    assert "give --source, or --config" in done.stderr
    config = folder / "empty.toml"
    config.write_text("")
    done = edge_cls("run", "--config", str(config))
    assert done.returncode == 78
    assert "no source is set" in done.stderr


def test_a_misspelt_variable_of_the_source_is_reported_if_nothing_else_names_one(
    edge_cls: EdgeCls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGE_CLS_SOURCE", "demo")
    done = edge_cls("run")
    expected = "error: EDGE_CLS_SOURCE: unknown setting; did you mean EDGE_CLS_SOURCE__NAME?\n"
    assert (done.returncode, done.stderr) == (78, expected)


def test_a_bad_configuration_ends_with_78_and_one_line(edge_cls: EdgeCls, folder: Path) -> None:
    done = edge_cls("run", "--config", str(write_config(folder, 'sourze = "demo"\n')))
    assert done.returncode == 78
    assert done.stderr.count("\n") == 1
    assert "states.sourze" in done.stderr


def test_signals_reload_and_end_a_camera_in_good_order(folder: Path, red_camera: MjpegServer) -> None:
    events = folder / "events.jsonl"

    sink = f'[[sink]]\nkind = "json_lines"\npath = "{events}"\nraw = true\n'
    config = write_config(folder, f'[source]\nname = "{red_camera.url}"\n{sink}')
    running = subprocess.Popen(
        [COMMAND, "run", "--config", str(config), "--events", "--json"],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert running.stdout is not None
    while '"entered"' not in running.stdout.readline():
        pass
    # A bad reload neither ends the run nor repeats events.
    config.write_text(config.read_text() + "nonsense")
    running.send_signal(signal.SIGHUP)
    assert running.stderr is not None
    assert "the old one stays" in running.stderr.readline()
    running.send_signal(signal.SIGTERM)
    rest, errors = running.communicate()
    assert (running.returncode, errors) == (0, "")
    assert '"status": "ended"' in rest
    assert "entered" not in rest


def test_without_a_configuration_a_terminal_that_is_gone_ends_the_run(folder: Path, red_camera: MjpegServer) -> None:
    running = subprocess.Popen(
        [COMMAND, "run", "--source", red_camera.url, "--model", "tiny.tflite", "--json"],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert running.stdout is not None
    assert running.stdout.readline()
    running.send_signal(signal.SIGHUP)
    _, errors = running.communicate()
    assert (running.returncode, errors) == (0, "")
