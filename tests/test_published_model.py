"""`classify` prints the same classes for a published model as a plain LiteRT loop."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter  # noqa: TID251 - the plain loop that ours is compared with

from edge_cls.core.manifest import Preprocessing
from edge_cls.images.preprocess import preprocess
from edge_cls.images.reading import read_image
from tests.commands import EdgeCls, good


@pytest.mark.parametrize(
    "step", [20, pytest.param(1, marks=pytest.mark.slow)], ids=["every twentieth photo", "all photos"]
)
def test_the_top_1_of_a_published_model_is_that_of_a_plain_loop(shared: Path, edge_cls: EdgeCls, step: int) -> None:
    model = shared / "models" / "tf2_mobilenet_v2_1.0_224_ptq.tflite"
    labels = (shared / "models" / "imagenet_labels.txt").read_text().splitlines()
    photos = sorted((shared / "data" / "imagenet_val1300" / "images").iterdir())[::step]
    options = ["--labels", str(shared / "models" / "imagenet_labels.txt"), "--json", "--top", "1"]
    answers = json.loads(good(edge_cls("classify", str(model), *map(str, photos), *options)))["photos"]
    ours = [answer["predictions"][0]["label"] for answer in answers]

    plain = Interpreter(str(model))
    plain.allocate_tensors()
    theirs = []
    for photo in photos:
        pixels = preprocess(read_image(photo), Preprocessing(224, 224))
        plain.set_tensor(plain.get_input_details()[0]["index"], pixels[None])
        plain.invoke()
        theirs.append(labels[int(np.argmax(plain.get_tensor(plain.get_output_details()[0]["index"])[0]))])
    assert len(ours) == len(photos)
    assert ours == theirs
