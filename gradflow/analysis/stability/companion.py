"""Linear stability of update rules from their companion matrices."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gradflow import validate
from gradflow.analysis.stability.limits import stable_product
from gradflow.rules import LinearStep, UpdateRule
from gradflow.types import Array


def companion_matrices(rule: UpdateRule, products: ArrayLike) -> NDArray[Any]:
    """Return the matrix that takes (w, memory) one step ahead on E = 1/2 lambda w^2, for each eta lambda.

    Descent: [1 - z]; heavy ball: [[1 - z, b], [-z, b]]; Nesterov: [[1 - (1 + b) z, b^2], [-z, b]], z = eta
    lambda. Its eigenvalues are the multipliers of the rule, which is stable where none exceeds 1 in
    size.

    Parameters
    ----------
    rule : UpdateRule
        `GradientDescent`, `HeavyBall` or `Nesterov`; its learning rate is ignored.
    products : array_like of float or complex, shape (...)
        z = eta lambda; complex for the linearization of a vector field that is no gradient.

    Returns
    -------
    ndarray, shape (..., m, m)
        m is 1, or 2 for a rule with momentum.

    Raises
    ------
    ValueError
        If the rule is none of these.

    Examples
    --------
    >>> from gradflow.rules import HeavyBall
    >>> companion_matrices(HeavyBall(1.0, momentum=0.5), 3.0)
    array([[-2. ,  0.5],
           [-3. ,  0.5]])
    """
    check_linear(rule)
    given: Any = rule
    unit = replace(given, learning_rate=1.0)
    z = np.asarray(products)
    one, zero = np.ones(z.shape, dtype=z.dtype), np.zeros(z.shape, dtype=z.dtype)
    if unit.init(np.zeros(1)) is None:
        return unit.update(one, z, None, 0)[0][..., np.newaxis, np.newaxis]
    columns = [
        np.stack(unit.update(w, z * w, memory, 0), axis=-1) for w, memory in ((one, zero), (zero, one))
    ]
    return np.stack(columns, axis=-1)


def spectral_radii(rule: UpdateRule, products: ArrayLike) -> Array:
    """Return the size of the largest multiplier of the rule at each eta lambda, shape (...)."""
    return np.abs(np.linalg.eigvals(companion_matrices(rule, products))).max(axis=-1)


def linear_stability(rule: UpdateRule, eigenvalues: ArrayLike) -> float:
    """Return the largest learning rate at which `rule` is stable for every Hessian eigenvalue given.

    The learning rate up to which no multiplier of the companion matrix exceeds 1 in size: what the rule
    says of itself. The rule's own learning rate is ignored.

    Parameters
    ----------
    rule : UpdateRule
        One whose steps are linear: `GradientDescent`, `HeavyBall`, `Nesterov`.
    eigenvalues : float or array_like, shape (m,)
        Of the Hessian, none negative.

    Returns
    -------
    float
        A learning rate; infinite where all eigenvalues are zero.

    Raises
    ------
    ValueError
        If the rule has no companion matrix, or an eigenvalue is negative: that direction grows at
        every learning rate.

    Examples
    --------
    >>> from gradflow.rules import HeavyBall
    >>> round(linear_stability(HeavyBall(1.0, momentum=0.9), [0.5, 1.0]), 9)
    3.8
    """
    check_linear(rule)
    values = validate.array("eigenvalues", np.atleast_1d(eigenvalues), 1)
    if values.min() < 0:
        raise ValueError(
            f"`eigenvalues` must not be negative, got {values.min():g}: "
            "that direction grows at every learning rate"
        )
    return stable_product(rule) / float(values.max()) if values.max() > 0 else np.inf


def check_linear(rule: Any) -> None:
    """Raise ValueError unless a step of the rule is linear in weights, gradient and memory."""
    if not isinstance(rule, LinearStep):
        raise ValueError(
            f"`rule` must be one whose steps are linear, such as HeavyBall, got {rule!r:.60}, which does not "
            "say so"
        )
