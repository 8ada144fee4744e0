"""Derivatives by differences of the loss: slow, inexact, and independent of how gradients are computed."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from gradflow import validate
from gradflow.numerics.differences import central_slope
from gradflow.problems.problem import Problem
from gradflow.types import Array

# Truncation h^2 and rounding eps / h balance near the cube root of eps.
STEP = float(np.cbrt(np.finfo(np.float64).eps))


def difference_gradient(
    problem: Problem, w: ArrayLike, step: float = STEP, indices: ArrayLike | None = None
) -> Array:
    """Return dE/dw by central differences of the loss, (E(w + h e_i) - E(w - h e_i)) / (2 h).

    The error is h^2 E''' / 6 plus rounding of the order of 1e-16 E / h.

    Parameters
    ----------
    problem : Problem
        Only its `loss` is used.
    w : array_like, shape (n,)
    step : float
        h, the same for every weight.
    indices : array_like of int, shape (k,), optional
        Which weights; all by default. The cost is 2 losses a weight.

    Returns
    -------
    ndarray, shape (k,)

    Raises
    ------
    ValueError
        If an argument is malformed.

    Examples
    --------
    >>> from gradflow.problems import Quadratic
    >>> difference_gradient(Quadratic([1.0, 4.0]), [1.0, 1.0]).round(9)
    array([1., 4.])
    """
    center = validate.weight_vector("w", w, problem.num_weights)
    h = validate.positive("step", step)
    chosen = np.arange(center.size) if indices is None else validate.indices("indices", indices, center.size)
    return np.array([central_slope(problem.loss, center, h, i) for i in chosen])
