"""Curvatures and Lyapunov exponents at many weight vectors at once, by differences of batched gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gradflow.analysis.stability.lyapunov import growth_rates
from gradflow.curvature import sharpness
from gradflow.problems.batched import Batched
from gradflow.problems.problem import Problem
from gradflow.rules import UpdateRule
from gradflow.simulate.iteration import Iterate
from gradflow.types import Array

# Up to so many weights the whole Hessian is made: beyond, its eigenvalues cost more than an iteration.
MOST_DENSE = 40
# The error of central differences is least about the cube root of the rounding.
_APART = 6e-6
_ROWS = 20_000


def largest_curvatures(problem: Problem, batched: Batched, W: Array) -> Array:
    """Return the largest eigenvalue of the Hessian at each row of W (K, n)."""
    size = W.shape[1]
    if size > MOST_DENSE:
        return np.array([sharpness(problem, w) for w in W])
    block = max(1, _ROWS // (2 * size))
    parts = [_dense(batched, W[first : first + block]) for first in range(0, len(W), block)]
    return np.concatenate([np.zeros(0), *parts])


def exact_curvatures(problem: Problem, W: Array) -> list[float]:
    """Return the same from exact products, one row after another."""
    if W.shape[1] > 1:
        return [sharpness(problem, w) for w in W]
    one = np.ones(1)
    return [float(problem.hvp(w, one)[0]) for w in W]


def _dense(batched: Batched, W: Array) -> Array:
    count, size = W.shape
    apart = _APART * (1.0 + np.abs(W))
    steps = np.eye(size)[np.newaxis] * apart[:, np.newaxis]
    places = np.concatenate([W[:, np.newaxis] + steps, W[:, np.newaxis] - steps], axis=1)
    slopes = batched.losses_and_gradients(places.reshape(-1, size))[1].reshape(count, 2, size, size)
    hessians: Any = (slopes[:, 0] - slopes[:, 1]) / (2.0 * apart[:, :, np.newaxis])
    if size == 1:
        return np.asarray(hessians[:, 0, 0], dtype=np.float64)
    eigenvalues = np.linalg.eigvalsh(0.5 * (hessians + hessians.swapaxes(1, 2)))
    return np.asarray(eigenvalues[:, -1], dtype=np.float64)


def largest_exponents(
    problem: Problem,
    batched: Batched,
    W: Array,
    etas: Array,
    rule: Callable[[float], UpdateRule] | None,
    num_steps: int,
) -> Array:
    """Return the largest exponent over so many steps from each row of W (K, n), as `growth_rates` does.

    Of rules with memory one run after another, from a memory at rest.
    """
    if rule is None:
        return _in_lanes(batched, W, etas, num_steps)
    rules = [rule(eta) for eta in etas.tolist()]
    starts = [Iterate(0, w, each.init(w)) for w, each in zip(W, rules, strict=True)]
    return np.array(
        [growth_rates(problem, each, start, num_steps)[0] for each, start in zip(rules, starts, strict=True)]
    )


def _in_lanes(batched: Batched, W: Array, etas: Array, num_steps: int) -> Array:
    size = W.shape[1]
    direction = np.linalg.qr(np.random.default_rng(0).standard_normal((size, 1)))[0][:, 0]
    place, along = W.copy(), np.tile(direction, (len(W), 1))
    rate, total = etas[:, np.newaxis], np.zeros(len(W))
    with np.errstate(all="ignore"):
        for _ in range(num_steps):
            apart = _APART * (1.0 + np.abs(place).max(axis=1, keepdims=True))
            rows = np.concatenate([place, place + apart * along, place - apart * along])
            here, ahead, behind = batched.losses_and_gradients(rows)[1].reshape(3, *W.shape)
            along = along - rate * (ahead - behind) / (2.0 * apart)
            lengths = np.linalg.norm(along, axis=1, keepdims=True)
            total += np.log(lengths[:, 0])
            along = np.where(lengths > 0.0, along / lengths, 1.0 / np.sqrt(size))
            place = place - rate * here
    return total / num_steps
