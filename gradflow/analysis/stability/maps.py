"""Descent of one weight as a map of the line: its cycles, their multipliers, and how they arise."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from math import prod

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq

from gradflow import validate
from gradflow.problems.problem import Problem
from gradflow.rules import GradientDescent
from gradflow.simulate.iteration import Iterate, iterates
from gradflow.types import Array

_NEWTON_STEPS = 50
_CONTINUATION_STEPS = 24
# Distances in the weight for differences of the second derivative: the error is of fourth order.
_APART = 1e-2


@dataclass(frozen=True, eq=False)
class OneStepMap:
    """The map x -> x - eta E'(x), whose slope is 1 - eta E''(x)."""

    problem: Problem
    learning_rate: float

    def __call__(self, x: ArrayLike) -> Array:
        """Return x - eta E'(x), of the shape of x."""
        places = np.asarray(x, dtype=np.float64)
        with np.errstate(all="ignore"):
            slopes = [self.problem.gradient(np.array([place]))[0] for place in places.ravel().tolist()]
            return places - self.learning_rate * np.array(slopes).reshape(places.shape)

    def slope(self, x: ArrayLike) -> Array:
        """Return 1 - eta E''(x), of the shape of x."""
        places = np.asarray(x, dtype=np.float64)
        bends = [_curvature(self.problem, place) for place in places.ravel().tolist()]
        return 1.0 - self.learning_rate * np.array(bends).reshape(places.shape)

    def orbit(self, x: float, num_steps: int) -> Array:
        """Return x and its `num_steps` successors, shape (num_steps + 1,)."""
        start = Iterate(0, np.array([float(x)]), None)
        rule = GradientDescent(self.learning_rate)
        path = iterates(rule, start, lambda at: (None, self.problem.gradient(at.weights)))
        with np.errstate(all="ignore"):
            return np.array([float(at.weights[0]) for at, _ in islice(path, num_steps + 1)])


@dataclass(frozen=True, eq=False)
class Cycle:
    """Points (p,) that the map goes round, and the product of its slopes there.

    The cycle is stable where the multiplier is below 1 in size; it arises in a flip at -1.
    """

    points: Array
    multiplier: float

    @property
    def is_stable(self) -> bool:
        """Whether nearby runs approach the cycle."""
        return abs(self.multiplier) < 1


def one_step_map(problem: Problem, learning_rate: float) -> OneStepMap:
    """Return the map of one step of descent on a loss of one weight.

    Raises
    ------
    ValueError
        If the problem has more than one weight or `learning_rate` is not positive.

    Examples
    --------
    >>> from gradflow.problems import DoubleWell
    >>> step = one_step_map(DoubleWell(), 0.5)
    >>> step([0.0, 1.0, 2.0]), step.slope([1.0])
    (array([ 0.,  1., -1.]), array([0.]))
    """
    if problem.num_weights != 1:
        raise ValueError(f"`problem` must have one weight, got {problem.num_weights}")
    return OneStepMap(problem, validate.positive("learning_rate", learning_rate))


def cycles(
    problem: Problem, learning_rate: float, period: int, low: float, high: float, num_points: int = 2001
) -> list[Cycle]:
    """Return the cycles of a period (1: the fixed points) that have a point between `low` and `high`.

    Roots of f^p(x) - x between neighbors of a grid; two cycles nearer than its spacing may be missed.

    Parameters
    ----------
    problem : Problem
        Of one weight.
    learning_rate : float
    period : int
        Least number of steps after which the cycle repeats.
    low, high : float
        Where to search.
    num_points : int
        Of the grid.

    Raises
    ------
    ValueError
        If an argument is malformed.

    Examples
    --------
    >>> from gradflow.problems import DoubleWell
    >>> [(cycle.points.round(9).tolist(), round(cycle.multiplier, 9)) for cycle in
    ...  cycles(DoubleWell(), 1.2, 1, 0.1, 2.0)]
    [([1.0], -1.4)]
    """
    step = one_step_map(problem, learning_rate)
    count = validate.count("period", period)
    if not low < high:
        raise ValueError(f"`low` must be below `high`, got {low!r:.60} and {high!r:.60}")
    # A grid off the round numbers: a root on a grid point would show no change of sign.
    grid = np.linspace(low, high, validate.count("num_points", num_points, least=2)) + 1e-9 * (
        high - low
    ) * np.sqrt(2)
    with np.errstate(all="ignore"):
        misses = _ahead(step, grid, count) - grid
        changes = np.flatnonzero(np.sign(misses[:-1]) * np.sign(misses[1:]) < 0)

    def miss(x: float) -> float:
        return float(step.orbit(x, count)[-1]) - x

    found: list[Cycle] = []
    for left in changes.tolist():
        x = float(brentq(miss, grid[left], grid[left + 1], xtol=1e-14, rtol=1e-14))
        points = step.orbit(x, count - 1)
        if _is_new(points, found, 1e-7 * (1.0 + abs(x))):
            found.append(Cycle(np.roll(points, -int(np.argmin(points))), prod(step.slope(points).tolist())))
    return found


