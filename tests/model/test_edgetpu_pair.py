"""Models on the Edge TPU, of which there is none here: without its library, with libraries of our own in its place, and
with a stand-in behind the door to the interpreter.
"""

from __future__ import annotations

import dataclasses
import gc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_cls import Classifier
from edge_cls.backends import litert
from edge_cls.backends.litert import Interpreter, edge_tpu_options
from edge_cls.errors import ConfigError, MissingDependency, ModelError
from edge_cls.model import edgetpu_pair
from edge_cls.model.edgetpu_pair import EdgeTpuInterpreter
from edge_cls.model.file import ModelFile, read_model, write_model
from tests.colors import COLORS
from tests.edge_tpu_library import edge_tpu_library
from tests.tools.edgetpu import compiled

BLUE = np.full((40, 40, 3), COLORS["blue"], np.uint8)
PIXELS: NDArray[np.uint8] = np.random.default_rng(0).integers(0, 256, (32, 32, 3)).astype(np.uint8)
Backend: Any = vars(litert)["_Backend"]


class Device:
    """Stands for the Edge TPU: one holder at a time, and it fails at the runs, counted from 0, that are told."""

    def __init__(self, network: bytes) -> None:
        self.network = network
        self.held = False
        self.absent = False
        self.fails: set[int] = set()
        self.runs = 0
        self.opened: list[str] = []

    def open(self, delegate: str) -> Held:
        if self.absent or self.held:
            raise ModelError("taken" if self.held else "absent", hint="wait")
        self.opened.append(delegate)
        return Held(self)


class Held:
    def __init__(self, device: Device) -> None:
        self.device = device
        device.held = True

    def __del__(self) -> None:
        self.device.held = False


class StandIn:
    """Stands for the interpreter: a compiled network does what that of the device does, where the delegate is given."""

    def __init__(
        self, model_content: bytes, num_threads: int | None, experimental_delegates: list[Held] | None
    ) -> None:
        self.held = experimental_delegates
        network = self.held[0].device.network if self.held else model_content
        self.real = Backend(model_content=network, num_threads=num_threads)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    def invoke(self) -> None:
        if self.held:
            device = self.held[0].device
            device.runs += 1
            if device.runs - 1 in device.fails:
                raise RuntimeError("Failed to execute request")
        self.real.invoke()


