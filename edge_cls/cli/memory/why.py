"""`edge-cls memory why`: the examples that decided what a photo is."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import typer

from edge_cls.cli.json_output import print_json
from edge_cls.cli.memory.opened import existing_file, short, warn_of_recovery
from edge_cls.cli.native_stderr import quiet_native_libraries
from edge_cls.cli.options import JsonOption, MemoryOption, ModelOption, PhotosArgument
from edge_cls.cli.photos import classify_photos

if TYPE_CHECKING:
    from edge_cls.classifier import Prediction


def why(photos: PhotosArgument, memory: MemoryOption, model: ModelOption = None, as_json: JsonOption = False) -> None:
    """Name the three examples that decide what a photo shows.

    Each example is shown with its similarity to the photo (1 is the same photo), its label, its id and when it was
    taught. To correct a wrong one: 'edge-cls memory move' or 'remove'. The settings are the defaults of 'run'.

    Example:
      edge-cls memory why photo.jpg --memory taught.db
    """
    from edge_cls.classifier import Classifier
    from edge_cls.core.neighbour import neighbour_fields
    from edge_cls.errors import MemoryFileError, one_line

    with quiet_native_libraries(), Classifier(model, memory=existing_file(memory), classes="memory") as classifier:
        if classifier.memory is None or not classifier.taught():
            raise MemoryFileError(f"{memory} has no examples", hint="teach first: 'edge-cls teach'")
        warn_of_recovery(classifier.memory)
        classified, code = classify_photos(classifier, photos)
        ids = {one.id for _, prediction in classified for one in prediction.nearest}
        taught_at = {identity: classifier.memory.find(identity).taught_at for identity in ids}
    if as_json:
        document = [
            {
                "file": str(photo),
                "label": prediction.label,
                "score": round(prediction.score, 6),
                "known": round(prediction.known, 6),
                "unknown": prediction.unknown,
                "reason": reason(prediction),
                "nearest": [
                    {**fields, "taught_at": taught_at[one.id]}
                    for one, fields in zip(prediction.nearest, neighbour_fields(prediction.nearest), strict=True)
                ],
            }
            for photo, prediction in classified
        ]
        print_json({"photos": document})
    else:
        for photo, prediction in classified:
            typer.echo(f"{one_line(str(photo))}: {one_line(reason(prediction))}")
            for one in prediction.nearest:
                at = datetime.fromtimestamp(taught_at[one.id]).isoformat(" ", "seconds")
                typer.echo(f"  {one.cosine:5.2f}  {short(one.id)}  {at}  {one_line(one.label)}")
    if code:
        raise typer.Exit(code)


def reason(prediction: Prediction) -> str:
    """Return what the photo is recognised as, and by which numbers, in plain words."""
    best = f"{prediction.label} (score {prediction.score:.0%}, known {prediction.known:.0%})"
    if prediction.unknown:
        return (
            f"unknown: known is {prediction.known:.0%}, and 50% is needed; the nearest class is {prediction.label} "
            f"(score {prediction.score:.0%})"
        )
    if prediction.unsure:
        return f"unsure: {best}, or {prediction.rival} (score {prediction.predictions[1].score:.0%})"
    if prediction.shows_background:
        return f"nothing, {best}"
    return best
