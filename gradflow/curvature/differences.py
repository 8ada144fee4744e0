"""Hessian-vector products from two gradients: cheaper than exact ones, and a little wrong."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from gradflow import validate
from gradflow.problems.problem import Problem, Product
from gradflow.types import Array

# Balances the rounding of two gradients, 1e-16 / STEP, against the bend between them, of the order of STEP.
STEP = 1e-7


def difference_product(problem: Problem, w: ArrayLike, gradient: ArrayLike | None = None) -> Product:
    """Return the product v -> (g(w + s v) - g(w)) / s, one gradient for each vector, in place of H(w) v.

    The length |s v| is 1e-7 (1 + |w|); in float64 the product of a smooth loss is right to about 1e-7
    relative to the size of H.

    Parameters
    ----------
    problem : Problem
    w : array_like, shape (n,)
    gradient : array_like, shape (n,), optional
        g(w) where it is known already, one gradient saved.

    Raises
    ------
    ValueError
        If an argument is malformed.

    Examples
    --------
    >>> from gradflow.problems import Quadratic
    >>> difference_product(Quadratic([1.0, 4.0]), [0.0, 0.0])(np.array([0.0, 1.0])).round(9)
    array([0., 4.])
    """
    weights = validate.weight_vector("w", w, problem.num_weights)
    base = (
        problem.gradient(weights)
        if gradient is None
        else validate.weight_vector("gradient", gradient, weights.size)
    )
    reach = STEP * (1.0 + float(np.linalg.norm(weights)))

    def along(v: Array) -> Array:
        length = float(np.linalg.norm(v))
        if length == 0.0:
            return np.zeros_like(weights)
        return (problem.gradient(weights + (reach / length) * v) - base) * (length / reach)

    def product(v: ArrayLike) -> Array:
        directions = validate.directions(v, weights.size)
        if directions.ndim == 1:
            return along(directions)
        return np.column_stack([along(column) for column in directions.T])

    return product
