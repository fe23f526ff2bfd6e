"""The composition root: names the adapters and runs the pipeline."""

from __future__ import annotations

import glob
import sys
import time
from collections.abc import Callable
from pathlib import Path

from edge_cls.classifier import Classifier
from edge_cls.errors import MemoryFileError, SourceError
from edge_cls.images import SUFFIXES
from edge_cls.runtime.pipeline import Pipeline
from edge_cls.runtime.ports import FrameSource, Sink
from edge_cls.sinks.json_lines import JsonLines
from edge_cls.sinks.text import TextLines
from edge_cls.sources.images import ImagesSource
from edge_cls.sources.video import VideoSource


def open_source(spec: str) -> FrameSource:
    """Return the source that `spec` names: `demo`, an image, a folder or pattern of images, or a video."""
    if spec == "demo":
        # Inside, because scikit-image is not for every device.
        from edge_cls.sources.demo import DemoSource

        return DemoSource(clock=time)
    path = Path(spec)
    if path.is_dir():
        return ImagesSource.below(path, clock=time)
    if glob.has_magic(spec) and not path.exists():
        matches = sorted(Path(match) for match in glob.glob(spec, recursive=True))  # noqa: PTH207 - takes absolute ones
        if not matches:
            raise SourceError(f"no file matches {spec}", mend="check the pattern")
        return ImagesSource(matches, clock=time)
    if path.suffix.lower() in SUFFIXES:
        return ImagesSource([path], clock=time)
    return VideoSource(path, clock=time)


def run(
    *,
    source: str,
    model: Path | None,
    memory: Path | None,
    labels: Path | None,
    as_json: bool,
    max_frames: int | None,
    head: str,
    false_accept: float,
    opened: Callable[[Classifier], None],
) -> int:
    """Classify the frames of `source` and write each result to stdout; return how many there were.

    `opened` is called with the classifier when everything is in place, before the first frame.
    """
    if memory is not None and not memory.exists():
        raise MemoryFileError(f"{memory} does not exist", mend="teach first: edge-cls teach LABEL IMAGE --memory FILE")
    with Classifier(model, memory=memory, labels=labels, head=head, false_accept=false_accept) as classifier:
        sink: Sink = JsonLines(sys.stdout) if as_json else TextLines(sys.stdout)
        pipeline = Pipeline(open_source(source), classifier.classify, [sink], clock=time)
        opened(classifier)
        return pipeline.run(max_frames)
