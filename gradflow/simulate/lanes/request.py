"""The doors of many runs: starts and learning rates in one form, one row a run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from gradflow import validate
from gradflow.rules import UpdateRule
from gradflow.simulate.integrators import SMALLEST_RTOL
from gradflow.types import Array


def starts(W0: ArrayLike, num_weights: int | None) -> Array:
    """Return the starting weights (K, n), one row for each run, or the only row for all of them."""
    rows = np.atleast_2d(validate.array("W0", W0, min(max(np.ndim(W0), 1), 2)))
    if num_weights is not None and rows.shape[1] != num_weights:
        raise ValueError(f"`W0` must have {num_weights} weights a row, got shape {np.shape(W0)}")
    return rows


def rates(learning_rates: ArrayLike) -> Array:
    """Return positive learning rates (K,), or the only one for all runs."""
    values = np.atleast_1d(validate.array("learning_rates", learning_rates, min(np.ndim(learning_rates), 1)))
    if not (values > 0).all():
        raise ValueError(f"`learning_rates` must be positive, got a least one of {values.min():g}")
    return values


def paired(rows: Array, values: Array) -> tuple[Array, Array]:
    """Return starts (K, n) and learning rates (K,) with one entry for each run."""
    count = max(len(rows), len(values))
    if {len(rows), len(values)} - {1, count}:
        raise ValueError(
            f"`learning_rates` must be one, or one for each of the {len(rows):,} rows of `W0`, "
            f"got {len(values):,}"
        )
    return np.broadcast_to(rows, (count, rows.shape[1])), np.broadcast_to(values, (count,))


def tolerance(name: str, value: Any) -> float | None:
    """Return a positive tolerance, or None."""
    return None if value is None else validate.positive(name, value)


def share(name: str, value: Any) -> float | None:
    """Return a number that is at least 0, or None."""
    if value is None or (isinstance(value, int | float) and value == 0):
        return None if value is None else 0.0
    return validate.positive(name, value)


def threads(value: Any) -> int | None:
    """Return a number of threads, or None."""
    return None if value is None else validate.count("threads", value)


def rule_maker(value: Any) -> Callable[[float], UpdateRule] | None:
    """Return a function from a learning rate to a rule, or None."""
    if value is not None and (
        not callable(value) or (isinstance(value, UpdateRule) and not isinstance(value, type))
    ):
        raise ValueError(
            "`rule` must be a function of the learning rate, such as functools.partial(gf.rules.HeavyBall, "
            f"momentum=0.9), got {value!r:.60}"
        )
    return value


def flow_tolerances(rtol: Any, atol: Any) -> tuple[float, float | None]:
    """Return both tolerances on the local error; the absolute one may be None."""
    relative = validate.positive("rtol", rtol)
    if relative < SMALLEST_RTOL:
        raise ValueError(f"`rtol` must be at least {SMALLEST_RTOL:g}, the rounding of floats, got {rtol:g}")
    return relative, tolerance("atol", atol)
