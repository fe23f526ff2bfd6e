"""The Python API: classifies frames with a model and a memory of taught examples.

with Classifier(memory="taught.db") as classifier:
    classifier.teach("mug", frame)
    print(classifier.classify(frame).label)
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, Self, get_args

import numpy as np
from numpy.typing import NDArray

from edge_cls.core.labeled_embedding import LabeledEmbedding
from edge_cls.core.labels import check_label
from edge_cls.core.quantization import QuantizedVector
from edge_cls.errors import ConfigError, SpaceMismatch
from edge_cls.images.preprocess import Frame
from edge_cls.learning.background import BackgroundLearner
from edge_cls.learning.coach import ExampleCheck, check_example
from edge_cls.learning.learner import HeadPrediction, Learner
from edge_cls.memory.copies import GreyCopies
from edge_cls.memory.store import Changes, Memory
from edge_cls.model.backbones import load_model
from edge_cls.model.labels_file import read_labels
from edge_cls.model.model import Model, Outputs
from edge_cls.prediction import Prediction, Score, best_of, ranked

__all__ = ["Classes", "Classifier", "Prediction", "Score", "Taught", "no_embedding"]

Augmentation = Literal["grey"]
"""The altered copies of examples that can be learnt."""
Classes = Literal["model", "memory", "both"]
"""The classes that a prediction may name: those of the model, those in the memory, or both."""


@dataclass(frozen=True)
class Taught:
    """The result of teaching a frame: the id of its example, and the coach's check of it.

    `stored` is False if an identical example of the same class was stored already; `id` is then the id of that one.
    """

    id: str
    stored: bool
    check: ExampleCheck


class Classifier:
    """Classifies frames by a model's own classes and by the classes taught to it.

    `model`: a `.tflite` file, or the name of a backbone, one of `edge_cls.model.names.NAMES`. The default is the
    backbone that the memory was taught on, and lite0-160 if nothing was taught yet; `load_model` describes both.
    `memory`: a file of taught examples, which is created if it does not exist. `labels`: the labels file, if the model
    contains no labels. `threads`: threads of the interpreter. `head`: the head for taught classes, a name of
    `edge_cls.learning.heads.names.HEAD_NAMES`. `false_accept`: the rate of pictures of quite other things that may be
    taken for a taught class, in (0, 1). `closed_set`: the classes are all that a frame can show, so no frame is
    unknown, and `false_accept` has no effect. `classes`: the classes that a prediction may name, those of the "model",
    those in the "memory", or "both". `learn_in_background`: fit the head in a background thread; until that is done,
    frames are classified without the latest changes (`settle` waits for it). If it is False, the next frame waits for
    the fit. `delegate`: the backend that runs the model, a name of `edge_cls.backends.names`: "none" is the CPU, "auto"
    an accelerator if it can be used, otherwise the CPU. `augment`: altered copies of examples that are learnt as well,
    names of `Augmentation`: "grey" is for a camera that sees no colour at night.

    With "both", a frame gets a taught class if it is not unknown to the memory, and the prediction of the model
    otherwise, if the model has classes. The next frame sees the changes that other processes have made to the memory.

    Raises ModelError, LabelError or MemoryFileError for an invalid file; SpaceMismatch if the memory was taught with
    another backbone; ConfigError if `classes` cannot be used; MissingDependency if the library of the backend is
    missing.

    `classify` calls `reload_changes`, `prepare`, `infer` and `decide`. `prepare` and `infer` may run in other threads;
    all other methods are for the thread that made the classifier.
    """

    def __init__(
        self,
        model: str | os.PathLike[str] | None = None,
        *,
        memory: str | os.PathLike[str] | None = None,
        labels: str | os.PathLike[str] | None = None,
        threads: int | None = None,
        head: str = "auto",
        false_accept: float = 0.05,
        closed_set: bool = False,
        classes: Classes = "both",
        learn_in_background: bool = False,
        delegate: str = "none",
        augment: Sequence[str] = (),
    ) -> None:
        if classes not in get_args(Classes):
            raise ConfigError(f"unknown classes {classes!r}", hint=f"use one of {', '.join(get_args(Classes))}")
        if unknown := set(augment) - set(get_args(Augmentation)):
            raise ConfigError(f"unknown copies {min(unknown)!r}", hint=f"use {' or '.join(get_args(Augmentation))}")
        if classes == "memory" and memory is None:
            raise ConfigError("--classes memory needs a memory, but none is given", hint="give a memory file")
        self.memory: Memory | None = None
        self._copies: GreyCopies | None = None
        self._incomplete = False  # the learner may lack changes of the memory that were already read
        with contextlib.ExitStack() as on_failure:
            # A memory that exists chooses the model; one that does not is only created once the model is ready.
            if model is None and memory is not None and _is_there(Path(memory)):
                self.memory = on_failure.enter_context(Memory(Path(memory)))
            self.model = Model(
                load_model(model, space=None if self.memory is None else self.memory.space),
                labels=() if labels is None else read_labels(Path(labels)),
                threads=threads,
                delegate=delegate,
            )
            on_failure.callback(self.model.close)
            if classes == "model" and not self.model.classifies:
                raise ConfigError(
                    f"--classes model needs labels, and {self.model.file.path} has none",
                    hint="use --classes memory or --classes both",
                )
            self._classes = classes
            self._closed_set = closed_set
            self._labels = np.array(self.model.labels, object)
            manifest = self.model.file.manifest
            self.learner = Learner(
                head=head,
                bank=self.model.file.bank,
                false_accept=false_accept,
                closed_set=closed_set,
                unknown_distance=manifest.stranger_distance if manifest else None,
            )
            if memory is not None:
                self.memory = self.memory or on_failure.enter_context(Memory(Path(memory)))
                if "grey" in augment:
                    self._copies = GreyCopies(
                        self.memory, self.model.space, lambda frame: self.model.infer(frame).embedding
                    )
                self._recall(self.memory)
            on_failure.pop_all()
        self._background = BackgroundLearner(self.learner) if learn_in_background and self.memory is not None else None

    def classify(self, frame: Frame) -> Prediction:
        """Return the prediction for an RGB frame, uint8 (height, width, 3)."""
        self.reload_changes()
        return self.decide(self.infer(self.prepare(frame)))

    def prepare(self, frame: Frame, into: Frame | None = None) -> Frame:
        """Return the model's input for an RGB frame, written into `into` if its shape fits."""
        return self.model.prepare(frame, into)

    def infer(self, pixels: Frame) -> Outputs:
        """Return the raw outputs of the model for the pixels of `prepare`: one invoke, and nothing else."""
        return self.model.run(pixels)

    def reload_changes(self) -> None:
        """Learn the changes of the memory since the last call, of this and other processes.

        Raises MemoryFileError if the memory cannot be read.
        """
        if self.memory is None:
            return
        # The memory reports a change only once: if learning it fails, the next call reloads all examples.
        reload, self._incomplete = self._incomplete, True
        changes = self.memory.changes()
        if reload or changes:
            with self._background.changing() if self._background else contextlib.nullcontext():
                self._learn(changes, self.memory, reload=reload or changes.reload)
        self._incomplete = False

    def settle(self) -> None:
        """Wait until frames are classified with all changes that `reload_changes` has read."""
        if self._background is not None:
            self._background.settle()

    def decide(self, outputs: Outputs) -> Prediction:
        """Return the prediction for raw outputs by the examples already loaded; the memory's file is not read."""
        inference = self.model.interpret(outputs)
        taught = None
        if self._classes != "model" and len(self.learner) and inference.embedding is not None:
            taught = self._by_memory(inference.embedding)
        if self._classes != "memory" and inference.probability is not None and (taught is None or taught.unknown):
            return self._by_model(inference.probability)
        return taught or Prediction((), known=0.0)

    def teach(self, label: str, frame: Frame) -> Taught:
        """Learn that `frame` shows `label`. Returns once the example is on the disk.

        Raises LabelError if `label` is not a valid label, MemoryFileError if the example cannot be stored, and
        ValueError if the classifier has no memory.
        """
        label = check_label(label)
        if self.memory is None:
            raise ValueError("this classifier has no memory: give Classifier(memory=...)")
        self.learner.check(label)
        self.reload_changes()
        crop = self.model.crop(frame)
        embedding = self.model.embed(crop)
        check = check_example(self.learner, label, embedding)
        for copy in check.examples if check.verdict == "duplicate" else ():
            if self.memory.crop(copy.id) == crop:
                return Taught(copy.id, False, check)
        identity = self.memory.add(label, embedding, space=self.model.space, crop=crop, taught_at=time.time())
        self.reload_changes()
        return Taught(identity, True, check)

    def taught(self) -> dict[str, int]:
        """Return the number of examples of each taught label, in the order in which the labels were taught."""
        return self.learner.classes()

    def close(self) -> None:
        """Close the memory, end the background thread, and release the device. Closing twice is safe."""
        if self._background is not None:
            self._background.close()
        self.model.close()
        if self.memory is not None:
            self.memory.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _recall(self, memory: Memory) -> None:
        examples = memory.embeddings()
        if examples and not self.model.teachable:
            raise no_embedding(memory.path, self.model.file.path)
        if examples and memory.space != self.model.space:
            raise SpaceMismatch(
                f"{memory.path} was taught with another backbone ({str(memory.space)[:12]}) "
                f"than {self.model.file.path} ({self.model.space[:12]})",
                hint="use the model that it was taught with, or run 'edge-cls memory reembed --model' with this one",
            )
        self.learner.fit(self._with_copies(examples))

    def _learn(self, changes: Changes, memory: Memory, *, reload: bool) -> None:
        if reload or memory.space != self.model.space:
            self._recall(memory)
            return
        # An example that was added and removed since the last call was never learnt.
        for identity in (*changes.removed, *(example.id for example in changes.upserted)):
            if identity in self.learner:
                self.learner.remove(identity)
        for example in self._with_copies(changes.upserted):
            self.learner.add(example)

    def _with_copies(self, examples: Sequence[LabeledEmbedding]) -> list[LabeledEmbedding]:
        return [*examples, *(self._copies.of(examples) if self._copies is not None else ())]

    def _predict(self, embedding: QuantizedVector) -> HeadPrediction:
        return (self._background or self.learner).predict(embedding)

    def _by_memory(self, embedding: QuantizedVector) -> Prediction:
        prediction = self._predict(embedding)
        return Prediction(ranked(prediction.scores), prediction.known, prediction.nearest, prediction.value)

    def _by_model(self, probability: NDArray[np.float32]) -> Prediction:
        predictions = best_of(self._labels, probability)
        manifest = self.model.file.manifest
        floor = manifest.unknown_below if manifest and not self._closed_set else None
        return Prediction(predictions, known=0.0 if floor is not None and predictions[0].score < floor else 1.0)


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except PermissionError:  # opening the memory explains it
        return False


def no_embedding(memory: Path, model: Path) -> SpaceMismatch:
    """Return the error for a memory with examples and a model that has no embedding to compare them."""
    return SpaceMismatch(
        f"{memory} has taught examples, but {model} has no embedding",
        hint="use the model that the memory was taught with, without --labels, or another memory file",
    )
