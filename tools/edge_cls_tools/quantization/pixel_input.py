"""The input of a network: which real number stands for the byte of a pixel."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from edge_cls.backends.litert import Interpreter
from edge_cls.core.manifest import Preprocessing
from edge_cls.model.importing.normalization import of_quantized_input
from edge_cls.tflite.graph import Operator, TensorInfo, constant_values
from edge_cls_tools.io.batches import PIXEL_MEAN, PIXEL_STD


@dataclass(frozen=True)
class PixelInput:
    """The input `image`, and the tensor `tensor`, (byte - mean) / std, that the first `operators` compute from it."""

    image: TensorInfo
    tensor: int
    mean: float
    std: float
    operators: int

    @property
    def zero_point(self) -> int:
        """The byte that stands for 0, the lower one of two that are equally near."""
        return int(np.clip(np.ceil(self.mean - 0.5), 0, 255))


def pixel_input(operators: list[Operator], source: int) -> PixelInput:
    """Return the tensor after the rescaling of the input `source`, or the input itself if there is none.

    A rescaling is a MUL by a positive number, or an ADD of a number, at the beginning of the network. In int8 it is
    part of the scale and the zero point of the input: it takes no time, and has no error.
    """
    image = next(one for operator in operators for one in operator.tensors if one.index == source)
    found = PixelInput(image, source, PIXEL_MEAN, PIXEL_STD, 0)
    for operator in operators:
        readers = [other for other in operators if any(t is not None and t.index == found.tensor for t in other.inputs)]
        factor = _number(operator, found.tensor)
        if len(readers) != 1 or readers[0] is not operator or factor is None:
            break
        mean, std = found.mean, found.std
        if operator.name == "MUL":
            std /= factor
        else:
            mean -= factor * std
        if not (std > 0 and 0 <= mean <= 255):
            break
        found = PixelInput(image, operator.outputs[0].index, mean, std, found.operators + 1)
    # The constants are float32.
    return PixelInput(image, found.tensor, round(found.mean, 4), round(found.std, 4), found.operators)


def int8_contract(network: bytes, contract: Preprocessing) -> Preprocessing:
    """Return `contract`, that of a float network in [-1, 1], with the normalisation in the input of its int8 version.

    They differ if the network rescales its input first, see `pixel_input`.
    """
    pixels = Interpreter(network).input
    if abs(pixels.scale * PIXEL_STD - 1) < 1e-6:
        return contract
    normalization = of_quantized_input(pixels.scale, pixels.zero_point, signed=False)
    return replace(contract, mean=normalization.mean, std=normalization.std)


def _number(operator: Operator, source: int) -> float | None:
    """Return the number that `operator` multiplies `source` by, or adds to it; None if it does anything else."""
    if operator.name not in ("MUL", "ADD") or operator.options.fusedActivationFunction:
        return None
    others = [tensor for tensor in operator.inputs if tensor is not None and tensor.index != source]
    values = constant_values(others[0]) if len(others) == 1 else None
    if values is None or values.size != 1:
        return None
    number = float(values.reshape(-1)[0])
    return number if np.isfinite(number) and (number or operator.name == "ADD") else None
