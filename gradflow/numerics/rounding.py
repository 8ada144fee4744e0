"""How coarse the numbers are that a function computes with."""

from __future__ import annotations

import numpy as np

from gradflow.types import Array

DOUBLE = float(np.finfo(np.float64).eps)
SINGLE = float(np.finfo(np.float32).eps)
_PART = 1024


def resolution(values: Array) -> float:
    """Return the relative spacing of the numbers that `values` come from: float32's where all fit it.

    Examples
    --------
    >>> resolution(np.array([0.1])), resolution(np.array([0.1], dtype=np.float32))
    (2.220446049250313e-16, 1.1920928955078125e-07)
    """
    # In parts, the first of which nearly always tells.
    parts = (values[i : i + _PART] for i in range(0, values.size, _PART))
    return SINGLE if all(map(_fits_single, parts)) else DOUBLE


def _fits_single(values: Array) -> bool:
    with np.errstate(over="ignore"):
        return np.array_equal(values.astype(np.float32), values, equal_nan=True)
