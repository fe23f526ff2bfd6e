"""What int8 costs is counted on the same photos, and the gate stays shut where that is too much."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edge_cls.errors import ConversionError
from edge_cls_tools.quantization.gate import Comparison, check_gate

BACKBONE = Comparison(
    images=200,
    drop=0.5,
    embedding_cosine=0.995,
    float_accuracy=None,
    int8_accuracy=None,
    agreement=None,
    lost=None,
    gained=None,
    classes={},
    float_bytes=400,
    int8_bytes=100,
)


def classifier(lost: int, gained: int, images: int) -> Comparison:
    return replace(BACKBONE, images=images, drop=100 * (lost - gained) / images, lost=lost, gained=gained)


@pytest.mark.parametrize(("lost", "gained", "images"), [(2, 0, 200), (5, 3, 200), (1, 0, 12), (0, 9, 20), (9, 8, 20)])
def test_the_gate_is_open(lost: int, gained: int, images: int) -> None:
    check_gate(classifier(lost, gained, images), 1.0)


@pytest.mark.parametrize(("lost", "gained", "images"), [(3, 0, 200), (2, 0, 12), (10, 7, 200)])
def test_the_gate_is_shut_and_says_on_how_many_photos(lost: int, gained: int, images: int) -> None:
    with pytest.raises(ConversionError, match=f"of {images} test photos float alone gets {lost} right, .* {gained};"):
        check_gate(classifier(lost, gained, images), 1.0)


def test_a_backbone_alone_is_judged_by_its_embeddings() -> None:
    check_gate(BACKBONE, 0.5)
    with pytest.raises(ConversionError, match=r"mean cosine of 0\.9950 .* on 200 images, which is 0\.5 points"):
        check_gate(BACKBONE, 0.4)


def test_a_greater_gate_lets_more_through() -> None:
    check_gate(classifier(20, 0, 200), 10.0)
    with pytest.raises(ConversionError):
        check_gate(classifier(20, 0, 200), 9.9)
