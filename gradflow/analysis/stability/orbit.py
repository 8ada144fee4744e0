"""Every step of a run, and what its tail does: settle, repeat itself, or neither."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from gradflow.errors import Undefined
from gradflow.problems.problem import Problem
from gradflow.rules import UpdateRule
from gradflow.types import Array

NUM_WINDOWS = 8
# Steps shorter than this share of the weights are rounding: the run has arrived.
_ARRIVED = 1e-12


class Orbit(NamedTuple):
    """All weights (m, n) and losses (m,) of a stretch of a run, and the memory at its end.

    `complete` tells whether it stayed finite to the end; if not, the finite rows are kept.
    """

    weights: Array
    losses: Array
    state: Any
    complete: bool


def follow(
    problem: Problem, rule: UpdateRule, w: Array, state: Any, first_step: int, num_steps: int
) -> Orbit:
    """Take `num_steps` steps from weights and memory in mid run and return every one of them."""
    weights, losses = np.empty((num_steps + 1, w.size)), np.empty(num_steps + 1)
    done = 0
    with np.errstate(all="ignore"):
        for step in range(num_steps + 1):
            try:
                losses[step], gradient = problem.loss_and_gradient(w)
            except Undefined:
                break
            weights[step] = w
            if not (np.isfinite(losses[step]) and np.isfinite(gradient).all() and np.isfinite(w).all()):
                break
            done += 1
            if step < num_steps:
                w, state = rule.update(w, gradient, state, first_step + step)
    return Orbit(weights[:done], losses[:done], state, done == num_steps + 1)


def settles(weights: Array) -> bool:
    """Return whether the steps between rows (m, n) die away for good.

    The longest steps of eight equal windows must fall from each to the next, and in the second half at
    least half as fast (as logarithms) as in the first: an exponential decay keeps its pace and an
    algebraic one most of it, while an approach to a cycle of steps that stay slows down. Steps below
    the rounding of the weights have died away.
    """
    lengths = np.linalg.norm(np.diff(weights, axis=0), axis=1)
    longest = np.array([window.max() for window in np.array_split(lengths, NUM_WINDOWS)])
    if longest[-1] <= _ARRIVED * (1.0 + np.abs(weights[-1]).max()):
        return True
    if not (np.diff(longest) < 0).all():
        return False
    fall = -np.diff(np.log(longest))
    half = fall.size // 2
    return bool(fall[-half:].sum() >= 0.5 * fall[:half].sum())


def period_of(points: Array, scale: float, max_period: int = 32, tol: float = 1e-4) -> int:
    """Return the number of steps after which the rows (m, n) repeat, 1 if they rest, 0 if they do not repeat.

    A return must miss by no more than `tol` times the size of the attractor; the smallest such period
    is taken. An attractor smaller than 1e-9 of `scale`, the weights that the run went through, is a point.
    """
    size = float(np.ptp(points, axis=0).max())
    if size <= 1e-9 * scale:
        return 1
    for period in range(1, min(max_period, len(points) // 2) + 1):
        if np.abs(points[period:] - points[:-period]).max() <= tol * size:
            return period
    return 0