@pytest.fixture
def device(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> Device:
    device = Device(read_model(tiny).network)
    monkeypatch.setattr(litert, "_edge_tpu", device.open)
    monkeypatch.setattr(litert, "_Backend", StandIn)
    return device


@pytest.fixture
def plain(tiny: Path, tmp_path: Path) -> Path:
    """A model, with its compiled self beside it."""
    file = read_model(tiny)
    assert file.manifest is not None
    write_model(dataclasses.replace(file, path=tmp_path / "tiny.tflite"))
    write_model(dataclasses.replace(file, path=tmp_path / "tiny_edgetpu.tflite", network=compiled(file.network)))
    made = read_model(tmp_path / "tiny_edgetpu.tflite")
    assert made.manifest is not None
    manifest = dataclasses.replace(made.manifest, space=read_model(tmp_path / "tiny.tflite").manifest.space)  # type: ignore[union-attr]  # it has one
    write_model(dataclasses.replace(made, manifest=manifest))
    return tmp_path / "tiny.tflite"


def twin(plain: Path) -> Path:
    return plain.with_stem("tiny_edgetpu")


def change(path: Path, change: Callable[[ModelFile], ModelFile]) -> None:
    write_model(change(read_model(path)))


@pytest.fixture
def no_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(litert, "_LIBRARY", "libedgetpu-of-nowhere.so.1")


NO_DEVICE = "no Edge TPU can be opened.*plug it in again.*plugdev"


@pytest.mark.usefixtures("no_library")
def test_without_the_library_it_says_which_package_to_install(plain: Path) -> None:
    network = read_model(twin(plain)).network
    for run in (lambda: Interpreter(network, delegate="edgetpu"), lambda: Classifier(plain, delegate="edgetpu")):
        with pytest.raises(MissingDependency, match=r"libedgetpu-of-nowhere.*apt install libedgetpu1-std"):
            run()


def test_without_a_device_it_says_what_to_look_at(plain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(litert, "_LIBRARY", edge_tpu_library(tmp_path, create="return NULL;"))
    network = read_model(twin(plain)).network
    with pytest.raises(ModelError, match=NO_DEVICE):
        Interpreter(network, delegate="edgetpu")
    with pytest.raises(ModelError, match=NO_DEVICE):
        Classifier(plain, delegate="edgetpu:pci:1")
    with Classifier(plain, delegate="auto") as classifier:
        assert classifier.model.problem is not None
        assert "no Edge TPU can be opened" in classifier.model.problem


@pytest.mark.parametrize("delegate", ["auto", "edgetpu"])
def test_the_real_interpreter_takes_a_delegate_that_dies_and_is_opened_again(
    plain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, delegate: str
) -> None:
    monkeypatch.setattr(litert, "_LIBRARY", edge_tpu_library(tmp_path, fails="n == 1"))
    running = EdgeTpuInterpreter(read_model(plain), labels=(), threads=None, delegate=delegate)
    for _ in range(5):
        assert [output.shape for output in running.invoke(PIXELS)] == [output.shape[1:] for output in running.outputs]
    assert running.problem is None
    assert len(caplog.messages) == 1
    assert "failed to invoke" in caplog.text


def test_the_real_interpreter_lets_go_of_a_delegate_that_stays_dead(
    plain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(litert, "_LIBRARY", edge_tpu_library(tmp_path, fails="n > 0"))
    compiled_file = read_model(twin(plain))
    alone = EdgeTpuInterpreter(compiled_file, labels=(), threads=None, delegate="edgetpu")
    alone.close()
    running = EdgeTpuInterpreter(compiled_file, labels=(), threads=None, delegate="auto")
    on_cpu = Interpreter(read_model(plain).network).invoke(PIXELS)
    running.invoke(PIXELS)
    assert running.problem is None
    for _ in range(3):
        for one, other in zip(running.invoke(PIXELS), on_cpu, strict=True):
            np.testing.assert_array_equal(one, other)
    assert "fails when it runs" in str(running.problem)
    with pytest.raises(ModelError, match="fails when it runs"):
        Interpreter(compiled_file.network, delegate="edgetpu").invoke(PIXELS)


def test_the_library_is_told_which_device(plain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = 'if (count == 1 && !strcmp(keys[0], "device") && !strcmp(values[0], "usb:1")) abort(); return NULL;'
    monkeypatch.setattr(litert, "_LIBRARY", edge_tpu_library(tmp_path, create=told))
    with pytest.raises(ModelError, match=NO_DEVICE):
        Classifier(plain, delegate="edgetpu:usb:0")
    with pytest.raises(ModelError, match="crashes"):
        Classifier(plain, delegate="edgetpu:usb:1")


def test_a_library_that_crashes_the_interpreter_crashes_a_child(
    plain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(litert, "_LIBRARY", edge_tpu_library(tmp_path, create="abort();"))
    with pytest.raises(ModelError, match=r"crashes.*install a newer libedgetpu, built for this version.*before 2\.12"):
        Classifier(plain, delegate="edgetpu")
    with Classifier(plain, delegate="auto") as classifier:
        assert "crashes" in str(classifier.model.problem)
        assert classifier.classify(BLUE).label == "blue"


@pytest.mark.usefixtures("no_library")
def test_a_published_pair_falls_back(shared: Path) -> None:
    names = shared / "models" / "imagenet_labels.txt"
    model = shared / "models" / "mobilenet_v1_0.25_128_quant.tflite"
    expected = Classifier(model, labels=names).classify(BLUE)
    for path in (model, model.with_stem(f"{model.stem}_edgetpu")):
        with Classifier(path, labels=names, delegate="auto") as classifier:
            assert "libedgetpu-of-nowhere" in str(classifier.model.problem)
            assert classifier.classify(BLUE) == expected


@pytest.mark.usefixtures("no_library")
def test_of_two_that_nothing_vouches_for_the_embeddings_are_not_taken_for_the_same(
    shared: Path, tmp_path: Path
) -> None:
    for name in ("mobilenet_v1_0.25_128_quant.tflite", "mobilenet_v1_0.25_128_quant_edgetpu.tflite"):
        (tmp_path / name).write_bytes(read_model(shared / "models" / name).network)
    for path in tmp_path.iterdir():
        with pytest.raises(ModelError, match=r"nothing says that the embeddings.*can be compared"):
            Classifier(path, delegate="auto")


@pytest.mark.parametrize("delegate", ["auto", "edgetpu", "edgetpu:usb:0"])
@pytest.mark.parametrize("name", ["tiny", "tiny_edgetpu"])
def test_either_of_a_pair_runs_on_the_edge_tpu(device: Device, plain: Path, delegate: str, name: str) -> None:
    expected = Classifier(plain).classify(BLUE)
    with Classifier(plain.with_stem(name), delegate=delegate) as classifier:
        assert classifier.classify(BLUE) == expected
        assert classifier.model.problem is None
    assert device.runs == 1
    assert device.opened == ["edgetpu" if delegate == "auto" else delegate]


def test_a_classifier_that_is_closed_lets_go_of_the_edge_tpu(device: Device, plain: Path) -> None:
    classifier = Classifier(plain, delegate="edgetpu")
    assert device.held
    classifier.close()
    classifier.close()
    assert not device.held


def test_what_was_taught_on_the_cpu_is_known_on_the_edge_tpu(device: Device, plain: Path, tmp_path: Path) -> None:
    with Classifier(plain, memory=tmp_path / "taught.db") as classifier:
        classifier.teach("sky", BLUE)
    for path in (plain, twin(plain)):
        with Classifier(path, memory=tmp_path / "taught.db", delegate="auto") as classifier:
            assert classifier.classify(BLUE).label == "sky"
    assert device.runs == 2


def test_where_there_is_no_edge_tpu_the_cpu_takes_over_loudly(
    device: Device, plain: Path, caplog: pytest.LogCaptureFixture
) -> None:
    device.absent = True
    for path in (plain, twin(plain)):
        with Classifier(path, delegate="auto") as classifier:
            assert classifier.classify(BLUE).label == "blue"
            assert classifier.model.problem == "on the CPU, not on the Edge TPU: absent; wait"
            assert caplog.messages == [classifier.model.problem]
        caplog.clear()
        with pytest.raises(ModelError, match="absent"):
            Classifier(path, delegate="edgetpu")


def test_without_a_compiled_model_the_cpu_takes_over(device: Device, plain: Path) -> None:
    twin(plain).unlink()
    with Classifier(plain, delegate="auto") as classifier:
        assert "tiny_edgetpu.tflite does not exist; run: edge-cls edgetpu compile" in str(classifier.model.problem)
    with pytest.raises(ModelError, match=r"tiny_edgetpu\.tflite does not exist"):
        Classifier(plain, delegate="edgetpu")
    assert device.opened == []


def test_a_damaged_twin_is_as_good_as_none(device: Device, plain: Path) -> None:
    whole = twin(plain).read_bytes()
    twin(plain).write_bytes(whole[:-200])
    with Classifier(plain, delegate="auto") as classifier:
        assert "tiny_edgetpu.tflite is damaged" in str(classifier.model.problem)
    with pytest.raises(ModelError, match=r"tiny_edgetpu\.tflite is damaged"):
        Classifier(plain, delegate="edgetpu")
    twin(plain).write_bytes(whole)
    plain.write_bytes(plain.read_bytes()[:-200])
    with Classifier(twin(plain), delegate="auto") as classifier:
        assert classifier.model.problem is None
    assert device.opened == ["edgetpu"]


def test_without_a_model_for_the_cpu_there_is_nothing_to_fall_back_to(device: Device, plain: Path) -> None:
    plain.unlink()
    with Classifier(twin(plain), delegate="auto") as classifier:
        assert classifier.classify(BLUE).label == "blue"
        device.absent, device.fails = True, {1}
        with pytest.raises(ModelError, match="absent"):
            classifier.classify(BLUE)
    with pytest.raises(ModelError, match="absent"):
        Classifier(twin(plain), delegate="auto")


@pytest.mark.parametrize("delegate", ["auto", "edgetpu"])
def test_an_edge_tpu_that_dies_is_opened_again_and_given_the_same_frame(
    device: Device, plain: Path, delegate: str, caplog: pytest.LogCaptureFixture
) -> None:
    with Classifier(plain, delegate=delegate) as classifier:
        expected = classifier.classify(BLUE)
        device.fails = {1}
        assert classifier.classify(BLUE) == expected
        assert classifier.model.problem is None
    assert len(device.opened) == 2
    assert [message.split(":")[0] for message in caplog.messages] == ["the Edge TPU is opened again"]
    assert "Failed to execute request" in caplog.text


def kill(device: Device) -> None:
    device.fails = {1, 2}


def unplug(device: Device) -> None:
    device.fails, device.absent = {1}, True


@pytest.mark.parametrize("problem", [kill, unplug])
def test_one_that_stays_dead_is_given_up_for_good(
    device: Device, plain: Path, problem: Callable[[Device], None], caplog: pytest.LogCaptureFixture
) -> None:
    with Classifier(plain, delegate="auto") as classifier:
        expected = classifier.classify(BLUE)
        problem(device)
        assert classifier.classify(BLUE) == expected
        assert str(classifier.model.problem).startswith("on the CPU, not on the Edge TPU: ")
        assert caplog.messages[-1] == classifier.model.problem
        device.fails, device.absent = set(), False
        runs = device.runs
        assert classifier.classify(BLUE) == expected
        assert (device.runs, device.held) == (runs, False)


@pytest.mark.parametrize("problem", [kill, unplug])
def test_where_nothing_else_is_wanted_its_death_is_an_error(
    device: Device, plain: Path, problem: Callable[[Device], None]
) -> None:
    with Classifier(plain, delegate="edgetpu") as classifier:
        expected = classifier.classify(BLUE)
        problem(device)
        with pytest.raises(ModelError, match=r"absent|Failed to execute request.*; unplug the Edge TPU"):
            classifier.classify(BLUE)
        gc.collect()
        device.fails, device.absent = set(), False
        assert classifier.classify(BLUE) == expected


def test_one_that_keeps_dying_is_given_up_too(device: Device, plain: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edgetpu_pair, "STEADY", 5)
    with Classifier(plain, delegate="auto") as classifier:
        device.fails = {1, 7, 12}  # opened again, then good for five frames; opened again, then good for four

        def opened_after(frames: int) -> int:
            for _ in range(frames):
                assert classifier.classify(BLUE).label == "blue"
            return len(device.opened)

        assert [opened_after(1), opened_after(1), opened_after(4)] == [1, 2, 2]
        assert (opened_after(1), classifier.model.problem) == (3, None)
        assert opened_after(3) == 3
        assert classifier.model.problem is None
        assert opened_after(1) == 3
        assert classifier.model.problem is not None


OTHERS: dict[str, Callable[[ModelFile], ModelFile]] = {
    "manifests": lambda file: dataclasses.replace(file, manifest=dataclasses.replace(file.manifest, space="0" * 64)),  # type: ignore[type-var]  # it has one
    "labels": lambda file: dataclasses.replace(file, labels=file.labels[::-1]),
}


@pytest.mark.parametrize("what", OTHERS)
@pytest.mark.parametrize(("name", "delegate"), [("tiny", "auto"), ("tiny_edgetpu", "auto"), ("tiny", "edgetpu")])
def test_two_that_are_not_the_same_model_are_refused(
    device: Device, plain: Path, what: str, name: str, delegate: str
) -> None:
    change(plain, OTHERS[what])
    with pytest.raises(ModelError, match=f"not the same model: they have other {what}; compile it again"):
        Classifier(plain.with_stem(name), delegate=delegate)
    assert device.opened == []


def test_a_compiled_model_that_is_asked_for_alone_is_not_compared(device: Device, plain: Path) -> None:
    change(plain, OTHERS["labels"])
    with Classifier(twin(plain), delegate="edgetpu") as classifier:
        assert classifier.classify(BLUE).label == "blue"
    assert device.runs == 1


def test_a_failure_on_the_cpu_is_an_error_and_not_one_more_reason(
    device: Device, plain: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    device.absent = True
    with Classifier(plain, delegate="auto") as classifier:

        def invoke(_: StandIn) -> None:
            raise RuntimeError("no memory")

        monkeypatch.setattr(StandIn, "invoke", invoke)
        with pytest.raises(ModelError, match=r"tiny\.tflite fails when it runs"):
            classifier.classify(BLUE)
        assert caplog.messages == [classifier.model.problem]


def test_two_with_other_outputs_are_refused(device: Device, plain: Path, shared: Path) -> None:
    device.network = (shared / "models" / "mobilenet_v1_0.25_128_quant.tflite").read_bytes()
    with pytest.raises(ModelError, match="not the same model: they have other inputs and outputs"):
        Classifier(plain, delegate="auto")


def test_a_model_that_is_not_compiled_does_not_run_on_the_edge_tpu(device: Device, plain: Path) -> None:
    with pytest.raises(ModelError, match="is not compiled for the Edge TPU; run: edge-cls edgetpu compile"):
        Interpreter(read_model(plain).network, delegate="edgetpu")
    assert device.opened == []


def test_a_network_that_the_edge_tpu_does_not_take_is_a_clash_of_versions(
    device: Device, plain: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: object) -> None:
        raise RuntimeError("Node number 0 (EdgeTpuDelegateForCustomOp) failed to prepare")

    monkeypatch.setattr(litert, "_Backend", refuse)
    with pytest.raises(ModelError, match=r"failed to prepare.*; install a newer libedgetpu, built for this version"):
        Interpreter(read_model(twin(plain)).network, delegate="edgetpu")
    assert not device.held


def test_an_operator_that_is_unknown_only_when_it_runs_is_a_clash_of_versions_too(
    device: Device, plain: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def invoke(_: StandIn) -> None:
        raise RuntimeError("Encountered unresolved custom op: (null). (EdgeTpuDelegateForCustomOp) failed to invoke")

    monkeypatch.setattr(StandIn, "invoke", invoke)
    with Classifier(plain, delegate="auto") as classifier:
        assert "install a newer libedgetpu" in str(classifier.model.problem)
    assert device.opened == []


@pytest.mark.parametrize("delegate", ["gpu", "edgetpu:", "edgetpu:usb:", "edgetpu:usb:x", "EDGETPU", ""])
def test_a_delegate_that_does_not_exist_is_refused(plain: Path, delegate: str) -> None:
    with pytest.raises(ConfigError, match=r"there is no delegate.*; use none, auto, edgetpu"):
        Classifier(plain, delegate=delegate)


def test_an_edge_tpu_is_named_as_its_library_names_it() -> None:
    names = ("edgetpu", "edgetpu:usb", "edgetpu:usb:0", "edgetpu:pci:12")
    devices: list[dict[str, str]] = [{}, {"device": "usb"}, {"device": "usb:0"}, {"device": "pci:12"}]
    assert list(map(edge_tpu_options, names)) == devices


def test_the_outputs_are_those_of_the_device(device: Device, plain: Path) -> None:
    on_cpu = Interpreter(read_model(plain).network).invoke(PIXELS)
    on_device = Interpreter(read_model(twin(plain)).network, delegate="edgetpu").invoke(PIXELS)
    for one, other in zip(on_cpu, on_device, strict=True):
        np.testing.assert_array_equal(one, other)
    assert device.runs == 1
