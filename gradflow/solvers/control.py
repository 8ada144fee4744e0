"""What every method here needs: the unit of the error, the first step, products by differences."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.integrate import OdeSolver

from gradflow import validate
from gradflow.numerics.differences import forward_into
from gradflow.numerics.rounding import resolution
from gradflow.numerics.vectors import rms
from gradflow.types import Array

_FINEST = 1e3 * float(np.finfo(float).eps)
_TINY = float(np.finfo(float).tiny)
# Of the distance between two velocities, relative to |y| and the root of their precision; least |y| for it.
_DIFFERENCE = 6.7
_LEAST_LENGTH = 1e-7
# So many entries tell in what precision a velocity was computed.
_SAMPLE = 256


class Tolerance:
    """The error that a step may make.

    With a number for `atol` all entries share one unit, and the error is measured as one vector: rms(error)
    against atol + rtol rms(y). With an array every entry is measured by its own atol_i + rtol |y_i|.
    """

    def __init__(self, rtol: Any, atol: ArrayLike, size: int, share: float = 1.0) -> None:
        absolute = np.asarray(atol, dtype=np.float64)
        if absolute.shape not in ((), (size,)) or not (np.isfinite(absolute) & (absolute >= 0)).all():
            raise ValueError(f"`atol` must be a number >= 0 or {size} of them, got {atol!r:.60}")
        self._rtol = max(share * validate.positive("rtol", rtol), _FINEST)
        self._atol: float | Array = share * (absolute if absolute.ndim else float(absolute))

    def scale(self, y: Array) -> float | Array:
        """Return the unit of the error at y, never zero."""
        if isinstance(self._atol, float):
            return max(self._atol + self._rtol * rms(y), _TINY)
        return np.maximum(self._atol + self._rtol * np.abs(y), _TINY)


def warn_extraneous(options: Iterable[str]) -> None:
    """Warn about options that the solver called does not know, in the words of scipy's own solvers."""
    names = ", ".join(f"`{name}`" for name in options)
    if names:
        warnings.warn(
            f"The following arguments have no effect for a chosen solver: {names}.", UserWarning, stacklevel=3
        )


def starting_step(
    solver: OdeSolver, wanted: Any, velocity: Array, scale: float | Array, max_step: float
) -> float:
    """Return the size `wanted` of the first step, or one for a method of order 1 from one more evaluation.

    References
    ----------
    Hairer, Norsett and Wanner, *Solving ODEs I*, section II.4.
    """
    if wanted is not None:
        return checked_first_step(solver, wanted)
    y, span = solver.y, min(abs(solver.t_bound - solver.t), max_step)
    position, speed = rms(y / scale), rms(velocity / scale)
    trial = min(1e-6 if min(position, speed) < 1e-5 else 0.01 * position / speed, span)
    step = solver.direction * trial
    bend = rms((solver.fun(solver.t + step, y + step * velocity) - velocity) / scale) / max(trial, _FINEST)
    steepest = max(speed, bend)
    best = max(1e-6, 1e-3 * trial) if not steepest > 1e-15 else (0.01 / steepest) ** 0.5
    return min(100 * trial, best, span)


def checked_first_step(solver: OdeSolver, size: Any) -> float:
    """Return `size` if it is a step that fits between the start and the end."""
    span = abs(solver.t_bound - solver.t)
    if validate.positive("first_step", size) > span:
        raise ValueError(f"`first_step` must be at most the whole span {span:g}, got {size!r:.60}")
    return float(size)


def checked_max_step(size: Any) -> float:
    """Return `size` if it is a positive number, infinity included."""
    return np.inf if size == np.inf else validate.positive("max_step", size)


def smallest_step(solver: OdeSolver) -> float:
    """Return the step below which rounding of the time takes over."""
    return 10 * abs(float(np.nextafter(solver.t, solver.direction * np.inf)) - solver.t)


def jacobian_by_differences(
    fun: Callable[[float, Array], Array], t: float, y: Array, velocity: Array, image: Array
) -> Callable[[Array], Array]:
    """Return the product v -> J(t, y) v by differences of `fun` with its value `velocity`, into `image`."""
    sample = velocity[:: max(1, velocity.size // _SAMPLE)]
    distance = resolution(sample) ** 0.5 * _DIFFERENCE * max(float(np.linalg.norm(y)), _LEAST_LENGTH)
    return forward_into(partial(fun, t), y, velocity, distance, image)
