"""What one step of descent does: where it points, how long it may be, and how far many of them go."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq

from gradflow import validate
from gradflow.flows import GradientFlow
from gradflow.problems.problem import Problem, Product
from gradflow.simulate.integrate import integrate
from gradflow.simulate.whole import whole
from gradflow.trajectory import Trajectory
from gradflow.types import Array

# The search for a first failing step grows by this factor; shorter rises of the loss go unseen.
GROWTH = 1.25
FIRST_SHARE = 1.0 / 16.0
NUM_TRIES = 160


def cosine(u: ArrayLike, v: ArrayLike) -> Array:
    """Return ``u'v / (|u| |v|)``, along the last axis.

    Parameters
    ----------
    u, v : array_like, shape (..., n)
        Vectors or rows of them, broadcast against each other.

    Returns
    -------
    ndarray, shape (...)
        Between -1 and 1; nan where a vector is zero.

    Examples
    --------
    >>> cosine([[1.0, 0.0], [0.0, 2.0]], [3.0, 4.0])
    array([0.6, 0.8])
    """
    first, second = np.asarray(u, dtype=np.float64), np.asarray(v, dtype=np.float64)
    lengths = np.linalg.norm(first, axis=-1) * np.linalg.norm(second, axis=-1)
    inner = np.sum(first * second, axis=-1)
    return np.clip(np.divide(inner, lengths, out=np.full(inner.shape, np.nan), where=lengths > 0), -1.0, 1.0)


@dataclass(frozen=True, eq=False)
class StepDirection:
    """Where steps w -> w - eta g(w) point, beside the field on their way.

    Attributes
    ----------
    learning_rates : ndarray, shape (m,)
        eta.
    next_gradient : ndarray, shape (m,)
        Cosine of the step with -g where it arrives: 1 where the step could have gone straight on.
    flow : ndarray, shape (m,)
        Cosine of the step with the flow's own displacement from w in the flow time eta.
    """

    learning_rates: Array
    next_gradient: Array
    flow: Array


def step_direction(problem: Problem, w: ArrayLike, learning_rates: ArrayLike) -> StepDirection:
    """Return where one step of descent points, for each learning rate, beside the flow from the same weights.

    With q the part of H g across g, relative to ``|g|``, the angle to the next gradient is ``eta |q|`` and
    that to the flow's displacement ``eta |q| / 2``, both to first order in eta. The cosines miss 1 by the
    second order, the one with the next gradient by four times as much.

    Parameters
    ----------
    problem : Problem
    w : array_like, shape (n,)
    learning_rates : array_like, shape (m,)
        Positive and ascending.

    Raises
    ------
    ValueError
        If an argument is malformed.

    Examples
    --------
    A step with eta = 1 / lambda along an eigenvector reaches the minimum, a longer one turns its back on it.

    >>> from gradflow.problems import Quadratic
    >>> step_direction(Quadratic([1.0, 4.0]), [0.0, 1.0], [0.2, 0.3]).next_gradient
    array([ 1., -1.])
    """
    rates = validate.array("learning_rates", learning_rates, 1)
    if rates[0] <= 0 or (np.diff(rates) <= 0).any():
        raise ValueError(f"`learning_rates` must be positive and ascending, got {learning_rates!r:.60}")
    start = validate.weight_vector("w", w, problem.num_weights)
    gradient = problem.gradient(start)
    arrived = np.array([problem.gradient(start - eta * gradient) for eta in rates])
    # The shortest displacements are far smaller than the weights that carry the tolerance.
    run = whole(integrate(GradientFlow(problem), start, rates[-1], times=rates, method="DOP853", rtol=1e-11))
    return StepDirection(rates, cosine(gradient, arrived), cosine(-gradient, run.at(rates) - start))


def decrease_limit(problem: Problem, w: ArrayLike, direction: ArrayLike | None = None) -> float:
    """Return the learning rate up to which w <- w - eta d decreases the loss, to second order.

    E(w - eta d) - E(w) = -eta g'd + eta^2 d'Hd / 2 + ..., which is negative as long as

        eta < 2 g'd / d'Hd.

    Exact on quadratics. For d = g it is at least 2 / lambda_max, with equality along the top eigenvector.

    Parameters
    ----------
    problem : Problem
    w : array_like, shape (n,)
    direction : array_like, shape (n,), optional
        d, the direction that is gone against; the gradient by default.

    Returns
    -------
    float
        0 if d points uphill or nowhere (g'd <= 0); otherwise infinite where d'Hd <= 0.

    Examples
    --------
    >>> from gradflow.problems import Quadratic
    >>> decrease_limit(Quadratic([1.0, 4.0]), [1.0, 1.0], [1.0, 1.0])
    2.0
    """
    _, along, slope, product = _ray(problem, w, direction)
    curvature = float(along @ product(along))
    if slope <= 0:
        return 0.0
    return 2.0 * slope / curvature if curvature > 0 else np.inf


def largest_decreasing_step(problem: Problem, w: ArrayLike, direction: ArrayLike | None = None) -> float:
    """Return the learning rate at which w <- w - eta d first fails to decrease the loss.

    The least eta > 0 with E(w - eta d) = E(w), searched from 1/16 of `decrease_limit` in steps of a factor
    5/4 and then located to rounding. A rise and fall of the loss within one such factor goes unseen.

    Parameters
    ----------
    problem : Problem
    w : array_like, shape (n,)
    direction : array_like, shape (n,), optional
        d, the direction that is gone against; the gradient by default.

    Returns
    -------
    float
        0 if d points uphill; infinite if the loss stays below E(w) as far as the search goes, 10^15
        times its start.

    Examples
    --------
    >>> from gradflow.problems import Quadratic
    >>> round(largest_decreasing_step(Quadratic([1.0, 4.0]), [0.0, 1.0]), 12)
    0.5
    """
    start, along, slope, _ = _ray(problem, w, direction)
    if slope <= 0:
        return 0.0
    before = problem.loss(start)

    def change(eta: float) -> float:
        return problem.loss(start - eta * along) - before

    limit = decrease_limit(problem, start, along)
    low = FIRST_SHARE * limit if np.isfinite(limit) else 1.0 / slope
    while change(low) >= 0 and low > np.finfo(float).tiny:
        low /= 2.0
    for _ in range(NUM_TRIES):
        high = GROWTH * low
        if change(high) >= 0:
            return float(brentq(change, low, high, xtol=1e-300, rtol=1e-14))
        low = high
    return np.inf


def path_length(trajectory: Trajectory) -> Array:
    """Return the distance travelled up to each row, sum of ``|w_{k+1} - w_k|``, shape (m,).

    The length of the polygon through the kept rows: of a descent the true distance where every step is
    kept, of a flow a lower bound.

    Examples
    --------
    >>> from gradflow.problems import Quadratic
    >>> from gradflow.simulate import descend
    >>> path_length(descend(Quadratic(1.0), [1.0], 1.5, 2))
    array([0.  , 1.5 , 2.25])
    """
    legs = np.linalg.norm(np.diff(trajectory.weights, axis=0), axis=1)
    return np.concatenate([[0.0], np.cumsum(legs)])


def _ray(problem: Problem, w: ArrayLike, direction: ArrayLike | None) -> tuple[Array, Array, float, Product]:
    """Return w, d, g'd and the Hessian product at w."""
    start = validate.weight_vector("w", w, problem.num_weights)
    _, gradient, product = problem.linearize(start)
    along = gradient if direction is None else validate.weight_vector("direction", direction, start.size)
    return start, along, float(gradient @ along), product
