"""Rates and learning rates that are a number, one number per weight, or an SPD matrix."""

from __future__ import annotations

import numpy as np

from gradflow.types import Array

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
    numerator, denominator = np.asarray(learning_rate), np.asarray(rate)
    if max(numerator.ndim, denominator.ndim) == 2:
        size = max(numerator.shape + denominator.shape)
        numerator, denominator = _as_matrix(numerator, size), _as_matrix(denominator, size)
    else:
        numerator, denominator = np.broadcast_arrays(numerator, denominator)
    h = float(np.vdot(denominator, numerator) / np.vdot(denominator, denominator))
    if not np.allclose(numerator, h * denominator, rtol=1e-10, atol=1e-12 * abs(numerator).max()):
        raise ValueError(
            "`rate` must be proportional to the learning rate, so that one step size explains every weight, "
            "got entries with different ratios; pass the matching vector or matrix `rate`, or `step_size`"
        )
    return h


def _as_matrix(scale: Array, size: int) -> Array:
    return scale if scale.ndim == 2 else np.diag(np.broadcast_to(scale, size))


def check_size(name: str, scale: Scale, num_weights: int) -> None:
    """Raise unless the vector or matrix fits so many weights."""
    if np.ndim(scale) and np.shape(scale)[0] != num_weights:
        raise ValueError(f"`{name}` must fit {num_weights} weights, got shape {np.shape(scale)}")
