"""Minimises a smooth convex function by L-BFGS, in numpy, because importing SciPy's takes longer than a training."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

MEMORY = 10
"""Number of steps from which the curvature is estimated."""
DECREASE = 1e-4
"""Share of the decrease that the slope promises that a step must have (Armijo's condition)."""
ROUNDING = 1e-6
"""Relative error of a value of the function, in float32: a step may seem to increase it by that much."""
HALVINGS = 20
"""A step that is halved this often has not found a lower value: the minimum is reached, as far as float32 goes."""

Point = NDArray[np.float32]
Function = Callable[[Point], tuple[float, Point]]
"""Returns the value of the function at a point, and its gradient, which has the shape of the point."""


def minimized(function: Function, start: Point, *, tolerance: float, iterations: int) -> Point:
    """Return the point, found from `start`, at which no element of the gradient is greater than `tolerance`.

    If `iterations` steps do not get there, the last point is returned, and so is one from which rounding allows no
    further step. Nocedal and Wright, "Numerical Optimization", 2006, algorithms 7.4 and 3.1.
    """
    point = start
    value, gradient = function(point)
    steps: list[tuple[Point, Point, float]] = []
    for _ in range(iterations):
        if not np.abs(gradient).max() > tolerance:
            break
        direction = _direction(gradient, steps)
        slope = _dot(gradient, direction)
        length = 1.0
        for _ in range(HALVINGS):
            reached = point + np.float32(length) * direction
            lower, turned = function(reached)
            if lower <= value + DECREASE * length * slope + ROUNDING * abs(value):
                break
            length /= 2
        else:
            break
        step, change = reached - point, turned - gradient
        point, value, gradient = reached, lower, turned
        # Rounding can make the curvature 0 or negative, from which no direction follows.
        if (curvature := _dot(step, change)) > 0:
            steps = [*steps, (step, change, curvature)][-MEMORY:]
    return point


def _direction(gradient: Point, steps: list[tuple[Point, Point, float]]) -> Point:
    """Return the direction to go: the gradient times the negative inverse of the curvature of `steps`."""
    direction = -gradient
    if not steps:
        # Nothing is known about the scale of the function; a step of length 1 is halved if it is too long.
        return direction / np.float32(max(1.0, float(np.linalg.norm(gradient))))
    shares = []
    for step, change, curvature in reversed(steps):
        share = _dot(step, direction) / curvature
        shares.append(share)
        direction = direction - np.float32(share) * change
    _, change, curvature = steps[-1]
    direction = direction * np.float32(curvature / _dot(change, change))
    for (step, change, curvature), share in zip(steps, reversed(shares), strict=True):
        direction = direction + np.float32(share - _dot(change, direction) / curvature) * step
    return direction


def _dot(first: Point, second: Point) -> float:
    return float(np.vdot(first, second))
