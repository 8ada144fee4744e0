"""What is asked of a loss that a user wrote, once, where its first run begins."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np

from gradflow.numerics.differences import resolution
from gradflow.types import Array

# A slope that differs from what differences tell by this share of it is another slope.
SLOPE_SHARE = 1e-3
# Two values of one thing may differ by so many roundings of its own precision.
ROUNDINGS = 1e3
_RATIO = 8.0
_NUM_DISTANCES = 8
_SMALL = 1e-3


class Evaluated(Protocol):
    """What of a problem is looked at."""

    def loss(self, w: Array) -> float:
        """Return E(w)."""

    def loss_and_gradient(self, w: Array) -> tuple[float, Array]:
        """Return E(w) and dE/dw."""


class Slope(NamedTuple):
    """The slope of a loss along a direction: from its gradient, and from differences with their error."""

    told: float
    least: float
    most: float
    error: float

    @property
    def agrees(self) -> bool:
        """Return whether the gradient's lies between those to both sides, which a kink sets apart."""
        slack = self.error + SLOPE_SHARE * max(abs(self.told), abs(self.least), abs(self.most))
        return self.least - slack <= self.told <= self.most + slack


def slope_along(loss: Callable[[Array], float], w: Array, value: float, gradient: Array) -> Slope:
    """Return the slope of a loss at w along a direction mixed of its gradient and of noise.

    Differences of values are compared at distances of ratio 8; those count whose neighbours differ least.
    """
    noise = np.random.default_rng(0).standard_normal(w.size)
    size = float(np.linalg.norm(gradient))
    noise /= np.linalg.norm(noise)
    direction = noise + (gradient / size if size > 0 else 0.0)
    length = float(np.linalg.norm(direction))
    direction = noise if length < _SMALL else direction / length
    scale = 1.0 + float(np.linalg.norm(w))
    # At a simple place a double may look like a single; at three others, where nothing is round, none does.
    eps = resolution(np.array([loss(w + share * scale * direction) for share in (1e-3, -1e-3, 3e-3)]))
    start = eps ** (1 / 3) * scale
    told = float(gradient @ direction)
    best, last, last_width = Slope(told, told, told, np.inf), np.inf, np.inf
    for h in start * _RATIO ** (2.0 - np.arange(_NUM_DISTANCES)):
        ahead = (loss(w + h * direction) - value) / h
        behind = (value - loss(w - h * direction)) / h
        middle, width = 0.5 * (ahead + behind), abs(ahead - behind)
        error = abs(middle - last) + 4.0 * eps * abs(value) / h
        if error < best.error:
            # What the two sides differ by falls with h where the loss bends, and stays where it has a kink.
            kink = max(0.0, (_RATIO * width - last_width) / (_RATIO - 1.0))
            best = Slope(told, float(middle - 0.5 * kink), float(middle + 0.5 * kink), float(error))
        last, last_width = middle, width
    return best


def complaint(problem: Evaluated, w: Array) -> str | None:
    """Return what is wrong with loss and gradient at w: that they differ the second time, or do not fit.

    None as well where they are not finite or raise: the run that starts there says so.
    """
    try:
        with np.errstate(all="ignore"):
            return _complaint(problem, w)
    except Exception:  # a user's function may raise anything, and only the run tells where
        return None


def _complaint(problem: Evaluated, w: Array) -> str | None:
    loss, gradient = problem.loss_and_gradient(w)
    if not (np.isfinite(loss) and np.isfinite(gradient).all()):
        return None
    again, same = problem.loss_and_gradient(w)
    apart = max(abs(again - loss), float(np.abs(same - gradient).max()))
    size = max(abs(loss), float(np.abs(gradient).max()))
    if not apart <= ROUNDINGS * resolution(gradient) * size:
        return (
            "the loss must be a function of the weights alone, got two evaluations at the same weights that "
            f"differ by {apart:.3g}: fix what is drawn at random (check=False lets it pass)"
        )
    slope = slope_along(problem.loss, w, loss, gradient)
    if not slope.agrees:
        return (
            "the gradient must be that of the loss, got a slope of "
            f"{slope.told:.6g} along a direction in which differences of the loss give "
            f"{0.5 * (slope.least + slope.most):.6g}: is its sign right, and its factor? "
            "(check=False lets it pass)"
        )
    return None
