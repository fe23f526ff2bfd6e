"""A program of another author: opens a model with MediaPipe, and prints the results for images as JSON.

python mediapipe_client.py MODEL IMAGE... - in an environment of its own, without edge-cls: see `make test-mediapipe`.
"""

from __future__ import annotations

import json
import sys
from typing import Any


def main(model: str, images: list[str]) -> None:
    """Print a list with an object for each image: `classes` by head, and `embeddings` by head."""
    import mediapipe as mp
    from mediapipe.tasks import python as tasks
    from mediapipe.tasks.python import vision

    base = tasks.BaseOptions(model_asset_path=model)
    answers: list[dict[str, Any]] = []
    with (
        vision.ImageClassifier.create_from_options(vision.ImageClassifierOptions(base_options=base)) as classifier,
        vision.ImageEmbedder.create_from_options(vision.ImageEmbedderOptions(base_options=base)) as embedder,
    ):
        for path in images:
            image = mp.Image.create_from_file(path)
            heads = classifier.classify(image).classifications
            vectors = embedder.embed(image).embeddings
            answers.append(
                {
                    "classes": {
                        head.head_name: [[one.category_name, one.score] for one in head.categories] for head in heads
                    },
                    "embeddings": {vector.head_name: [float(x) for x in vector.embedding] for vector in vectors},
                }
            )
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
