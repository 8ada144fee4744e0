"""Rates and learning rates that are a number, one number per weight, or an SPD matrix."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Scale = float | Array


def apply(scale: Scale, v: Array) -> Array:
    """Return M v for M = `scale` (number, diagonal (n,) or matrix (n, n)); v is (n,) or (n, k)."""
    if not isinstance(scale, np.ndarray) or scale.ndim == 0:
        return scale * v
    if scale.ndim == 2:
        return scale @ v
    return scale[:, None] * v if v.ndim == 2 else scale * v


def ratio(learning_rate: Scale, rate: Scale) -> float:
    """Return the one h with learning_rate = h rate, the flow time of a step.

    Raises
    ------
    ValueError
        If no single h explains every entry: a vector or matrix learning rate belongs to a
        vector or matrix `rate` that is proportional to it.
    """
    if np.ndim(learning_rate) == 0 and np.ndim(rate) == 0:
        return float(learning_rate) / float(rate)
    size = max(np.shape(learning_rate) + np.shape(rate))
    numerator, denominator = _as_matrix(learning_rate, size), _as_matrix(rate, size)
    h = float(np.vdot(denominator, numerator) / np.vdot(denominator, denominator))
    if not np.allclose(numerator, h * denominator, rtol=1e-10, atol=1e-12 * abs(numerator).max()):
        raise ValueError(
            "`rate` must be proportional to the learning rate, so that one step size explains every weight, "
            "got entries with different ratios; pass the matching vector or matrix `rate`, or `step_size`"
        )
    return h


def _as_matrix(scale: Scale, size: int) -> Array:
    if np.ndim(scale) == 2:
        return np.asarray(scale)
    return np.diag(np.broadcast_to(scale, size))
