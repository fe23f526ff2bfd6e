"""edge-cls: image classification on small cameras, with classes taught on the device.

    from edge_cls import Classifier

Importing this package loads nothing else. OpenCV and the interpreter are loaded when `Classifier` is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_cls.version import __version__

__all__ = ["Classifier", "Prediction", "Score", "Taught", "__version__"]

if TYPE_CHECKING:
    from edge_cls.classifier import Classifier, Prediction, Score, Taught
else:

    def __getattr__(name: str) -> object:
        if name not in __all__:
            raise AttributeError(f"module 'edge_cls' has no attribute {name!r}")
        # Imported late, so that `import edge_cls` and `edge-cls --help` are fast on a small board.
        from edge_cls import classifier

        return getattr(classifier, name)
