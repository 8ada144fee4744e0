"""Sizes of flat vectors on plain floats: what small problems call thousands of times a second."""

from __future__ import annotations

from math import isfinite, nan, sqrt

import numpy as np

from gradflow.types import Array


def norm(v: Array) -> float:
    """Return the Euclidean norm of a vector, NaN where an entry is."""
    square = v.dot(v)
    return sqrt(square) if square >= 0.0 else nan


def rms(v: Array) -> float:
    """Return the root mean square of the entries."""
    return norm(v) / v.size**0.5


def are_finite(u: Array, v: Array) -> bool:
    """Return whether every entry of both is finite, at the price of one dot product when all is well."""
    return isfinite(u.dot(v)) or bool(np.isfinite(u).all() and np.isfinite(v).all())
