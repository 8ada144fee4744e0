"""Hessian-vector products from two gradients: cheaper than exact ones, and a little wrong."""

from __future__ import annotations

from numpy.typing import ArrayLike

from gradflow import validate
from gradflow.numerics.differences import Differences
from gradflow.problems.completed import as_problem
from gradflow.problems.precision import known_precision
from gradflow.problems.problem import Problem, Product


def difference_product(problem: Problem, w: ArrayLike, gradient: ArrayLike | None = None) -> Product:
    """Return the product v -> (g(w + s v) - g(w)) / s, one gradient for each vector, in place of H(w) v.

    The length ``|s v|`` is chosen at the first vector, by two to four gradients along one direction, so that
    the bends of the gradient and its rounding, as they are measured, leave the same error: about 1e-7 of
    the size of H in float64, 1e-3 in float32.

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
    >>> import numpy as np
    >>> from gradflow.problems import Quadratic
    >>> difference_product(Quadratic([1.0, 4.0]), [0.0, 0.0])(np.array([0.0, 1.0])).round(9)
    array([0., 4.])
    """
    complete = as_problem(problem)
    weights = validate.weight_vector("w", w, complete.num_weights)
    base = None if gradient is None else validate.weight_vector("gradient", gradient, weights.size)
    return one_sided(complete)(weights, base)


def one_sided(problem: Problem) -> Differences:
    """Return what makes products of one gradient each, in the precision that the problem has."""
    return Differences(problem.gradient, is_central=False, eps=known_precision(problem))
