"""What is asked of many flows, in one form."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gradflow.problems.batched import Lanes
from gradflow.types import Array


@dataclass(frozen=True, eq=False)
class Flows:
    """The gradient flows of one problem from many starts.

    Attributes
    ----------
    make_lanes : callable
        From a number to the problem's lanes.
    minus_rate : ndarray, shape (n,)
        -mu of each weight.
    end_time, rtol : float
    atols : ndarray, shape (K,)
    gradient_tolerance : float or None
    max_evaluations : int or None
    """

    make_lanes: Callable[[int], Lanes]
    minus_rate: Array
    end_time: float
    rtol: float
    atols: Array
    gradient_tolerance: float | None
    max_evaluations: int | None


def atols(asked: float | None, rtol: float, starts: Array) -> Array:
    """Return for each run what `integrate` takes: 1e-3 rtol times the root mean square of its start."""
    if asked is not None:
        return np.full(len(starts), asked)
    scales = np.sqrt(np.einsum("kn,kn->k", starts, starts) / starts.shape[1])
    return np.maximum(1e-3 * rtol * np.where(scales > 0.0, scales, 1.0), np.finfo(float).tiny)
