"""A model, a memory of taught examples and a head: a frame in, a prediction out. The Python API.

with Classifier(memory="taught.db") as classifier:
    classifier.teach("mug", frame)
    print(classifier.classify(frame).label)
"""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, NamedTuple, Self, get_args

import numpy as np
from numpy.typing import NDArray

from edge_cls.core.labels import check_label
from edge_cls.core.quantization import QuantizedVector
from edge_cls.errors import ConfigError, SpaceMismatch
from edge_cls.images.preprocess import Frame
from edge_cls.learning.background import BackgroundLearner
from edge_cls.learning.coach import ExampleCheck, check_example
from edge_cls.learning.learner import HeadPrediction, LabeledEmbedding, Learner
from edge_cls.learning.open_set import UNKNOWN_DISTANCE
from edge_cls.memory.store import Changes, Example, Memory
from edge_cls.model.builtin import builtin_file
from edge_cls.model.file import read_model
from edge_cls.model.labels_file import read_labels
from edge_cls.model.model import Model, Outputs

Classes = Literal["model", "memory", "both"]
"""Whose classes count."""
RANKED = 100
"""How many of a model's own classes are told of a frame at most. All others have a score below a hundredth."""


class Score(NamedTuple):
    """A label and how sure the classifier is of it, in [0, 1]."""

    label: str
    score: float


@dataclass(frozen=True)
class Prediction:
    """What a frame shows: the classes in falling order of score, the best RANKED, and whether it is none of them.

    With `unknown` the scores still tell the nearest classes. A classifier without any class has no predictions.
    `value` is the number that a regression reads off the frame.
    """

    predictions: tuple[Score, ...]
    unknown: bool
    value: float | None = None

    @property
    def label(self) -> str | None:
        """The best label, also of an unknown frame; None where there is no class at all."""
        return self.predictions[0].label if self.predictions else None

    @property
    def score(self) -> float:
        """The score of the best label; 0 where there is no class at all."""
        return self.predictions[0].score if self.predictions else 0.0


@dataclass(frozen=True)
class Taught:
    """What became of a taught frame: the identity of its example, and what the coach says of it.

    `stored` is False for a copy, to the byte, of an example of the same class, which is the one named.
    """

    id: str
    stored: bool
    check: ExampleCheck


