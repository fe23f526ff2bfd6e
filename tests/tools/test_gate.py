"""The loss of int8 is counted on the same photos, and a model that loses too much is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edge_cls.errors import ConversionError
from edge_cls_tools.quantization.gate import Comparison, check_gate

BACKBONE = Comparison(
    reference="float network",
    images=200,
    drop=0.5,
    embedding_cosine=0.995,
    float_accuracy=None,
    int8_accuracy=None,
    agreement=None,
    probability_difference=None,
    lost=None,
    gained=None,
    classes={},
    float_bytes=400,
    int8_bytes=100,
)


def classifier(lost: int, gained: int, images: int) -> Comparison:
    return replace(BACKBONE, images=images, drop=100 * (lost - gained) / images, lost=lost, gained=gained)


@pytest.mark.parametrize(("lost", "gained", "images"), [(2, 0, 200), (5, 3, 200), (1, 0, 12), (0, 9, 20), (9, 8, 20)])
def test_a_small_loss_passes(lost: int, gained: int, images: int) -> None:
    check_gate(classifier(lost, gained, images), 1.0)


@pytest.mark.parametrize(("lost", "gained", "images"), [(3, 0, 200), (2, 0, 12), (10, 7, 200)])
def test_a_large_loss_is_refused_with_the_number_of_photos(lost: int, gained: int, images: int) -> None:
    with pytest.raises(
        ConversionError, match=f"of {images} test photos, {lost} are correct only in float, and {gained} only in int8;"
    ):
        check_gate(classifier(lost, gained, images), 1.0)


def test_a_backbone_is_tested_by_the_cosine_of_its_embeddings() -> None:
    check_gate(BACKBONE, 0.5)
    with pytest.raises(ConversionError, match=r"is 0\.9950 on 200 images, a drop of 0\.5 points"):
        check_gate(BACKBONE, 0.4)


def test_a_higher_limit_allows_a_larger_loss() -> None:
    check_gate(classifier(20, 0, 200), 10.0)
    with pytest.raises(ConversionError):
        check_gate(classifier(20, 0, 200), 9.9)
