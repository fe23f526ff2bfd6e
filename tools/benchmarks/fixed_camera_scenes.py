"""The labelled scenes of fixed cameras: which frames of a clip show which thing. A person labelled them."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from edge_cls.images.preprocess import Frame
from edge_cls.sources.opening import open_source
from edge_cls.sources.region import WHOLE, Region

Ranges = tuple[tuple[int, int], ...]
"""First and last frames, from 0."""


@dataclass(frozen=True)
class Scene:
    """A part of a clip, and the frames of each thing that is seen in the middle of it.

    `region`: left, top, width and height of the part, as fractions of the picture. `step`: every step-th frame is used,
    about 10 in a second. `like`: pairs of like states, which differ in one detail of the picture. `kinds`: things of
    one kind, or views of one thing. Frames of a change are not labelled.
    """

    name: str
    clip: str
    step: int
    things: dict[str, Ranges]
    like: tuple[tuple[str, str], ...] = ()
    kinds: tuple[frozenset[str], ...] = ()
    region: Region = WHOLE

    def of_a_kind(self, thing: str, others: Collection[str]) -> bool:
        """Return whether `thing` is of the same kind as one of `others`."""
        return any(thing in kind and not kind.isdisjoint(others) for kind in self.kinds)


_BOTTLES = "bottle-detection.mp4"
SCENES = (
    Scene(
        "table",
        _BOTTLES,
        3,
        {
            "bottle": ((0, 470), (740, 920), (1110, 1188)),
            "empty": ((545, 645),),
            "bottle in a hand": ((490, 524), (666, 726)),
        },
        (("bottle", "empty"),),
        (frozenset({"bottle", "bottle in a hand"}),),
    ),
    Scene(
        "table, left",
        _BOTTLES,
        3,
        {"bottle": ((0, 175), (410, 480), (872, 1188)), "empty": ((220, 328), (541, 805))},
        (("bottle", "empty"),),
        region=(0, 0.3, 1 / 3, 0.6),
    ),
    Scene(
        "table, right",
        _BOTTLES,
        3,
        {"bottle": ((0, 915), (1104, 1188)), "empty": ((966, 1026),)},
        (("bottle", "empty"),),
        region=(2 / 3, 0.3, 1 / 3, 0.6),
    ),
    Scene(
        "road",
        "car-detection.mp4",
        1,
        {
            "road": ((0, 52), (110, 178), (245, 312), (350, 376)),
            "white car": ((62, 97), (320, 343)),
            "red car": ((192, 228),),
        },
        (("road", "white car"), ("road", "red car")),
        (frozenset({"white car", "red car"}),),
    ),
    Scene(
        "belt",
        "fruit-and-vegetable-detection.gif",
        1,
        {
            "belt": ((0, 6), (47, 60)),
            "apple": ((11, 21),),
            "broccoli": ((28, 39),),
            "cauliflower": ((66, 79),),
            "orange": ((87, 98),),
        },
        (("belt", "apple"), ("belt", "orange"), ("apple", "orange"), ("broccoli", "cauliflower")),
    ),
    Scene(
        "bird",
        "cockatoo.mp4",
        2,
        {
            "front": ((0, 54), (171, 198)),
            "beak": ((75, 155),),
            "side": ((201, 222), (258, 279)),
            "back": ((231, 252),),
        },
        kinds=(frozenset({"front", "beak", "side", "back"}),),
    ),
)


@dataclass(frozen=True, eq=False)
class LabeledFrame:
    """A frame that shows `thing`, `at` seconds from the start of the clip. `part`: the number of its range."""

    thing: str
    part: int
    at: float
    image: Frame


def labeled_frames(scene: Scene, videos: Path) -> Iterator[LabeledFrame]:
    """Yield the labelled frames of the clip in the folder `videos`. Raises SourceError if it cannot be read."""
    source = open_source(str(videos / scene.clip), clock=time, roi=scene.region)
    with contextlib.closing(source):
        while (frame := source.read()) is not None:
            number = frame.info.index
            for thing, ranges in scene.things.items():
                for part, (first, last) in enumerate(ranges):
                    if first <= number <= last and (number - first) % scene.step == 0:
                        yield LabeledFrame(thing, part, frame.info.position or 0.0, frame.image)
