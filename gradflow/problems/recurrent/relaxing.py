"""Many small systems dx/dt = f(x) on their way to rest, each at its own pace."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import RK45

from gradflow.types import Array

Velocity = Callable[[Array], Array]

SAFETY = 0.9
ROUNDING = 1e-15
SHORTEST = 1e-12
SMALLEST_CHANGE, LARGEST_CHANGE = 0.2, 5.0


class Relaxing:
    """Rows of x that follow dx/dt = f(x) by the pair of Dormand and Prince, each with its own step.

    No row feels the others, so that a pattern relaxes alike in any company.

    Attributes
    ----------
    x, velocity : ndarray, shape (R, n)
        Where the rows are and dx/dt there.
    time : ndarray, shape (R,)
        How long each row has relaxed, in units of the system's time.
    """

    def __init__(self, function: Velocity, x: Array, tolerance: float) -> None:
        self._function, self._tolerance = function, tolerance
        self.x, self.velocity = x, function(x)
        self.time = np.zeros(len(x))
        self._step = np.full(len(x), 0.1)

    def step(self) -> None:
        """Try one step on every row; a row whose error is too large stays and tries a shorter one."""
        slopes = np.empty((7, self.x.size))
        slopes[0] = self.velocity.ravel()
        step, shape = self._step[:, None], self.x.shape
        for stage in range(1, 6):
            way = (RK45.A[stage, :stage] @ slopes[:stage]).reshape(shape)
            slopes[stage] = self._function(self.x + step * way).ravel()
        after = self.x + step * (RK45.B @ slopes[:6]).reshape(shape)
        velocity = self._function(after)
        slopes[6] = velocity.ravel()
        error = np.abs(step * (RK45.E @ slopes).reshape(shape)).max(axis=1)
        share = error / self._allowed(after)
        accepted = share <= 1.0
        self.x = np.where(accepted[:, None], after, self.x)
        self.velocity = np.where(accepted[:, None], velocity, self.velocity)
        self.time += np.where(accepted, self._step, 0.0)
        change = SAFETY * np.maximum(share, 1e-10) ** -0.2
        change[np.isnan(change)] = 0.0
        self._step = self._step * np.clip(change, SMALLEST_CHANGE, LARGEST_CHANGE)

    def _allowed(self, after: Array) -> Array:
        """Return the error a step may have: in proportion to the speed, else the rows never settle."""
        size = np.maximum(1.0, np.abs(after).max(axis=1))
        return size * np.maximum(self._tolerance * np.minimum(1.0, self.speed()), ROUNDING)

    def speed(self) -> Array:
        """Return the largest |dx/dt| of each row, shape (R,)."""
        return np.abs(self.velocity).max(axis=1)

    def is_stuck(self) -> NDArray[np.bool_]:
        """Return which rows have left the finite numbers or take vanishing steps, shape (R,)."""
        return ~np.isfinite(self.speed()) | (self._step < SHORTEST)

    def keep(self, rows: NDArray[np.bool_], function: Velocity) -> None:
        """Go on with some of the rows alone; `function` is f of these."""
        self._function = function
        self.x, self.velocity = self.x[rows], self.velocity[rows]
        self.time, self._step = self.time[rows], self._step[rows]
