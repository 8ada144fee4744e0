"""How fast things become small: observed orders, decay rates, dissipation, one step against Taylor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from gradflow import scaling, validate
from gradflow.flows.gradient import GradientFlow
from gradflow.problems.problem import Problem
from gradflow.trajectory import Trajectory
from gradflow.types import Array


def observed_order(step_sizes: ArrayLike, errors: ArrayLike) -> float:
    """Return the observed order p, the least-squares slope of log(error) against log(step size).

    Parameters
    ----------
    step_sizes : array_like, shape (m,)
        Step sizes or learning rates, at least two of them different.
    errors : array_like, shape (m,)
        Errors or distances at these, in any unit.

    Returns
    -------
    float
        p of the fit error = C h^p.

    Raises
    ------
    ValueError
        If there are fewer than two, unequal numbers of them, values that are not positive and
        finite, or only one step size.

    Examples
    --------
    >>> round(observed_order([0.4, 0.2, 0.1], [0.16, 0.04, 0.01]), 12)
    2.0
    """
    log_sizes, log_errors = _logs(step_sizes, errors)
    centered = log_sizes - log_sizes.mean()
    if not centered.any():
        raise ValueError(f"`step_sizes` must differ, got {len(log_sizes)} equal ones")
    return float(centered @ log_errors / (centered @ centered))


def pairwise_orders(step_sizes: ArrayLike, errors: ArrayLike) -> Array:
    """Return the observed order of each successive pair, shape (m - 1,).

    The order of a pair is log(e_i / e_{i+1}) / log(h_i / h_{i+1}); the last one, of the finest pair, is
    the least touched by higher orders.

    Parameters
    ----------
    step_sizes, errors : array_like, shape (m,)
        As for `observed_order`, in the order of refinement.

    Raises
    ------
    ValueError
        As `observed_order`, and if two successive step sizes are equal.

    Examples
    --------
    >>> pairwise_orders([0.4, 0.2, 0.1], [0.32, 0.16, 0.04]).round(12)
    array([1., 2.])
    """
    log_sizes, log_errors = _logs(step_sizes, errors)
    spacing = np.diff(log_sizes)
    if not spacing.all():
        raise ValueError("`step_sizes` must differ from one to the next, got two equal in succession")
    return np.diff(log_errors) / spacing


def dissipation_residual(trajectory: Trajectory, problem: Problem, rate: ArrayLike | None = None) -> Array:
    """Return how far a run breaks the energy balance of the gradient flow, at each row.

    On dw/dt = -mu g the loss falls by exactly what is dissipated, so

        E(t) - E(0) + integral_0^t g' mu g ds

    is zero along the exact flow. The integral is Simpson's rule between rows, with the weights at
    midpoints from ``trajectory.at``: keep every step for it to be accurate. Along a descent it is
    taken on the polygon through its rows and is of first order in the learning rate. The cost is
    2 m - 1 gradients.

    Parameters
    ----------
    trajectory : Trajectory
        A gradient flow or a descent, not sketched.
    problem : Problem
        What it descended.
    rate : float or array_like, shape (n,) or (n, n), optional
        mu; by default that of the run's `GradientFlow`, or the one whose clock a descent used.

    Returns
    -------
    ndarray, shape (m,)
        In units of the loss; 0 at the first row.

    Raises
    ------
    ValueError
        If the run is sketched, has another number of weights than the problem, or no rate is known.

    Examples
    --------
    >>> from gradflow.flows import GradientFlow
    >>> from gradflow.problems import Quadratic
    >>> from gradflow.simulate import integrate
    >>> problem = Quadratic([1.0, 4.0])
    >>> run = integrate(GradientFlow(problem), [1.0, 1.0], 2.0, rtol=1e-8)
    >>> bool(abs(dissipation_residual(run, problem)).max() < 1e-5)
    True
    """
    if trajectory.settings.get("sketch"):
        raise ValueError("`trajectory` must keep its weights, got a sketched run")
    validate.weight_vector("weights of the trajectory", trajectory.weights[0], problem.num_weights)
    scale = validate.scale("rate", _rate(trajectory, problem) if rate is None else rate)

    def dissipation(weights: Array) -> Array:
        gradients = (problem.gradient(w) for w in weights)
        return np.array([g @ scaling.apply(scale, g) for g in gradients])

    times = trajectory.times
    at_rows = dissipation(trajectory.weights)
    between = dissipation(trajectory.at(0.5 * (times[1:] + times[:-1])))
    dissipated = np.diff(times) * (at_rows[:-1] + 4.0 * between + at_rows[1:]) / 6.0
    return trajectory.losses - trajectory.losses[0] + np.concatenate([[0.0], np.cumsum(dissipated)])


def _rate(trajectory: Trajectory, problem: Problem) -> Any:
    """Return mu of the flow that made a run, or of the clock of a descent."""
    if not trajectory.is_continuous:
        return np.array(trajectory.settings["rate"])
    flow = trajectory.flow_on(problem)
    if not isinstance(flow, GradientFlow):
        raise ValueError(f"`rate` must be given for a run of {type(flow).__name__}, got none")
    return flow.rate


def decay_rate(
    trajectory: Trajectory, limit: float = 0.0, window: tuple[float, float] | None = None
) -> float:
    """Return the rate r of the fit E(t) - limit = C exp(-r t) to the tail of a run.

    The least-squares slope of log(E - limit) against flow time over the rows in the window, each
    counted once. Near a minimum of a gradient flow it tends to 2 mu lambda_min, with the smallest
    eigenvalue of the Hessian that the start has a share in.

    Parameters
    ----------
    trajectory : Trajectory
    limit : float
        The loss that is approached, below every loss in the window.
    window : (float, float), optional
        First and last flow time of the fit; the second half of the run by default.

    Returns
    -------
    float
        Per unit of flow time; negative if the loss rises.

    Raises
    ------
    ValueError
        If the window holds fewer than two rows, or a loss that is not above `limit`.

    Examples
    --------
    >>> from gradflow.flows import GradientFlow
    >>> from gradflow.problems import Quadratic
    >>> from gradflow.simulate import integrate
    >>> run = integrate(GradientFlow(Quadratic(0.5), rate=3.0), [1.0], 4.0, rtol=1e-10)
    >>> round(decay_rate(run), 6)
    3.0
    """
    times = trajectory.times
    first, last = window if window is not None else (0.5 * (times[0] + times[-1]), times[-1])
    inside = (times >= first) & (times <= last)
    excess = trajectory.losses[inside] - limit
    if excess.size < 2:
        raise ValueError(f"`window` must hold at least two rows, got {excess.size} in {first:g} to {last:g}")
    if not (excess > 0).all():
        raise ValueError(
            f"`limit` must lie below every loss in the window, got an excess of {excess.min():g}"
        )
    centered = times[inside] - times[inside].mean()
    return -float(centered @ np.log(excess) / (centered @ centered))


@dataclass(frozen=True)
class StepDecrease:
    """The change of the loss in one step of descent: Taylor's prediction beside what happened.

    Attributes
    ----------
    predicted : float or ndarray (m,)
        To first order, -g' eta g.
    second_order : float or ndarray (m,)
        To second order, -g' eta g + (eta g)' H (eta g) / 2.
    actual : float or ndarray (m,)
        E(w - eta g) - E(w).
    """

    predicted: float | Array
    second_order: float | Array
    actual: float | Array


def step_decrease(problem: Problem, w: ArrayLike, learning_rate: ArrayLike) -> StepDecrease:
    """Return the change of the loss in one step w <- w - eta g, predicted and actual.

    Changes are negative where the loss falls. The first-order prediction is that of the flow, whose
    loss falls by g' eta g in the flow time of the step as eta -> 0; second order is exact on quadratics.

    Parameters
    ----------
    problem : Problem
    w : array_like, shape (n,) or (m, n)
        Weights, or rows of them as in ``trajectory.weights``.
    learning_rate : float or array_like, shape (n,) or (n, n)
        eta.

    Returns
    -------
    StepDecrease
        Three floats for one weight vector, three arrays (m,) for rows; in units of the loss.

    Raises
    ------
    ValueError
        If an argument is malformed.

    Examples
    --------
    >>> from gradflow.problems import Quadratic
    >>> step_decrease(Quadratic(1.0), [2.0], 0.5)
    StepDecrease(predicted=-2.0, second_order=-1.5, actual=-1.5)
    """
    eta = validate.scale("learning_rate", learning_rate)
    if np.ndim(w) != 2:
        return StepDecrease(*_step_changes(problem, w, eta))
    return StepDecrease(*np.array([_step_changes(problem, row, eta) for row in np.asarray(w)]).T)


def _step_changes(problem: Problem, w: ArrayLike, eta: float | Array) -> tuple[float, float, float]:
    w = validate.weight_vector("w", w, problem.num_weights)
    loss, gradient, product = problem.linearize(w)
    step = scaling.apply(eta, gradient)
    predicted = -float(gradient @ step)
    return predicted, predicted + 0.5 * float(step @ product(step)), problem.loss(w - step) - loss


def _logs(step_sizes: ArrayLike, errors: ArrayLike) -> tuple[Array, Array]:
    sizes, values = validate.array("step_sizes", step_sizes, 1), validate.array("errors", errors, 1)
    if sizes.shape != values.shape or sizes.size < 2:
        raise ValueError(
            f"`errors` must be as many as `step_sizes` and at least two, got {values.size} and {sizes.size}"
        )
    for name, each in (("step_sizes", sizes), ("errors", values)):
        if not (each > 0).all():
            raise ValueError(f"`{name}` must be positive, got a least value {each.min():g}")
    return np.log(sizes), np.log(values)
