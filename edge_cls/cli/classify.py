"""`edge-cls classify`: photos to labels, with the classes of a model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edge_cls.cli.json_output import print_json
from edge_cls.cli.native_stderr import quiet_native_libraries
from edge_cls.cli.options import JsonOption, LabelsOption, ModelArgument, PhotosArgument


def classify(
    model: ModelArgument,
    images: PhotosArgument,
    labels: LabelsOption = None,
    top: Annotated[int, typer.Option(metavar="N", min=1, max=100, help="Number of classes to show.")] = 5,
    as_json: JsonOption = False,
) -> None:
    """Classify photos with the classes of a model.

    Example:
      edge-cls classify model.tflite photo1.jpg photo2.jpg --top 3
    """
    from edge_cls.classifier import Classifier, Prediction
    from edge_cls.errors import ImageError, ModelError, one_line
    from edge_cls.images.reading import read_image

    classified: list[tuple[Path, Prediction]] = []
    failed = False
    with quiet_native_libraries(), Classifier(model, labels=labels) as classifier:
        if not classifier.model.classifies:
            raise ModelError(
                f"{model} has no labels inside",
                hint="give its labels file (--labels), or use 'edge-cls teach' and 'run'",
            )
        for image in images:
            try:
                classified.append((image, classifier.classify(read_image(image))))
            except ImageError as error:
                # The other photos are still classified.
                typer.echo(f"error: {error}", err=True)
                failed = True
    if as_json:
        document = [
            {
                "file": str(image),
                "predictions": [
                    {"label": one.label, "score": round(one.score, 6)} for one in prediction.predictions[:top]
                ],
                "unknown": prediction.unknown,
            }
            for image, prediction in classified
        ]
        print_json({"photos": document})
    else:
        for image, prediction in classified:
            typer.echo(f"{one_line(str(image))}{'  unknown, nearest:' if prediction.unknown else ''}")
            for one in prediction.predictions[:top]:
                typer.echo(f"  {one.score:6.1%}  {one_line(one.label)}")
    if failed:
        raise typer.Exit(ImageError.exit_code)
