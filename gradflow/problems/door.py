"""What is asked of a loss that a user wrote, once, where its first run begins."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from gradflow.numerics.distances import RATIO
from gradflow.numerics.rounding import DOUBLE, resolution
from gradflow.problems.problem import Paid
from gradflow.types import Array

Loss = Callable[[Array], float]

# A slope that differs from what differences tell by this share of it is another slope.
SLOPE_SHARE = 1e-3
# Two values of one thing may differ by so many roundings of its own precision.
ROUNDINGS = 1e3
# Two evaluations at one place that differ by less differ by rounding, in whatever order a device adds.
SAME_SHARE = 1e-4
# The error of a difference is known to about this factor.
_SAFETY = 5.0
_MOST_NOISE = 1e-2
_ASYMPTOTIC = 0.1
_SMALL = 1e-3
_POWERS = 4.0 - np.arange(10)


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


class _Line:
    """A loss along the direction of its gradient, mixed with noise, through a place where it has a value."""

    def __init__(self, loss: Loss, w: Array, value: float, gradient: Array) -> None:
        self._loss, self._w, self._value = loss, w, value
        self._direction = _direction(gradient)
        self.told = float(gradient @ self._direction)
        length = float(np.linalg.norm(w))
        self.scale = 1.0 + length
        self._rounding = DOUBLE * length * float(np.linalg.norm(gradient))

    def at(self, distance: float) -> float:
        """Return the loss so far away; nan where it has none."""
        try:
            return self._loss(self._w + distance * self._direction)
        except Exception:  # a user's function may raise anything outside its domain
            return np.nan

    def slopes(self, distances: Array, eps: float) -> tuple[Array, Array, Array]:
        """Return central differences, what the two sides differ by, and the noise of both."""
        ahead, behind = (np.array([self.at(sign * h) for h in distances]) for sign in (1.0, -1.0))
        bends = np.abs(ahead - 2.0 * self._value + behind)
        middle = 0.5 * (ahead - behind) / distances
        # Where not even one digit changes the loss is one of coarser numbers, and tells nothing.
        middle[(ahead == self._value) & (behind == self._value)] = np.nan
        size = np.maximum(np.maximum(np.abs(ahead), np.abs(behind)), abs(self._value))
        # As near as this a loss does not bend any more: what is left is how coarse its own numbers are.
        floor = float(np.median(bends[-3:])) if distances.size > 3 else 0.0
        noise = (4.0 * (eps * size + self._rounding) + floor) / distances
        return middle, bends / distances, noise

    def resolution(self) -> float:
        """Return that of the loss: at a simple place a double may look like a single, at three none does."""
        return resolution(np.array([self.at(share * self.scale) for share in (1e-3, -1e-3, 3e-3)]))


def slope_along(loss: Loss, w: Array, value: float, gradient: Array, precision: float = DOUBLE) -> Slope:
    """Return the slope of a loss at w along a direction mixed of its gradient and of noise.

    Both are taken for no better than a relative `precision`. One difference that agrees with the gradient is
    enough. Else those at ten distances of ratio 8 are compared: one that agrees, or the one whose neighbours
    on both sides differ least from it.
    """
    line = _Line(loss, w, value, gradient)
    first = np.array([DOUBLE ** (1 / 3) * line.scale])
    coarse = _SAFETY * precision * float(np.linalg.norm(gradient))
    middle, _, noise = line.slopes(first, precision)
    noise += coarse
    if _agreeing(line.told, middle, np.zeros(1), noise).any():
        return Slope(line.told, float(middle[0]), float(middle[0]), float(noise[0]))
    eps = max(line.resolution(), precision)
    middle, width, noise = line.slopes(eps ** (1 / 3) * line.scale * RATIO**_POWERS, eps)
    noise += coarse
    kink = _kinks(width, noise)
    agreeing = np.flatnonzero(_agreeing(line.told, middle, kink, noise))
    # Truncation shrinks with the distance and noise grows: either is less here than beside by this ratio or
    # more, once the neighbours are near at all.
    apart = _apart(middle)
    apart[apart <= _ASYMPTOTIC * np.abs(middle)] /= RATIO
    error = _SAFETY * (apart + noise)
    error[~np.isfinite(error)] = np.inf
    best = agreeing[-1] if agreeing.size else int(np.argmin(error))
    if not np.isfinite(error[best]) and not agreeing.size:
        return Slope(line.told, line.told, line.told, np.inf)
    half = 0.5 * kink[best]
    return Slope(line.told, float(middle[best] - half), float(middle[best] + half), float(error[best]))


def _direction(gradient: Array) -> Array:
    noise = np.random.default_rng(0).standard_normal(gradient.size)
    noise /= np.linalg.norm(noise)
    size = float(np.linalg.norm(gradient))
    mixed = noise + (gradient / size if size > 0 else 0.0)
    length = float(np.linalg.norm(mixed))
    return noise if length < _SMALL else mixed / length


def _agreeing(told: float, middle: Array, kink: Array, noise: Array) -> Array:
    """Return which differences are good to a share and tell, between their two sides, the slope told."""
    size = np.maximum(abs(told), np.abs(middle))
    near = np.abs(told - middle) <= SLOPE_SHARE * size + noise + 0.5 * kink
    return np.asarray((noise <= _MOST_NOISE * size) & near)


def _kinks(width: Array, noise: Array) -> Array:
    """Return by how much the slopes on both sides differ that a kink accounts for, from what they differ by.

    This falls with the distance where a loss bends, and stays where it has a kink: however near one comes.
    """
    kink = np.append(0.0, np.nan_to_num(np.maximum((RATIO * width[1:] - width[:-1]) / (RATIO - 1.0), 0.0)))
    nearer = np.where(np.isfinite(width + noise), width + noise, np.inf)
    return np.minimum(kink, np.minimum.accumulate(nearer[::-1])[::-1])


def _apart(middle: Array) -> Array:
    """Return how far each is from the farther one of its two neighbours; infinitely far where it has one."""
    gaps = np.concatenate([[np.inf], np.abs(np.diff(middle)), [np.inf]])
    return np.maximum(gaps[1:], gaps[:-1])


def complaint(problem: Paid, loss: Loss, w: Array, precision: float = DOUBLE) -> str | None:
    """Return what is wrong with loss and gradient at w: that they differ the second time, or do not fit.

    What a relative `precision` of both leaves open is not wrong.

    None as well where they are not finite or raise: the run that starts there says so. A slope is refused
    if it is wrong beside w too, where there is no kink just at the start and no gradient just vanishes.
    """
    try:
        with np.errstate(all="ignore"):
            return _complaint(problem, loss, w, precision)
    except Exception:  # a user's function may raise anything, and only the run tells where
        return None


def _complaint(problem: Paid, loss: Loss, w: Array, precision: float) -> str | None:
    value, gradient = problem.loss_and_gradient(w)
    if not (np.isfinite(value) and np.isfinite(gradient).all()):
        return None
    slope = slope_along(loss, w, value, gradient, precision)
    is_wrong = not slope.agrees and _is_wrong_beside(problem, loss, w, precision)
    again, same = problem.anew(w)
    apart = max(abs(again - value), float(np.abs(same - gradient).max()))
    share = max(SAME_SHARE, 2.0 * _SAFETY * precision)
    if not apart <= share * max(abs(value), float(np.abs(gradient).max())):
        return (
            "the loss must be a function of the weights alone, got two evaluations at the same weights that "
            f"differ by {apart:.3g}: fix what is drawn at random (from_callables with check=False lets it "
            "pass)"
        )
    if is_wrong:
        return (
            "the gradient must be that of the loss, got a slope of "
            f"{slope.told:.6g} along a direction in which differences of the loss give "
            f"{0.5 * (slope.least + slope.most):.6g}: is its sign right, and its factor? "
            "(from_callables with check=False lets it pass)"
        )
    return None


def _is_wrong_beside(problem: Paid, loss: Loss, w: Array, precision: float) -> bool:
    beside = w + _SMALL * (float(np.linalg.norm(w)) or 1.0) * _direction(np.zeros(w.size))
    value, gradient = problem.loss_and_gradient(beside)
    if not (np.isfinite(value) and np.isfinite(gradient).all()):
        return False
    return not slope_along(loss, beside, value, gradient, precision).agrees
