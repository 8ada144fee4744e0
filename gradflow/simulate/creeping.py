"""Recognizing, while a flow runs, that it slides along a kink of the loss and will not get on."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np

from gradflow.errors import ToleranceWarning
from gradflow.simulate.counting import BudgetSpent
from gradflow.types import Array

# Gradients between two looks, at least, and how many more the rest of the way may take at the pace between.
WINDOW, MANY = 500, 100_000
# So many looks in a row must find the kink: one that is crossed lies behind the run at the next.
NUM_LOOKS = 4
# How far ahead a kink is looked for, in mean steps: first where steps end, then further.
NEAR, FAR = 8.0, 512.0
# The share of a velocity's change that is left between neighbors where it jumps (more is a pole), and the
# least such change.
LEFT, POLE, LEAST = 0.1, 2.0, 1e-3
# Distances are split so often, down to floats that are neighbors, from no less than so many of them. Not in
# the middle: round numbers would meet the kink itself, where the velocity is of neither side.
MAX_SPLITS, SPLIT, LEAST_FLOATS = 45, 0.45, 1e4
# Neighbors, in spacings of floats, that tell how far a velocity is mere noise.
NEIGHBORS = (2, 4, 6)

# Relative spacing of floats.
DOUBLE = float(np.finfo(np.float64).eps)

KINK = (
    "the flow slides along a kink of the loss, where the gradient jumps and the steps stay tiny: smooth "
    "the loss (for example softplus in place of relu), take a looser tolerance, or descend"
)

# A flow that crosses kinks ends elsewhere by about 1e-3 of its weights whatever tighter tolerance is asked.
LEAST_KINKED_RTOL = 1e-4


def warn_of_kinks(problem: object, rtol: float) -> None:
    """Warn that a tolerance is tighter than what a flow through kinks is good to."""
    if rtol < LEAST_KINKED_RTOL:
        warnings.warn(
            f"the gradient of {problem!r:.60} jumps at kinks: below an rtol of {LEAST_KINKED_RTOL:g} "
            "its flow gets dearer, not better. Take rtol=1e-3 or 1e-4, or a smooth activation such as "
            "softplus; `max_evaluations` bounds the cost",
            ToleranceWarning,
            stacklevel=5,
        )


class CreepWatch:
    """Says once when a run slides along a kink.

    Where both sides of a kink push towards it, an integrator goes to and fro across it, each step as
    short as the tolerance over the jump of the velocity. A stiff flow may be as slow under an explicit
    method, so the pace alone decides nothing: it only lets the velocity be looked at, a dozen evaluations or
    a few, on shorter and shorter distances. A change that does not shrink with the distance is a jump.

    Parameters
    ----------
    flow : callable
        ``flow(t, y)`` returns dy/dt.
    start_time, end_time : float
    spacing : float
        Relative spacing of the numbers that the flow computes with.
    """

    def __init__(
        self,
        flow: Callable[[float, Array], Array],
        start_time: float,
        end_time: float,
        spacing: float = DOUBLE,
    ) -> None:
        self._flow, self._end_time, self._spacing = flow, end_time, spacing
        self._last_time, self._last_gradients, self._num_steps = start_time, 0, 0
        self._interval, self._num_found = WINDOW, 0

    def creeps(self, t: float, y: Array, num_gradients: int) -> bool:
        """Return whether the run slides, told after every step where it is and what it has spent."""
        self._num_steps += 1
        spent = num_gradients - self._last_gradients
        if spent < self._interval:
            return False
        advance, step = t - self._last_time, (t - self._last_time) / self._num_steps
        self._last_time, self._last_gradients, self._num_steps = t, num_gradients, 0
        if spent * (self._end_time - t) <= MANY * advance:
            self._interval, self._num_found = WINDOW, 0
        elif jumps(self._flow, t, y, step, self._spacing):
            self._interval, self._num_found = WINDOW, self._num_found + 1
        else:
            self._interval, self._num_found = 2 * self._interval, 0
        return self._num_found == NUM_LOOKS


def jumps(
    flow: Callable[[float, Array], Array], t: float, y: Array, step: float, spacing: float = DOUBLE
) -> bool:
    """Return whether the velocity jumps within some steps ahead of y.

    The change of velocity along the ray y + s dy/dt is followed into that part of the ray that has more of
    it, until the ends are neighbors: of a smooth velocity nothing is left there, of a jump all.

    Where the velocity cannot be evaluated nothing is known, and the answer is no.

    Examples
    --------
    >>> y = np.array([0.7, 1e-9])
    >>> jumps(lambda t, y: -np.sign(y), 0.0, y, 1e-9)  # E = |y_1| + |y_2|
    True
    >>> jumps(lambda t, y: -y * [1.0, 1e9], 0.0, y, 1e-9)  # as steep, but smooth
    False
    """
    try:
        return _jumps(lambda point: flow(t, point.copy()), y, step, spacing)
    except BudgetSpent:
        raise
    except Exception:
        return False  # The problem's own business outside its domain; the run has not gone there.


def _jumps(velocity: Callable[[Array], Array], y: Array, step: float, eps: float) -> bool:
    first = np.array(velocity(y))
    size, speed = float(np.abs(y).max()), float(np.linalg.norm(first))
    if speed == 0:
        return False
    nudge = eps * np.where(np.arange(y.size) % 2, 1, -1)
    noise = max(float(np.linalg.norm(velocity(y * (1 + k * nudge)) - first)) for k in NEIGHBORS)
    shortest = LEAST_FLOATS * eps * size / speed
    least = max(LEAST * speed, noise / LEFT)
    rays = (first * max(reach * step, shortest) for reach in (NEAR, FAR))
    return any(_is_left(velocity, y, first, ray, least) for ray in rays)


def _is_left(velocity: Callable[[Array], Array], low: Array, first: Array, ray: Array, least: float) -> bool:
    """Return whether the change of velocity along a ray, if at least `least`, is left between neighbors."""
    high = low + ray
    second = np.array(velocity(high))
    change = float(np.linalg.norm(second - first))
    if change < least:
        return False
    for _ in range(MAX_SPLITS):
        inside = low + SPLIT * (high - low)
        if (inside == low).all() or (inside == high).all():
            break
        between = np.array(velocity(inside))
        before, after = np.linalg.norm(between - first), np.linalg.norm(second - between)
        if before >= after:
            high, second = inside, between
        else:
            low, first = inside, between
        if not LEFT * change <= max(before, after) <= POLE * change:
            return False
    return True
