"""The names of the heads, readable without numpy: help texts and the configuration list them."""

from __future__ import annotations

HEAD_NAMES = ("auto", "ridge", "centroid", "knn", "knn-euclidean", "knn-manhattan", "knn-regression")
"""The keys of `edge_cls.learning.heads.table.HEADS`, in the same order."""
