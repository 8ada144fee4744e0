"""Signs of instability that need no eigenvalue."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from gradflow import validate
from gradflow.problems.problem import Problem


def relative_progress(problem: Problem, w: ArrayLike, learning_rate: float) -> float:
    """Return ``(E(w - eta g) - E(w)) / (eta |g|^2)``: -1 along the flow, positive where the loss rises.

    To second order -1 + eta / 2 times the curvature along g; near 0 on average at the edge of stability.

    Parameters
    ----------
    problem : Problem
    w : array_like, shape (n,)
    learning_rate : float
        eta.

    Returns
    -------
    float
        A pure number, nan where the gradient is zero.

    Raises
    ------
    ValueError
        If an argument is malformed.

    References
    ----------
    Ahn, Zhang, Sra, "Understanding the Unstable Convergence of Gradient Descent", ICML 2022, section 4.

    Examples
    --------
    >>> from gradflow.problems import Quadratic
    >>> relative_progress(Quadratic([1.0, 4.0]), [0.0, 1.0], 0.5)
    0.0
    """
    w = validate.weight_vector("w", w, problem.num_weights)
    rate = validate.positive("learning_rate", learning_rate)
    loss, gradient = problem.loss_and_gradient(w)
    square = float(gradient @ gradient)
    if square == 0.0:
        return np.nan
    return (problem.loss(w - rate * gradient) - loss) / (rate * square)


def directional_smoothness(problem: Problem, w: ArrayLike, learning_rate: float) -> float:
    """Return the curvature along the step that descent takes next, from the gradients at its two ends.

    ``(g(w) - g(w - eta g)) . g / (eta |g|^2)``, the mean of ``g'Hg / |g|^2`` along the step; near 2 / eta
    at the edge of stability.

    Parameters
    ----------
    problem : Problem
    w : array_like, shape (n,)
    learning_rate : float
        eta.

    Returns
    -------
    float
        In loss per squared weight, nan where the gradient is zero.

    Raises
    ------
    ValueError
        If an argument is malformed.

    References
    ----------
    Ahn, Zhang, Sra, "Understanding the Unstable Convergence of Gradient Descent", ICML 2022, section 4.

    Examples
    --------
    >>> from gradflow.problems import Quadratic
    >>> directional_smoothness(Quadratic([1.0, 4.0]), [0.0, 1.0], 0.5)
    4.0
    """
    w = validate.weight_vector("w", w, problem.num_weights)
    rate = validate.positive("learning_rate", learning_rate)
    gradient = problem.gradient(w)
    step = -rate * gradient
    return curvature_along(step, gradient, problem.gradient(w + step))


def curvature_along(step: ArrayLike, gradient: ArrayLike, next_gradient: ArrayLike) -> float:
    """Return ``(g_{k+1} - g_k)'s / |s|^2``, the mean curvature along a step s that was taken anyway.

    Parameters
    ----------
    step, gradient, next_gradient : array_like, shape (n,)
        The step, and the gradients before and after it.

    Returns
    -------
    float
        In loss per squared weight, nan for a step of length zero.

    Raises
    ------
    ValueError
        If the three are not finite vectors of one length.

    Examples
    --------
    >>> curvature_along([2.0, 0.0], [1.0, 1.0], [7.0, 5.0])
    3.0
    """
    s = validate.array("step", step, 1)
    before = validate.weight_vector("gradient", gradient, s.size)
    after = validate.weight_vector("next_gradient", next_gradient, s.size)
    square = float(s @ s)
    return float((after - before) @ s) / square if square > 0 else np.nan
