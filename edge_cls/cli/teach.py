"""`edge-cls teach`: a class from a few photos."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from edge_cls.cli.memory.coaching import advice_lines
from edge_cls.cli.memory.opened import warn_of_recovery
from edge_cls.cli.native_stderr import quiet_native_libraries
from edge_cls.cli.options import AugmentOption, MemoryOption, ModelOption, PhotosArgument

if TYPE_CHECKING:
    from edge_cls.classifier import Taught


def teach(
    label: Annotated[str, typer.Argument(metavar="LABEL", help="The class that the photos show.", show_default=False)],
    images: PhotosArgument,
    memory: MemoryOption,
    model: ModelOption = None,
    augment: AugmentOption = None,
) -> None:
    """Teach a class from a few photos.

    When the command has printed its result, every photo is safely on the disk. The file of taught examples is created
    if it does not exist.

    Example:
      edge-cls teach mug mug1.jpg mug2.jpg mug3.jpg --memory taught.db
    """
    from edge_cls.classifier import Classifier
    from edge_cls.errors import one_line
    from edge_cls.images.reading import read_image
    from edge_cls.learning.coach import conflicts, lacks_background, progress

    # All photos are read first, so that a bad one is found before anything is stored.
    frames = [read_image(image) for image in images]
    with (
        quiet_native_libraries(),
        Classifier(model, memory=memory, augment=(augment,) if augment else ()) as classifier,
    ):
        taught_photos = [(image, classifier.teach(label, frame)) for image, frame in zip(images, frames, strict=True)]
        classes = progress(classifier.learner)
        pairs, empty_place = conflicts(classes, classifier.learner), lacks_background(classifier.learner)
        if classifier.memory is not None:
            warn_of_recovery(classifier.memory)
    for image, taught in taught_photos:
        if taught.check.verdict != "new":
            typer.echo(f"{one_line(str(image))}: {_advice(taught)}")
    label, stored = label.strip(), sum(taught.stored for _, taught in taught_photos)
    typer.echo(f"{label}: {stored} taught, {next(one.examples for one in classes if one.label == label)} in all")
    typer.echo(f"{memory}: {', '.join(f'{one.label} {one.examples}' for one in classes)}")
    if wanting := [f"{one.label} ({one})" for one in classes if one.verdict != "enough"]:
        typer.echo(f"not learnt yet: {', '.join(wanting)}")
    for line in advice_lines(pairs, empty_place=empty_place):
        typer.echo(line)


def _advice(taught: Taught) -> str:
    """Return the coach's advice on an example that duplicates another one or contradicts it."""
    from edge_cls.learning.advice import NOTHING_NEW, looks_like

    near = ", ".join(example.id[:8] for example in taught.check.examples)
    if taught.check.looks_like:
        return f"conflict, it {looks_like(taught.check.looks_like)} ({near})"
    return f"duplicate of {near}, {NOTHING_NEW}{'' if taught.stored else ' and not stored again'}"