class Classifier:
    """Classifies frames by a model's own classes and by the classes taught to it.

    `model`: a `.tflite` file, the built-in backbone where it is None. `memory`: a file of taught examples, made where
    it does not exist. `labels`: the labels file of a model that has none inside. `threads` of the interpreter. `head`:
    how taught classes are told apart, "auto" or a name of `edge_cls.learning.heads`. `false_accept`: the share of
    strangers that may be taken for a taught class, between 0 and 1. `classes`: whose count, those of the "model", those
    in the "memory", or "both". `learn_in_background`: fits the heads in a background thread beside the
    frames, and not by the next frame, which is judged by what was known before; `settle` waits for it. `delegate`:
    the backend that runs the model, by a name of `edge_cls.backends.names`: "none" is the CPU, "auto" an accelerator if
    it can be used, otherwise the CPU.

    With "both" a frame that a taught class claims is that class; any other frame is what the model says, where the
    model has classes of its own. What another process teaches is seen with the next frame. Raises ModelError,
    LabelError and MemoryFileError; SpaceMismatch where the memory was taught with another backbone; ConfigError where
    the classes that are to count cannot be; MissingDependency if the library of the backend is missing.

    `classify` is `reload_changes`, `prepare`, `infer` and `decide`. `prepare` and `infer` may run in threads of their
    own; all other methods are for the thread that made the classifier.
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
        classes: Classes = "both",
        learn_in_background: bool = False,
        delegate: str = "none",
    ) -> None:
        if classes not in get_args(Classes):
            raise ConfigError(f"there are no classes {classes!r}", hint=f"use one of {', '.join(get_args(Classes))}")
        if classes == "memory" and memory is None:
            raise ConfigError("the classes of the memory are to count, but there is none", hint="give a memory file")
        path = builtin_file("edge-embed.tflite") if model is None else Path(model)
        self.model = Model(
            read_model(path),
            labels=() if labels is None else read_labels(Path(labels)),
            threads=threads,
            delegate=delegate,
        )
        if classes == "model" and not self.model.classifies:
            raise ConfigError(
                f"the classes of the model are to count, but {path} has none", hint="use those of the memory, or both"
            )
        self._classes = classes
        self._labels = np.array(self.model.labels, object)
        manifest = self.model.file.manifest
        unknown_distance = manifest.stranger_distance if manifest else None
        self.learner = Learner(
            head=head,
            false_accept=false_accept,
            unknown_distance=UNKNOWN_DISTANCE if unknown_distance is None else unknown_distance,
        )
        self.memory: Memory | None = None
        self._behind = False  # the memory has changes that the learner does not know
        with contextlib.ExitStack() as on_failure:
            on_failure.callback(self.model.close)
            if memory is not None:
                self.memory = Memory(Path(memory))
                on_failure.callback(self.memory.close)
                self._recall(self.memory)
            on_failure.pop_all()
        self._background = BackgroundLearner(self.learner) if learn_in_background and self.memory is not None else None

    def classify(self, frame: Frame) -> Prediction:
        """Return what an RGB frame, uint8 (height, width, 3), shows."""
        self.reload_changes()
        return self.decide(self.infer(self.prepare(frame)))

    def prepare(self, frame: Frame, into: Frame | None = None) -> Frame:
        """Return the pixels of an RGB frame that enter the model, written into `into` where its shape fits."""
        return self.model.prepare(frame, into)

    def infer(self, pixels: Frame) -> Outputs:
        """Return the raw outputs of the model for pixels that `prepare` gave: one invoke, and nothing else."""
        return self.model.run(pixels)

    def reload_changes(self) -> None:
        """Learn what was taught, moved or forgotten since the last look, here or by another process.

        Raises MemoryFileError.
        """
        if self.memory is None:
            return
        behind, self._behind = self._behind, True  # until all of it is learnt: what was told once is not told again
        changes = self.memory.changes()
        if behind or changes.reload or changes.removed or changes.upserted:
            with self._background.changing() if self._background else contextlib.nullcontext():
                self._learn(changes, self.memory, anew=behind or changes.reload)
        self._behind = False

    def settle(self) -> None:
        """Return once frames are judged by all that `reload_changes` learnt."""
        if self._background is not None:
            self._background.settle()

    def decide(self, outputs: Outputs) -> Prediction:
        """Return what raw outputs mean, by what is known: the memory's file is not looked at."""
        inference = self.model.interpret(outputs)
        taught = None
        if self._classes != "model" and len(self.learner) and inference.embedding is not None:
            taught = self._by_memory(inference.embedding)
        if self._classes != "memory" and inference.probability is not None and (taught is None or taught.unknown):
            return self._by_model(inference.probability)
        return taught or Prediction((), unknown=True)

    def teach(self, label: str, frame: Frame) -> Taught:
        """Learn that `frame` shows `label`. Returns once the example is on the disk.

        Raises LabelError for a label that is none, and MemoryFileError where it could not be stored.
        """
        label = check_label(label)
        if self.memory is None:
            raise ValueError("this classifier has no memory: give Classifier(memory=...)")
        self.learner.check(label)
        self.reload_changes()
        crop = self.model.crop(frame)
        embedding = self.model.embed(crop)
        check = check_example(self.learner, label, embedding, self._predict(embedding))
        for copy in check.examples if check.verdict == "duplicate" else ():
            if self.memory.crop(copy.id) == crop:
                return Taught(copy.id, False, check)
        identity = self.memory.add(label, embedding, space=self.model.space, crop=crop, taught_at=time.time())
        self.reload_changes()
        return Taught(identity, True, check)

    def taught(self) -> dict[str, int]:
        """Return the taught labels, in the order in which they came, and how many examples each has."""
        return self.learner.classes()

    def close(self) -> None:
        """Close the memory, end the thread that studies, and release the device of the model. Closing twice is safe."""
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
        examples = memory.examples()
        if examples and not self.model.teachable:
            raise no_embedding(memory.path, self.model.file.path)
        if examples and memory.space != self.model.space:
            raise SpaceMismatch(
                f"{memory.path} was taught with another backbone ({str(memory.space)[:12]}) "
                f"than {self.model.file.path} ({self.model.space[:12]})",
                hint="use the model that it was taught with, or 'edge-cls memory reembed --model' with this one",
            )
        self.learner.fit(map(_labeled, examples))

    def _learn(self, changes: Changes, memory: Memory, *, anew: bool) -> None:
        if anew or memory.space != self.model.space:
            self._recall(memory)
            return
        # What came and went since the last look was never learnt.
        for identity in (*changes.removed, *(example.id for example in changes.upserted)):
            if identity in self.learner:
                self.learner.remove(identity)
        for example in changes.upserted:
            self.learner.add(_labeled(example))

    def _predict(self, embedding: QuantizedVector) -> HeadPrediction:
        return (self._background or self.learner).predict(embedding)

    def _by_memory(self, embedding: QuantizedVector) -> Prediction:
        prediction = self._predict(embedding)
        return Prediction(_ranked(prediction.scores), prediction.unknown, prediction.value)

    def _by_model(self, probability: NDArray[np.float32]) -> Prediction:
        # A model may have a thousand classes, and most of them have nothing to do with the frame.
        best = np.sort(np.argpartition(-probability, RANKED)[:RANKED]) if len(probability) > RANKED else slice(None)
        order = np.arange(len(probability))[best]
        order = order[np.argsort(-probability[order], kind="stable")]
        ranked = zip(self._labels[order].tolist(), probability[order].tolist(), strict=True)
        predictions = tuple(map(Score._make, ranked))
        manifest = self.model.file.manifest
        floor = manifest.unknown_below if manifest else None
        return Prediction(predictions, unknown=floor is not None and predictions[0].score < floor)


def _ranked(scores: dict[str, float]) -> tuple[Score, ...]:
    return tuple(Score(label, score) for label, score in sorted(scores.items(), key=lambda item: -item[1]))


def _labeled(example: Example) -> LabeledEmbedding:
    return LabeledEmbedding(example.id, example.label, example.embedding)


def no_embedding(memory: Path, model: Path) -> SpaceMismatch:
    """Return what is wrong with a memory of examples beside a model that has no embedding to compare them by."""
    return SpaceMismatch(
        f"{memory} holds taught examples, but {model} has no embedding",
        hint="use the model as it was taught, without --labels, or another memory file",
    )
