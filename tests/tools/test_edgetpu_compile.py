"""The contract with `edgetpu_compiler`, on a fake that prints what the real one prints: its logs are public."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge_cls.core.bank import Bank
from edge_cls.errors import ConversionError, MissingDependency, ModelError
from edge_cls.model.file import read_model, write_model
from edge_cls.model.model import Model
from edge_cls_tools.edgetpu.compile import compile_model
from edge_cls_tools.edgetpu.log import Row, failure_reason, parse_log
from tests.commands import EdgeCls, good
from tests.tools import edgetpu
from tests.tools.edgetpu import console, log, table

ALL = table(
    ("CONV_2D", 2, "Mapped to Edge TPU"), ("MEAN", 1, "Mapped to Edge TPU"), ("QUANTIZE", 3, "Mapped to Edge TPU")
)
HALF = table(
    ("CONV_2D", 2, "Mapped to Edge TPU"),
    ("SOFTMAX", 1, "Operation version not supported"),
    ("QUANTIZE", 1, "Mapped to Edge TPU"),
    ("QUANTIZE", 2, "More than one subgraph is not supported"),
)


@pytest.fixture
def source(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model to compile in a separate folder; the PATH contains only the fake compiler of the test."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "tiny.tflite").write_bytes(tiny.read_bytes())
    return tmp_path / "models" / "tiny.tflite"


@pytest.fixture
def compiled(tiny: Path, tmp_path: Path) -> Path:
    """The compiled model."""
    (tmp_path / "compiled.tflite").write_bytes(edgetpu.compiled(read_model(tiny).network))
    return tmp_path / "compiled.tflite"


def test_the_compiled_model_keeps_labels_manifest_and_bank(source: Path, compiled: Path, tmp_path: Path) -> None:
    edgetpu.install(tmp_path / "bin", console=console(ALL), log=log(ALL), model=compiled)
    bank = Bank(np.eye(16, dtype=np.float32)).encode()
    write_model(replace(read_model(source), encoded_bank=bank))
    done = compile_model(source, tmp_path / "out", timeout_sec=77)
    assert (done.summary.version, done.summary.subgraphs, done.summary.percent) == ("16.0.384591198", 1, 100.0)
    assert (done.summary.mapped, done.summary.total) == (6, 6)
    before, after = read_model(source), read_model(done.model)
    assert done.model == tmp_path / "out" / "tiny_edgetpu.tflite"
    assert after.network == compiled.read_bytes()
    assert (after.labels, after.trained_on) == (before.labels, before.trained_on)
    assert after.encoded_bank == bank
    assert after.manifest is not None
    assert before.manifest is not None
    # Examples that were taught with the source stay valid.
    assert after.manifest.space == Model(before).space
    assert after.manifest.preprocessing == before.manifest.preprocessing
    assert done.log.read_text().startswith("Edge TPU Compiler version 16.0")
    # The compiler was given the bare network, and the time limit.
    assert (tmp_path / "bin" / "given.tflite").read_bytes() == before.network
    arguments = json.loads((tmp_path / "bin" / "arguments.json").read_text())
    assert arguments[arguments.index("--timeout_sec") + 1] == "77"
    assert "-s" in arguments


def failure(source: Path, **options: float) -> str:
    """Return the message of a compilation that fails, and assert that only the log was written."""
    folder = source.parent / "out"
    with pytest.raises(ConversionError) as caught:
        compile_model(source, folder, **options)  # type: ignore[arg-type]
    assert [path.name for path in folder.iterdir()] == ["tiny_edgetpu.log"]
    assert f"see {folder / 'tiny_edgetpu.log'}" in caught.value.hint
    return caught.value.message


def test_too_little_on_the_edge_tpu_is_a_failure(source: Path, compiled: Path, tmp_path: Path) -> None:
    edgetpu.install(tmp_path / "bin", console=console(HALF), model=compiled)
    assert failure(source) == (
        f"50.0 % of the operators of {source} map to the Edge TPU, less than 95 %; on the CPU: "
        "1 SOFTMAX (Operation version not supported), 2 QUANTIZE (More than one subgraph is not supported)"
    )
    assert compile_model(source, tmp_path / "more", min_mapped=50).summary.percent == 50.0


def test_no_part_for_the_edge_tpu_is_a_failure_whatever_was_asked_for(source: Path, tiny: Path, tmp_path: Path) -> None:
    none = table(("CONV_2D", 2, "Operation is working on an unsupported data type"))
    edgetpu.install(tmp_path / "bin", console=console(none, subgraphs=0), model=tiny)
    assert failure(source, min_mapped=0) == f"no operator of {source} was mapped to the Edge TPU"


def test_a_model_without_the_edge_tpus_operator_is_a_failure(source: Path, tiny: Path, tmp_path: Path) -> None:
    edgetpu.install(tmp_path / "bin", console=console(ALL), model=tiny)
    assert "does not use the Edge TPU" in failure(source)


def test_a_success_without_a_model_is_a_failure(source: Path, tmp_path: Path) -> None:
    edgetpu.install(tmp_path / "bin", console=console(ALL))
    assert failure(source) == f"edgetpu_compiler wrote no model for {source}"


OUTPUTS = {
    "not quantised": (
        "Edge TPU Compiler version 15.0.340273435\nInvalid model: model.tflite\nModel not quantized\n",
        "Invalid model: model.tflite Model not quantized",
    ),
    "internal": (
        "Edge TPU Compiler version 14.1.317412892\n\nInternal compiler error. Aborting!\n",
        "Internal compiler error. Aborting!",
    ),
    "dynamic": (
        "Edge TPU Compiler version 16.0.384591198\nStarted a compilation timeout timer of 180 seconds.\n"
        "ERROR: Attempting to use a delegate that only supports static-sized tensors\n"
        "Compilation failed: Model failed in Tflite interpreter.\nCompilation failed! \n",
        "ERROR: Attempting to use a delegate that only supports static-sized tensors "
        "Compilation failed: Model failed in Tflite interpreter.",
    ),
    "nothing": ("", "Compilation failed: exit code 1"),
}


@pytest.mark.parametrize(("text", "reason"), OUTPUTS.values(), ids=OUTPUTS)
def test_the_reason_given_by_the_compiler_is_reported(source: Path, tmp_path: Path, text: str, reason: str) -> None:
    edgetpu.install(tmp_path / "bin", console=text, code=1)
    assert failure(source).startswith(f"{source} was not compiled ({reason}")


def test_a_crash_after_the_success_is_a_failure(source: Path, compiled: Path, tmp_path: Path) -> None:
    edgetpu.install(tmp_path / "bin", console=console(ALL), model=compiled, code=139)
    assert failure(source) == f"{source} was not compiled (Compilation failed: exit code 139)"


def test_a_compiler_that_hangs_is_killed(source: Path, tmp_path: Path) -> None:
    edgetpu.install(tmp_path / "bin", console="Edge TPU Compiler version 16.0.384591198", hangs=True)
    assert "it took longer than 1 seconds and was killed" in failure(source, timeout_sec=1, grace_s=-0.5)


@pytest.mark.parametrize(
    "text", ["Model compiled successfully in 3 ms.", "Model compiled successfully\nNumber of Edge"]
)
def test_an_unknown_log_format_is_reported(source: Path, compiled: Path, tmp_path: Path, text: str) -> None:
    edgetpu.install(tmp_path / "bin", console=text, model=compiled)
    assert failure(source) == "the log of edgetpu_compiler (unknown version) does not say how much was mapped"


def test_a_missing_compiler_is_reported_with_a_hint(source: Path) -> None:
    with pytest.raises(MissingDependency) as caught:
        compile_model(source, source.parent)
    assert caught.value.message == "edgetpu_compiler is not installed"
    assert "on x86-64 Debian or Ubuntu" in caught.value.hint
    assert f"edge-cls edgetpu check {source}" in caught.value.hint


def test_a_compiled_model_is_not_compiled_again(source: Path, compiled: Path, tmp_path: Path) -> None:
    edgetpu.install(tmp_path / "bin", console="")
    source.write_bytes(compiled.read_bytes())
    with pytest.raises(ModelError, match="is compiled for the Edge TPU already; use the model before compilation"):
        compile_model(source, tmp_path / "out")


def test_a_model_without_a_manifest_is_written_as_compiled(
    source: Path, compiled: Path, tiny: Path, tmp_path: Path
) -> None:
    edgetpu.install(tmp_path / "bin", console=console(ALL), model=compiled)
    source.write_bytes(read_model(tiny).network)
    done = compile_model(source, tmp_path / "out")
    assert done.model.read_bytes() == compiled.read_bytes()


def test_a_console_without_a_table_still_gives_the_percentage() -> None:
    text = console("").replace("Total number of operations: 6", "Total number of operations: 267")
    summary = parse_log(
        f"{text}\nModel successfully compiled but not all operations are supported by the Edge TPU.\n"
        "Number of operations that will run on Edge TPU: 261\nNumber of operations that will run on CPU: 6\n"
    )
    assert (summary.mapped, summary.total, summary.rows) == (261, 267, ())
    assert summary.percent == pytest.approx(97.75, abs=0.01)


def test_a_second_table_is_not_counted_again() -> None:
    summary = parse_log(console(HALF) + log(HALF))
    assert (summary.mapped, summary.total) == (3, 6)
    assert summary.rows[1] == Row("SOFTMAX", 1, "Operation version not supported")


def test_the_failure_reason_is_the_last_line_or_no_output() -> None:
    assert failure_reason("\n \n") == "no output"
    assert failure_reason("Edge TPU Compiler\nsome new kind of trouble\n") == "some new kind of trouble"


def test_the_command_prints_json_alone(source: Path, compiled: Path, tmp_path: Path, edge_cls: EdgeCls) -> None:
    edgetpu.install(tmp_path / "bin", console=console(ALL), model=compiled)
    command = ["edgetpu", "compile", str(source), "--json"]
    document = json.loads(good(edge_cls(*command)))
    assert (document["percent"], document["subgraphs"], document["compiled"]) == (100.0, 1, True)
    assert document["file"] == str(source.with_name("tiny_edgetpu.tflite"))
    assert source.with_name("tiny_edgetpu.log").exists()
    (tmp_path / "bin" / "edgetpu_compiler").unlink()
    done = edge_cls(*command)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: edgetpu_compiler is not installed; on x86-64")