def flip_learning_rate(
    problem: Problem, w0: ArrayLike, period: int, low: float, high: float, tol: float = 1e-9
) -> float:
    """Return the learning rate at which the cycle that descent from `w0` runs into at `low` flips.

    There its multiplier is -1 and a cycle of twice the period arises. The cycle is continued by Newton's
    method from `low` on, also where it is not stable any more.

    Parameters
    ----------
    problem : Problem
        Of one weight.
    w0 : array_like, shape (1,)
    period : int
        Of the cycle.
    low, high : float
        Learning rates at which the multiplier is above and below -1.
    tol : float
        Absolute.

    Raises
    ------
    ValueError
        If an argument is malformed, no cycle is found, or -1 does not lie between the multipliers.

    Examples
    --------
    >>> from gradflow.problems import DoubleWell
    >>> abs(flip_learning_rate(DoubleWell(), [0.9], 2, 1.1, 1.3) - (5**0.5 - 1)) < 1e-8
    True
    """
    count = validate.count("period", period)
    start = float(validate.weight_vector("w0", w0, 1)[0])
    settled = one_step_map(problem, low).orbit(start, 4000 + count)[-1]

    def excess(learning_rate: float) -> float:
        x = settled
        for rate in np.linspace(low, learning_rate, _CONTINUATION_STEPS).tolist():
            x = _newton(OneStepMap(problem, rate), x, count)
        points = one_step_map(problem, learning_rate).orbit(x, count - 1)
        return prod(OneStepMap(problem, learning_rate).slope(points).tolist()) + 1.0

    if not excess(low) > 0 > excess(high):
        raise ValueError(
            f"`low` and `high` must have a flip of period {count} between them, got multipliers "
            f"{excess(low) - 1:g} and {excess(high) - 1:g}"
        )
    return float(brentq(excess, low, high, xtol=validate.positive("tol", tol)))


def flip_sign(problem: Problem, w: ArrayLike) -> float:
    """Return 3 E'''^2 - E'' E'''' at a minimum `w`: positive if the 2-cycle born at eta = 2 / E'' is stable.

    The derivatives beyond the second are differences of the second one.

    Parameters
    ----------
    problem : Problem
        Of one weight.
    w : array_like, shape (1,)

    Raises
    ------
    ValueError
        If the problem has more than one weight.

    References
    ----------
    Chen and Bruna, "Beyond the Edge of Stability via Two-step Gradient Updates", ICML 2023, theorem 1.

    Examples
    --------
    >>> from gradflow.problems import DoubleWell
    >>> round(flip_sign(DoubleWell(), [1.0]), 6)
    96.0
    """
    if problem.num_weights != 1:
        raise ValueError(f"`problem` must have one weight, got {problem.num_weights}")
    x = float(validate.weight_vector("w", w, 1)[0])
    h = _APART
    far, near, here, ahead, beyond = (_curvature(problem, x + k * h) for k in (-2, -1, 0, 1, 2))
    third = (far - 8 * near + 8 * ahead - beyond) / (12 * h)
    fourth = (-far + 16 * near - 30 * here + 16 * ahead - beyond) / (12 * h * h)
    return 3 * third**2 - here * fourth


def _curvature(problem: Problem, x: float) -> float:
    return float(problem.hvp(np.array([x]), np.ones(1))[0])


def _ahead(step: OneStepMap, x: Array, num_steps: int) -> Array:
    for _ in range(num_steps):
        x = step(x)
    return x


def _newton(step: OneStepMap, x: float, period: int) -> float:
    """Return the root of f^p(x) - x near x."""
    for _ in range(_NEWTON_STEPS):
        points = step.orbit(x, period)
        change = (points[-1] - x) / (prod(step.slope(points[:-1]).tolist()) - 1.0)
        x -= change
        if not abs(change) > 1e-15 * (1.0 + abs(x)):
            break
    return x


def _is_new(points: Array, found: list[Cycle], near: float) -> bool:
    """Return whether the points differ from one another and from the cycles found."""
    if any(abs(points[0] - cycle.points).min() < near for cycle in found):
        return False
    return not (np.abs(points[1:] - points[0]) < near).any()
