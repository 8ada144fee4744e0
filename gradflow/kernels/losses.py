"""The two losses on the outputs y of a network and their residuals, compiled where numba is in use."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradflow.kernels import compiled

Reals = NDArray[Any]


def squared(y: Reals, targets: Reals, out: Reals) -> float:
    """Write (y - t) / N into `out`, for outputs (c, N) of N samples, and return the sum of (y - t)^2."""
    share = 1.0 / y.shape[1]
    kernel = compiled.find("squared_residual", y, targets, out)
    if kernel is not None:
        return float(kernel(y.reshape(-1), targets.reshape(-1), out.reshape(-1), share))
    np.subtract(y, targets, out=out)
    flat = out.reshape(-1)
    total = np.dot(flat, flat)
    flat *= share
    return float(total)


def cross_entropy(y: Reals, targets: Reals, out: Reals) -> float:
    """Write (softmax(y) - t) / N into `out`, for outputs (c, N) of N samples, and return N times the loss.

    The loss is the mean of ln(sum exp y) - sum t y over samples, with sum t = 1.
    """
    shift = compiled.find("below_largest", y, out)
    share = compiled.find("softmax_residual", targets, out)
    if shift is None or share is None:
        return _plain_cross_entropy(y, targets, out)
    num_samples = y.shape[1]
    total = np.empty(num_samples, dtype=y.dtype)
    shift(y.reshape(-1), total, out.reshape(-1))
    aligned = np.vdot(targets, out)
    share(targets.reshape(-1), total, out.reshape(-1), 1.0 / num_samples)
    return float(np.log(total).sum() - aligned)


def _plain_cross_entropy(y: Reals, targets: Reals, out: Reals) -> float:
    np.subtract(y, y.max(axis=0), out=out)
    aligned = np.vdot(targets, out)
    np.exp(out, out=out)
    total = out.sum(axis=0)
    out /= total
    out -= targets
    out *= 1.0 / y.shape[1]
    return float(np.log(total).sum() - aligned)
