"""The check of a model for the Edge TPU, operator by operator; published compiled models confirm it."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_cls.errors import ModelError
from edge_cls.model.builtin import builtin_file
from edge_cls.tflite.edit import pack
from edge_cls.tflite.graph import operators, unpack
from edge_cls_tools.edgetpu.check import check
from tests import toy_model
from tests.commands import EdgeCls
from tests.networks import converted
from tests.tools.edgetpu import compiled

TINY = Path(__file__).parents[1] / "data" / "tiny.tflite"
NETWORK = converted()


@pytest.mark.parametrize("path", [TINY, builtin_file("edge-embed.tflite")], ids=["tiny", "edge-embed"])
def test_our_own_exports_map_wholly(path: Path) -> None:
    checked = check(path)
    assert checked.passed
    assert not checked.compiled
    assert checked.mapped == len(checked.verdicts) > 5


@pytest.mark.parametrize(
    ("name", "operators"),
    [
        ("mobilenet_v1_0.25_128_quant", 31),
        ("teachable_machine/converted_tflite_quantized/model", 73),
        ("tf2_mobilenet_v2_1.0_224_ptq", 68),
    ],
)
def test_models_that_were_published_compiled_map_wholly(shared: Path, name: str, operators: int) -> None:
    checked = check(shared / "models" / f"{name}.tflite")
    assert (checked.mapped, len(checked.verdicts), checked.passed) == (operators, operators, True)


@pytest.mark.parametrize(
    "name", ["mobilenet_v1_0.25_128_quant_edgetpu", "teachable_machine/converted_edgetpu/model_edgetpu"]
)
def test_compiled_models_are_recognised(shared: Path, name: str) -> None:
    checked = check(shared / "models" / f"{name}.tflite")
    assert (checked.compiled, checked.mapped, len(checked.verdicts), checked.passed) == (True, 1, 1, True)


def test_operators_left_on_the_cpu_by_the_compiler_are_reported(tmp_path: Path) -> None:
    softmax = [operator.name for operator in operators(unpack(NETWORK, "tiny"))].index("SOFTMAX")
    (tmp_path / "m.tflite").write_bytes(compiled(NETWORK, softmax))
    checked = check(tmp_path / "m.tflite")
    assert (checked.compiled, checked.passed) == (True, True)
    assert [(verdict.operator, verdict.maps) for verdict in checked.verdicts] == [
        ("edgetpu-custom-op", True),
        ("SOFTMAX", False),
    ]


def test_no_operator_of_a_float_model_maps(tmp_path: Path) -> None:
    checked = check(toy_model.write_classifier(tmp_path / "m.tflite"))
    assert (checked.mapped, len(checked.verdicts), checked.passed) == (0, 3, False)
    for verdict in checked.verdicts:
        assert verdict.problems[0].why == "it uses FLOAT32 tensors instead of quantised int8 ones"
        assert verdict.problems[0].hint.startswith("quantise the whole model")


def at(model: Any, name: str) -> Any:
    """Return the first operator of a kind."""
    names = [operator.name for operator in operators(model)]
    return model.subgraphs[0].operators[names.index(name)]


def tensor(model: Any, name: str, place: int, *, output: bool = False) -> Any:
    operator = at(model, name)
    return model.subgraphs[0].tensors[(operator.outputs if output else operator.inputs)[place]]


def newer(model: Any) -> None:
    model.operatorCodes[at(model, "CONV_2D").opcodeIndex].version = 6


def computed_weights(model: Any) -> None:
    tensor(model, "CONV_2D", 1).buffer = 0


def batch_of_two(model: Any) -> None:
    tensor(model, "MEAN", 0).shape = [2, 7, 7, 16]


def open_size(model: Any) -> None:
    tensor(model, "MEAN", 0).shapeSignature = [1, -1, -1, 16]


def uneven_dilation(model: Any) -> None:
    at(model, "CONV_2D").builtinOptions.dilationWFactor = 2


def large_softmax(model: Any) -> None:
    tensor(model, "SOFTMAX", 0).shape = [1, 16_001]


def softmax_of_a_picture(model: Any) -> None:
    tensor(model, "SOFTMAX", 0).shape = [1, 3, 3]


def mean_of_the_batch(model: Any) -> None:
    buffer = model.buffers[tensor(model, "MEAN", 1).buffer]
    buffer.data = [0, 0, 0, 0, 1, 0, 0, 0]


def mean_over_channels(model: Any) -> None:
    model.buffers[tensor(model, "MEAN", 1).buffer].data = [255] * 4
    tensor(model, "MEAN", 0).shape = [1, 7, 7, 15]


def shuffled_weights(model: Any) -> None:
    at(model, "FULLY_CONNECTED").builtinOptions.weightsFormat = 1


def unknown_kind(model: Any) -> None:
    code = model.operatorCodes[at(model, "SOFTMAX").opcodeIndex]
    code.builtinCode = code.deprecatedBuiltinCode = 50  # LOG_SOFTMAX


LIMITS: dict[str, tuple[Callable[[Any], None], str, str]] = {
    "version": (newer, "CONV_2D", "its version is 6, but the compiler supports at most 5"),
    "computed": (computed_weights, "CONV_2D", "one of its parameters is computed, not constant"),
    "batch": (batch_of_two, "MEAN", "it has a tensor of shape 2 x 7 x 7 x 16"),
    "open": (open_size, "MEAN", "the size of a tensor is not fixed"),
    "dilation": (uneven_dilation, "CONV_2D", "its dilation differs between height and width"),
    "classes": (large_softmax, "SOFTMAX", "its input has 16001 elements"),
    "softmax": (softmax_of_a_picture, "SOFTMAX", "its input has more than one dimension"),
    "mean": (mean_of_the_batch, "MEAN", "it reduces the batch axis"),
    "channels": (mean_over_channels, "MEAN", "it takes the mean over 15 channels"),
    "weights": (shuffled_weights, "FULLY_CONNECTED", "its weights are in the shuffled format"),
    "kind": (unknown_kind, "LOG_SOFTMAX", "the Edge TPU does not support this operator"),
}


@pytest.mark.parametrize(("spoil", "operator", "why"), LIMITS.values(), ids=LIMITS)
def test_each_limit_is_reported_with_a_hint(
    tmp_path: Path, spoil: Callable[[Any], None], operator: str, why: str
) -> None:
    model = unpack(NETWORK, "tiny")
    spoil(model)
    (tmp_path / "m.tflite").write_bytes(pack(model))
    checked = check(tmp_path / "m.tflite")
    assert not checked.passed
    problems = {
        problem.why: problem.hint for one in checked.verdicts if one.operator == operator for problem in one.problems
    }
    assert problems[why]


def test_operators_after_one_on_the_cpu_stay_there_too(tmp_path: Path) -> None:
    model = unpack(NETWORK, "tiny")
    shuffled_weights(model)
    (tmp_path / "m.tflite").write_bytes(pack(model))
    verdicts = {verdict.operator: verdict for verdict in check(tmp_path / "m.tflite").verdicts}
    assert verdicts["CONV_2D"].maps
    assert verdicts["MEAN"].maps
    assert [problem.why for problem in verdicts["FULLY_CONNECTED"].problems] == [
        "its weights are in the shuffled format"
    ]
    assert "follows an operator on the CPU" in verdicts["SOFTMAX"].problems[0].why


def test_cpu_operators_before_the_first_mapped_part_do_not_matter(tmp_path: Path) -> None:
    """A model that takes float pixels is quantised on the CPU first, and maps from there on."""
    model = unpack(NETWORK, "tiny")
    tensor(model, "QUANTIZE", 0).type = 0
    (tmp_path / "m.tflite").write_bytes(pack(model))
    first, *others = check(tmp_path / "m.tflite").verdicts
    assert not first.maps
    assert all(verdict.maps for verdict in others)


@given(st.lists(st.tuples(st.integers(0, len(NETWORK) - 1), st.integers(0, 255)), min_size=1, max_size=3))
def test_a_damaged_model_raises_at_most_a_model_error(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[int, int]]
) -> None:
    content = bytearray(NETWORK)
    for place, byte in changes:
        content[place] = byte
    path = tmp_path_factory.getbasetemp() / "damaged.tflite"
    path.write_bytes(content)
    with contextlib.suppress(ModelError):
        check(path)


def test_the_command_prints_text_or_json(tmp_path: Path, edge_cls: EdgeCls) -> None:
    toy_model.write_classifier(tmp_path / "float.tflite")
    done = [
        edge_cls("edgetpu", "check", *arguments)
        for arguments in ([str(TINY)], [str(tmp_path / "float.tflite")], [str(tmp_path / "float.tflite"), "--json"])
    ]
    assert [(one.returncode, one.stderr) for one in done] == [(0, ""), (1, ""), (1, "")]
    assert done[0].stdout == f"{TINY}: 8 of 8 operators map to the Edge TPU\n"
    assert (
        "   1 SOFTMAX (operator 2): it uses FLOAT32 tensors instead of quantised int8 ones; quantise the whole model"
        in done[1].stdout
    )
    document = json.loads(done[2].stdout)
    assert (document["mapped"], document["operators"], document["compiled"]) == (0, 3, False)
    assert document["verdicts"][0]["problems"][0]["why"] == "it uses FLOAT32 tensors instead of quantised int8 ones"
