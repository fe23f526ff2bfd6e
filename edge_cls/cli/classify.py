"""`edge-cls classify`: photos to labels, with the classes of a model and those in a memory."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge_cls.cli.json_output import print_json
from edge_cls.cli.memory.opened import existing_file
from edge_cls.cli.native_stderr import quiet_native_libraries
from edge_cls.cli.options import JsonOption, LabelsOption, ModelArgument, PhotosArgument
from edge_cls.cli.photos import classify_photos

if TYPE_CHECKING:
    from edge_cls.classifier import Prediction


def classify(
    model: ModelArgument,
    images: PhotosArgument,
    labels: LabelsOption = None,
    memory: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            readable=False,
            help="File of taught examples, whose classes count as well as those of the model.",
            show_default=False,
        ),
    ] = None,
    top: Annotated[int, typer.Option(metavar="N", min=1, max=100, help="Number of classes to show.")] = 5,
    as_json: JsonOption = False,
) -> None:
    """Classify photos with the classes of a model.

    Example:
      edge-cls classify model.tflite photo1.jpg photo2.jpg --top 3
    """
    from edge_cls.classifier import Classifier
    from edge_cls.core.neighbour import neighbour_fields
    from edge_cls.errors import ModelError, one_line

    with (
        quiet_native_libraries(),
        Classifier(model, labels=labels, memory=memory and existing_file(memory)) as classifier,
    ):
        if not classifier.model.classifies and not classifier.taught():
            raise ModelError(
                f"{model} has no labels inside" + (f", and nothing was taught to {memory}" if memory else ""),
                hint="give its labels file (--labels), or use 'edge-cls teach' and 'run'",
            )
        classified, code = classify_photos(classifier, images)
    if as_json:
        document = [
            {
                "file": str(image),
                "predictions": [
                    {"label": one.label, "score": round(one.score, 6)} for one in prediction.predictions[:top]
                ],
                "known": round(prediction.known, 6),
                "unknown": prediction.unknown,
                "unsure": prediction.unsure,
                "nearest": neighbour_fields(prediction.nearest),
            }
            for image, prediction in classified
        ]
        print_json({"photos": document})
    else:
        for image, prediction in classified:
            typer.echo(f"{one_line(str(image))}{_remark(prediction)}")
            for one in prediction.predictions[:top]:
                typer.echo(f"  {one.score:6.1%}  {one_line(one.label)}")
    if code:
        raise typer.Exit(code)


def _remark(prediction: Prediction) -> str:
    if prediction.unknown:
        return "  unknown, nearest:"
    if prediction.unsure:
        return "  unsure, between the first two:"
    return "  nothing (background)" if prediction.shows_background else ""
