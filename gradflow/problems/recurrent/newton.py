"""Newton's method for the fixed points of many patterns at once, and their stability."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gradflow.problems.recurrent.dynamics import Dynamics
from gradflow.types import Array

Rows = NDArray[np.bool_]

MAX_STEPS = 40
# Steps below this many spacings of floats are rounding.
ROUNDING = 1e-13


def newton(dynamics: Dynamics, x: Array, contraction: float = np.inf) -> tuple[Array, Rows]:
    """Return where Newton's method takes each row of x, and which rows are fixed points.

    A row is given up when a step is longer than `contraction` times the one before it, so that with
    1/4 or less only the fixed point is reached that Newton and Kantorovich's theorem guarantees near x.

    References
    ----------
    Deuflhard, *Newton Methods for Nonlinear Problems*, section 2.1: contraction at most 1/4.
    """
    length = np.full(len(x), np.inf)
    given_up = np.zeros(len(x), dtype=bool)
    for _ in range(MAX_STEPS):
        step = _step(dynamics, x)
        if step is None:
            return x, np.zeros(len(x), dtype=bool)
        size = np.abs(step).max(axis=1)
        arrived = length <= ROUNDING * (1.0 + np.abs(x).max(axis=1))
        with np.errstate(invalid="ignore"):
            given_up |= ~arrived & ((size > contraction * length) & (size > 1e-10) | ~np.isfinite(size))
        if (arrived | given_up).all():
            break
        moving = ~(arrived | given_up)
        x = np.where(moving[:, None], x + step, x)
        length = np.where(moving, size, length)
    return x, ~given_up & (length <= ROUNDING * (1.0 + np.abs(x).max(axis=1)))


def are_stable(jacobian: Array) -> Rows:
    """Return at which patterns dx/dt = -x + F(x) is stable: Re lambda < 1 for F' (P, n, n).

    Where the symmetric parts of all F' are below 1 a Cholesky factorization is proof enough and
    spares the eigenvalues.
    """
    rest = np.eye(jacobian.shape[-1]) - 0.5 * (jacobian + jacobian.swapaxes(1, 2))
    try:
        np.linalg.cholesky(rest)
    except np.linalg.LinAlgError:
        return np.linalg.eigvals(jacobian).real.max(axis=1) < 1.0
    return np.ones(len(jacobian), dtype=bool)


def _step(dynamics: Dynamics, x: Array) -> Array | None:
    system = np.eye(x.shape[1]) - dynamics.jacobian(x)
    try:
        step = np.linalg.solve(system, dynamics.velocity(x)[..., None])[..., 0]
    except np.linalg.LinAlgError:
        return None
    return np.asarray(step, dtype=np.float64)
