"""Models on an accelerator, or on the CPU as a fallback. The accelerator is a fake or a library for libedgetpu."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_cls import Classifier
from edge_cls.backends.backend import Engine, open_backend
from edge_cls.backends.litert import Interpreter
from edge_cls.backends.names import BACKENDS
from edge_cls.errors import ConfigError, ModelError
from edge_cls.model.engines import FallbackEngine, ReopeningEngine, open_engine
from edge_cls.model.file import ModelFile, read_model, write_model
from tests import toy_model
from tests.colors import COLORS
from tests.edge_tpu_library import edge_tpu, edge_tpu_library, library_in_place
from tests.fake_backend import Device, FakeEngine, fake_backend, write_pair

BLUE = np.full((40, 40, 3), COLORS["blue"], np.uint8)
PIXELS: NDArray[np.uint8] = np.random.default_rng(0).integers(0, 256, (32, 32, 3)).astype(np.uint8)


@pytest.fixture
def device(tiny: Path) -> Iterator[Device]:
    """A fake in place of the Edge TPU."""
    with fake_backend("edgetpu", BACKENDS["edgetpu"], Device(read_model(tiny).network)) as device:
        yield device


@pytest.fixture
def plain(tiny: Path, tmp_path: Path) -> Path:
    """A model file with the compiled file beside it."""
    return write_pair(tiny, tmp_path / "tiny.tflite", "edgetpu")


def twin(plain: Path) -> Path:
    return plain.with_stem("tiny_edgetpu")


def change(path: Path, change: Callable[[ModelFile], ModelFile]) -> None:
    write_model(change(read_model(path)))


def engine_with(library: str, file: ModelFile, delegate: str) -> Engine:
    """Return the engine that runs `file`, with `library` for libedgetpu."""
    with library_in_place(library):
        return open_engine(file, delegate=delegate)


def test_without_a_device_the_hint_says_how_to_connect_it(plain: Path, tmp_path: Path) -> None:
    file, library = read_model(plain), edge_tpu_library(tmp_path, create="return NULL;")
    with pytest.raises(ModelError, match=r"no Edge TPU can be opened \(edgetpu:pci:1\).*plug it in again.*plugdev"):
        engine_with(library, file, "edgetpu:pci:1")
    assert "no Edge TPU can be opened" in str(engine_with(library, file, "auto").problem)


@pytest.mark.parametrize("delegate", ["auto", "edgetpu"])
def test_a_delegate_that_fails_in_the_real_interpreter_is_opened_again(
    plain: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, delegate: str
) -> None:
    running = engine_with(edge_tpu_library(tmp_path, fails="n == 1"), read_model(plain), delegate)
    for _ in range(5):
        assert [output.shape for output in running.invoke(PIXELS)] == [output.shape[1:] for output in running.outputs]
    assert running.problem is None
    assert len(caplog.messages) == 1
    assert "failed to invoke" in caplog.text


def test_the_real_interpreter_releases_a_delegate_that_keeps_failing(plain: Path, tmp_path: Path) -> None:
    library = edge_tpu_library(tmp_path, fails="n > 0")
    compiled_file = read_model(twin(plain))
    alone = engine_with(library, compiled_file, "edgetpu")
    alone.close()
    running = engine_with(library, compiled_file, "auto")
    on_cpu = Interpreter(read_model(plain).network).invoke(PIXELS)
    running.invoke(PIXELS)
    assert running.problem is None
    for _ in range(3):
        for one, other in zip(running.invoke(PIXELS), on_cpu, strict=True):
            np.testing.assert_array_equal(one, other)
    assert "fails when it runs" in str(running.problem)
    with pytest.raises(ModelError, match="fails when it runs"):
        # If the device were still held, it could not be opened.
        edge_tpu(library).open(compiled_file.network).invoke(PIXELS)


def test_a_published_pair_falls_back_to_the_cpu(shared: Path) -> None:
    model = shared / "models" / "mobilenet_v1_0.25_128_quant.tflite"
    pixels: NDArray[np.uint8] = np.random.default_rng(0).integers(0, 256, (128, 128, 3)).astype(np.uint8)
    expected = open_engine(read_model(model)).invoke(pixels)
    for path in (model, model.with_stem(f"{model.stem}_edgetpu")):
        running = engine_with("libedgetpu-of-nowhere.so.1", read_model(path), "auto")
        assert "libedgetpu-of-nowhere" in str(running.problem)
        for one, other in zip(running.invoke(pixels), expected, strict=True):
            np.testing.assert_array_equal(one, other)


def test_two_embeddings_of_files_without_manifests_are_refused_as_not_comparable(shared: Path, tmp_path: Path) -> None:
    for name in ("mobilenet_v1_0.25_128_quant.tflite", "mobilenet_v1_0.25_128_quant_edgetpu.tflite"):
        (tmp_path / name).write_bytes(read_model(shared / "models" / name).network)
    for path in tmp_path.iterdir():
        with pytest.raises(ModelError, match=r"without manifests, the embeddings.*cannot be known to be comparable"):
            Classifier(path, delegate="auto")


@pytest.mark.parametrize("delegate", ["auto", "edgetpu", "edgetpu:usb:0"])
@pytest.mark.parametrize("name", ["tiny", "tiny_edgetpu"])
def test_either_file_of_a_pair_runs_on_the_edge_tpu(device: Device, plain: Path, delegate: str, name: str) -> None:
    expected = Classifier(plain).classify(BLUE)
    with Classifier(plain.with_stem(name), delegate=delegate) as classifier:
        assert classifier.classify(BLUE) == expected
        assert classifier.model.problem is None
    assert device.runs == 1
    assert device.opened == ["edgetpu" if delegate == "auto" else delegate]


def test_closing_a_classifier_releases_the_edge_tpu(device: Device, plain: Path) -> None:
    classifier = Classifier(plain, delegate="edgetpu")
    held = device.held
    assert held
    classifier.close()
    classifier.close()
    assert not device.held


def test_classes_taught_on_the_cpu_are_recognised_on_the_edge_tpu(device: Device, plain: Path, tmp_path: Path) -> None:
    with Classifier(plain, memory=tmp_path / "taught.db") as classifier:
        classifier.teach("sky", BLUE)
    for path in (plain, twin(plain)):
        with Classifier(path, memory=tmp_path / "taught.db", delegate="auto") as classifier:
            assert classifier.classify(BLUE).label == "sky"
    assert device.runs == 2


def test_without_an_edge_tpu_the_cpu_takes_over_with_a_warning(
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


def test_a_damaged_counterpart_counts_as_missing(device: Device, plain: Path) -> None:
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


def test_without_a_model_for_the_cpu_a_failure_is_an_error(device: Device, plain: Path) -> None:
    plain.unlink()
    with Classifier(twin(plain), delegate="auto") as classifier:
        assert classifier.classify(BLUE).label == "blue"
        device.absent, device.fails = True, {1}
        with pytest.raises(ModelError, match="absent"):
            classifier.classify(BLUE)
    with pytest.raises(ModelError, match="absent"):
        Classifier(twin(plain), delegate="auto")


@pytest.mark.parametrize("delegate", ["auto", "edgetpu"])
def test_an_edge_tpu_that_fails_is_opened_again_and_classifies_the_same_frame(
    device: Device, plain: Path, delegate: str, caplog: pytest.LogCaptureFixture
) -> None:
    with Classifier(plain, delegate=delegate) as classifier:
        expected = classifier.classify(BLUE)
        device.fails = {1}
        assert classifier.classify(BLUE) == expected
        assert classifier.model.problem is None
    assert len(device.opened) == 2
    assert [message.split(":")[0] for message in caplog.messages] == ["the Edge TPU is opened again"]
    assert "no answer" in caplog.text


def fail_twice(device: Device) -> None:
    device.fails = {1, 2}


def unplug(device: Device) -> None:
    device.fails, device.absent = {1}, True


@pytest.mark.parametrize("failure", [fail_twice, unplug])
def test_an_edge_tpu_that_keeps_failing_is_given_up_for_good(
    device: Device, plain: Path, failure: Callable[[Device], None], caplog: pytest.LogCaptureFixture
) -> None:
    with Classifier(plain, delegate="auto") as classifier:
        expected = classifier.classify(BLUE)
        failure(device)
        assert classifier.classify(BLUE) == expected
        assert str(classifier.model.problem).startswith("on the CPU, not on the Edge TPU: ")
        assert caplog.messages[-1] == classifier.model.problem
        device.fails, device.absent = set(), False
        runs = device.runs
        assert classifier.classify(BLUE) == expected
        assert (device.runs, device.held) == (runs, False)


@pytest.mark.parametrize("failure", [fail_twice, unplug])
def test_a_failure_is_an_error_if_only_the_edge_tpu_is_allowed(
    device: Device, plain: Path, failure: Callable[[Device], None]
) -> None:
    with Classifier(plain, delegate="edgetpu") as classifier:
        expected = classifier.classify(BLUE)
        failure(device)
        with pytest.raises(ModelError, match=r"absent|no answer"):
            classifier.classify(BLUE)
        device.fails, device.absent = set(), False
        assert classifier.classify(BLUE) == expected


def test_an_edge_tpu_that_fails_again_too_soon_is_given_up(device: Device, plain: Path) -> None:
    file, backend = read_model(plain), open_backend("edgetpu")
    network = read_model(twin(plain)).network
    running = FallbackEngine(
        lambda: ReopeningEngine(lambda: backend.open(network), title="the device", steady=5),
        open_engine(file),
        title="the device",
    )
    expected = open_engine(file).invoke(PIXELS)
    device.fails = {1, 7, 12}  # opened again, then good for five frames; opened again, then good for four

    def opened_after(frames: int) -> int:
        for _ in range(frames):
            for one, other in zip(running.invoke(PIXELS), expected, strict=True):
                np.testing.assert_array_equal(one, other)
        return len(device.opened)

    assert [opened_after(1), opened_after(1), opened_after(4)] == [1, 2, 2]
    assert (opened_after(1), running.problem) == (3, None)
    assert opened_after(3) == 3
    assert running.problem is None
    assert opened_after(1) == 3
    assert running.problem is not None


OTHERS: dict[str, Callable[[ModelFile], ModelFile]] = {
    "manifests": lambda file: dataclasses.replace(file, manifest=dataclasses.replace(file.manifest, space="0" * 64)),  # type: ignore[type-var]  # it has one
    "labels": lambda file: dataclasses.replace(file, labels=file.labels[::-1]),
}


@pytest.mark.parametrize("part", OTHERS)
@pytest.mark.parametrize(("name", "delegate"), [("tiny", "auto"), ("tiny_edgetpu", "auto"), ("tiny", "edgetpu")])
def test_a_pair_of_different_models_is_refused(
    device: Device, plain: Path, part: str, name: str, delegate: str
) -> None:
    change(plain, OTHERS[part])
    with pytest.raises(ModelError, match=f"not the same model: their {part} differ; compile it again"):
        Classifier(plain.with_stem(name), delegate=delegate)
    assert device.opened == []


def test_a_compiled_model_that_is_opened_alone_is_not_compared(device: Device, plain: Path) -> None:
    change(plain, OTHERS["labels"])
    with Classifier(twin(plain), delegate="edgetpu") as classifier:
        assert classifier.classify(BLUE).label == "blue"
    assert device.runs == 1


def test_a_failure_on_the_cpu_is_an_error_and_does_not_change_the_problem(
    device: Device, plain: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cpu = Device()
    device.absent, cpu.fails = True, {0}
    backend = open_backend("edgetpu")
    running = FallbackEngine(
        lambda: backend.open(read_model(twin(plain)).network),
        FakeEngine(Interpreter(read_model(plain).network, name="tiny.tflite"), cpu),
        title="the device",
    )
    with pytest.raises(ModelError, match=r"tiny\.tflite fails when it runs"):
        running.invoke(PIXELS)
    assert caplog.messages == [running.problem]


def test_a_pair_with_different_outputs_is_refused(device: Device, plain: Path, tmp_path: Path) -> None:
    device.network = toy_model.write_mean_color(tmp_path / "mean.tflite", side=32).read_bytes()
    with pytest.raises(ModelError, match="not the same model: their inputs and outputs differ"):
        Classifier(plain, delegate="auto")


@pytest.mark.parametrize("delegate", ["gpu", "edgetpu:", "edgetpu:usb:", "edgetpu:usb:x", "EDGETPU", ""])
def test_a_delegate_that_does_not_exist_is_refused(plain: Path, delegate: str) -> None:
    with pytest.raises(ConfigError, match=r"there is no delegate.*; use none, auto, edgetpu"):
        Classifier(plain, delegate=delegate)
