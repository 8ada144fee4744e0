"""Ways to solve for Pineda's adjoint z = (1 - DW)'^-1 J, each of which says so when it fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import numpy as np
from scipy.sparse.linalg import LinearOperator
from scipy.sparse.linalg import gmres as scipy_gmres

from gradflow.errors import Undefined
from gradflow.problems.recurrent.relaxing import Relaxing
from gradflow.types import Array

AdjointSolver = Callable[[Array, Array, Array], Array]

TOLERANCE = 1e-13
MAX_TERMS = 10_000
MAX_TIME = 2000.0
GROWN = 1e8


def direct(weights: Array, slope: Array, errors: Array) -> Array:
    """Return z by one factorization of 1 - W' D a pattern, shape (P, n)."""
    system = np.eye(weights.shape[0]) - weights.T * slope[:, None, :]
    try:
        z = np.linalg.solve(system, errors[..., None])[..., 0]
    except np.linalg.LinAlgError:
        raise Undefined("the adjoint has no value: an eigenvalue of DW is 1 (a fold)") from None
    return np.asarray(z, dtype=np.float64)


def gmres(weights: Array, slope: Array, errors: Array) -> Array:
    """Return z by GMRES on the patterns together, which needs products with W' only."""
    shape = errors.shape
    product = LinearOperator(
        (errors.size, errors.size),
        matvec=lambda z: (z.reshape(shape) - (slope * z.reshape(shape)) @ weights).ravel(),
        dtype=np.float64,
    )
    restart = min(errors.size, 200)
    z, info = scipy_gmres(product, errors.ravel(), rtol=TOLERANCE, atol=0.0, restart=restart, maxiter=50)
    residual = np.abs(product.matvec(z) - errors.ravel()).max()
    if info and residual > 1e3 * TOLERANCE * np.abs(errors).max():
        raise Undefined(f"GMRES has not found the adjoint: a residual of {residual:.3g} is left")
    return z.reshape(shape)


def relaxation(weights: Array, slope: Array, errors: Array) -> Array:
    """Return z as the rest of Pineda's dz/dt = -z + W' (g' z) + J, started at J."""

    def velocity(z: Array) -> Array:
        return (slope * z) @ weights + errors - z

    run = Relaxing(velocity, errors, 1e-6)
    size = np.abs(errors).max()
    while (run.speed() > TOLERANCE * np.maximum(size, np.abs(run.x).max(axis=1))).any():
        run.step()
        speed = run.speed().max()
        if run.time.max() > MAX_TIME or run.is_stuck().any() or speed > GROWN * size:
            raise Undefined(
                f"the adjoint has not come to rest: it moves at {speed:.3g} after {run.time.max():.4g}"
            )
    return run.x


def partial_sums(weights: Array, slope: Array, errors: Array) -> Iterator[Array]:
    """Yield Neumann's partial sums J, J + W'D J, J + W'D J + (W'D)^2 J, ..., each of shape (P, n)."""
    term = total = errors
    while True:
        yield total
        term = (slope * term) @ weights
        total = total + term


def neumann(weights: Array, slope: Array, errors: Array) -> Array:
    """Return z as the limit of Neumann's series, which needs |lambda(DW)| < 1.

    Raises
    ------
    Undefined
        If the partial sums grow, with the reason.
    """
    before = errors
    for total in islice(partial_sums(weights, slope, errors), 1, MAX_TERMS):
        change = np.abs(total - before).max()
        if change <= TOLERANCE * np.abs(total).max():
            return total
        if not change < GROWN * np.abs(errors).max():
            break
        before = total
    radius = np.abs(np.linalg.eigvals(slope[:, :, None] * weights)).max(axis=1)
    raise Undefined(
        f"Neumann's series for the adjoint does not converge: pattern {int(np.argmax(radius))} has an "
        f"eigenvalue of DW of size {radius.max():.4g}, and the series needs all below 1"
    )


SOLVERS: dict[str, AdjointSolver] = {
    "direct": direct,
    "gmres": gmres,
    "relaxation": relaxation,
    "neumann": neumann,
}


def choose(solver: Any) -> AdjointSolver:
    """Return the solver of that name, or the function itself."""
    if isinstance(solver, str) and solver in SOLVERS:
        return SOLVERS[solver]
    if callable(solver):
        return solver
    raise ValueError(
        f"`adjoint_solver` must be one of {', '.join(SOLVERS)} or a function, got {solver!r:.60}"
    )
