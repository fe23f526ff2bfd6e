"""Accuracy of the linear head of a memory, beside the head that a memory uses itself and softmax regression.

    python tools/benchmarks/linear_head.py "$(edge-cls models path lite0-160)" FLOWERS TRASH --shots 5,20

All classify the same queries by the same examples. Softmax regression, scikit-learn's, is fitted with several strengths
of regularisation, and its figures are those of the strength that is best on the queries of each trial, which no user
can know. `loss` is the mean negative log-likelihood of the true class.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer

from edge_cls.cli.native_stderr import quiet_native_libraries

if TYPE_CHECKING:
    from edge_cls_tools.evaluation.embedded_set import EmbeddedSet
    from edge_cls_tools.evaluation.fewshot import Trial

COLUMNS = ("data set", "shots", "auto", "linear head", "loss", "softmax regression", "loss")
C_VALUES = (3.0, 10.0, 30.0, 100.0, 300.0)
"""Values of scikit-learn's C for normalised embeddings with mean squared distance 1 from their mean."""


def main(
    model: Annotated[Path, typer.Argument(help="A .tflite model with an embedding.")],
    data: Annotated[list[Path], typer.Argument(help="Data sets: one folder per class.")],
    shots: Annotated[str, typer.Option(help="Examples of each class, separated by commas.")] = "5,20",
    ways: Annotated[int, typer.Option(min=2, help="Classes in a trial.")] = 10,
    trials: Annotated[int, typer.Option(min=1, help="Number of trials.")] = 20,
) -> None:
    """Print the table in Markdown."""
    with quiet_native_libraries():
        from edge_cls.model.file import read_model
        from edge_cls_tools.evaluation.embedded_set import DeviceModel, embed_set
        from edge_cls_tools.evaluation.fewshot import draw_trials

        embedder = DeviceModel(read_model(model))
        typer.echo(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}")
        for folder in data:
            embedded = embed_set(embedder, folder, advance=lambda _: None)
            for count in map(int, shots.split(",")):
                drawn = draw_trials(embedded, ways=ways, shots=count, trials=trials)
                auto, linear, loss, softmax, other = np.mean([_compare(embedded, trial) for trial in drawn], axis=0)
                row = f"{auto:.1%} | {linear:.1%} | {loss:.3f} | {softmax:.1%} | {other:.3f}"
                typer.echo(f"| {folder.name} | {count} | {row} |")


def _compare(data: EmbeddedSet, trial: Trial) -> tuple[float, float, float, float, float]:
    """Return the accuracy of `auto`, and accuracy and loss of the linear head and of softmax regression."""
    from sklearn.linear_model import LogisticRegression

    from edge_cls.core.labeled_embedding import LabeledEmbedding
    from edge_cls.core.unit_vectors import unit_rows
    from edge_cls.learning.heads.calibration import losses
    from edge_cls.learning.heads.examples import Examples
    from edge_cls.learning.learner import Learner
    from edge_cls.learning.linear import fit_linear

    learner, examples = Learner(), Examples()
    for number, (label, photo) in enumerate(trial.taught):
        learner.add(LabeledEmbedding(str(number), str(label), data.embeddings[photo]))
        examples.append(data.embeddings[photo], str(label))
    truth = np.array([label for label, _ in trial.queries])
    queries = np.stack([data.embeddings[photo].dequantize() for _, photo in trial.queries])
    scores = [learner.predict(data.embeddings[photo]).scores for _, photo in trial.queries]
    auto = np.mean([max(one, key=one.__getitem__) == str(label) for one, label in zip(scores, truth, strict=True)])
    head = fit_linear(examples)
    logits = (queries @ head.kernel + head.bias).astype(np.float64)
    units = unit_rows(examples.vectors.rows())
    mean = units.mean(axis=0)
    scale = np.sqrt(np.square(units - mean).sum(axis=1).mean())
    best, best_loss = 0.0, np.inf
    for c in C_VALUES:
        regression = LogisticRegression(C=c, max_iter=300).fit((units - mean) / scale, examples.targets)
        predicted = regression.predict_proba((unit_rows(queries) - mean) / scale)
        best = max(best, float((predicted.argmax(axis=1) == truth).mean()))
        best_loss = min(best_loss, float(-np.log(predicted[np.arange(len(truth)), truth]).mean()))
    return (
        float(auto),
        float((logits.argmax(axis=1) == truth).mean()),
        float(losses(logits, truth, 1.0).mean()),
        best,
        best_loss,
    )


if __name__ == "__main__":
    typer.run(main)
