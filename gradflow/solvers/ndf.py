"""Numerical differentiation formulas of orders 1 to 5 on backward differences.

Shampine and Reichelt, "The MATLAB ODE suite", SIAM J. Sci. Comput. 18 (1997), section 2.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from scipy.integrate import DenseOutput

from gradflow.types import Array

MAX_ORDER = 5
_KAPPA = np.array([0, -0.1850, -1 / 9, -0.0823, -0.0415, 0])
GAMMA = np.append(0.0, np.cumsum(1 / np.arange(1, MAX_ORDER + 1)))
ALPHA = (1 - _KAPPA) * GAMMA
# The local error of order k is ERROR[k] times the (k + 1)-th backward difference.
ERROR = _KAPPA * GAMMA + 1 / np.arange(1, MAX_ORDER + 2)

# Of the differences 1 to k, summed to psi in d = c f - psi.
SHARES = [GAMMA[1 : order + 1] / ALPHA[order] for order in range(1, MAX_ORDER + 1)]
SHARES.insert(0, GAMMA[:0])

# Columns of the differences that are changed at a time, which saves a copy of all of them.
_BLOCK = 16384


def rescaling(order: int, factor: float) -> Array:
    """Return the matrix that turns differences 0 to `order` at step h into those at step factor h."""
    return (_at_multiples(order, factor) @ _at_multiples(order, 1.0)).T


def rescale(differences: Array, factor: float) -> None:
    """Turn differences 0, 1, ... at step h into those at step factor h, in place."""
    matrix = rescaling(len(differences) - 1, factor)
    for start in range(0, differences.shape[1], _BLOCK):
        block = differences[:, start : start + _BLOCK]
        block[:] = matrix @ block


@lru_cache(maxsize=256)
def _at_multiples(order: int, factor: float) -> Array:
    i = np.arange(1, order + 1)[:, np.newaxis]
    matrix = np.zeros((order + 1, order + 1))
    matrix[1:, 1:] = (i - 1 - factor * i.T) / i
    matrix[0] = 1
    return np.cumprod(matrix, axis=0, dtype=np.float64)


class NdfOutput(DenseOutput):
    """The polynomial through the differences (order + 1, n) at `t`, taken at step `h`."""

    def __init__(self, t_old: float, t: float, h: float, differences: Array) -> None:
        super().__init__(t_old, t)
        places = np.arange(len(differences) - 1)
        self._knots, self._lengths = t - h * places, h * (1 + places)
        self._differences = differences

    def _call_impl(self, t: Any) -> Array:
        steps = np.subtract.outer(t, self._knots) / self._lengths
        powers = np.cumprod(steps, axis=-1)
        return (self._differences[0] + powers @ self._differences[1:]).T
