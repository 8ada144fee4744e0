"""ROCK2: a stabilized explicit method of second order for stiff systems with a real spectrum."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.integrate import DenseOutput, OdeSolver

from gradflow import validate
from gradflow.numerics.krylov import spectral_radius
from gradflow.solvers.control import (
    Tolerance,
    checked_max_step,
    jacobian_by_differences,
    rms,
    smallest_step,
    starting_step,
    warn_extraneous,
)
from gradflow.solvers.rock2_coefficients import INTERVAL, MAX_STAGES, MIN_STAGES, Coefficients, coefficients
from gradflow.types import Array

# The estimate of the spectral radius comes from below, and the radius may grow until the next one.
_RADIUS_SAFETY, _MAX_TREND = 1.05, 2.0
_RADIUS_TOLERANCE = 0.03
_STEPS_TO_REESTIMATE, _STEPS_WHILE_IT_GROWS = 8, 3
_SAFETY, _MAX_GROWTH, _LEAST_SHRINK = 0.8, 5.0, 0.1
_NUM_VECTORS = 6


class ROCK2(OdeSolver):
    """Second-order stabilized explicit method of 3 to 200 stages, for ``solve_ivp(method=ROCK2)``.

    With s stages a step is stable up to 0.81 s^2 / rho (0.77 s^2 at s = 5), where rho is the spectral
    radius of the Jacobian, so the cost grows with the square root of the stiffness only. s is chosen at
    every step; rho is tracked by a Krylov search on differences of `fun`, begun from the last
    eigenvector, every 8 steps (3 while it grows) and after a rejection.

    It pays for loose tolerances (1e-2 to 1e-3), as its steps are proportional to the square root of the
    tolerance, and for very large systems: 14 vectors at its peak, beside what `fun` itself allocates. The
    spectrum must lie near the negative real axis, as it does for gradient flows and diffusion; for
    oscillations use an explicit Runge-Kutta method.

    Parameters
    ----------
    fun : callable
        ``fun(t, y)`` returns dy/dt, shape (n,).
    t0, t_bound : float
        Start and end; time may run backward.
    y0 : array_like, shape (n,)
    rtol, atol : float, float or array_like
        The estimated error of a step is held against atol + rtol rms(y) for a number `atol`, entry by
        entry for an array. On gradient flows of networks the error at the end is about `rtol`.
    max_step, first_step : float, optional
        Bounds on the step size, and the size to begin with.
    vectorized : bool
        As in ``solve_ivp``; not used.
    **extraneous
        Options of other solvers, warned about as having no effect.

    Attributes
    ----------
    nfev : int
        Evaluations of `fun`, those for the spectral radius included.
    spectral_radius : float
        The last estimate.

    Raises
    ------
    ValueError
        If an option is out of its range.

    References
    ----------
    Abdulle and Medovikov, "Second order Chebyshev methods based on orthogonal polynomials", Numerische
    Mathematik 90 (2001), 1-18.

    Examples
    --------
    >>> from scipy.integrate import solve_ivp
    >>> rates = np.array([1.0, 1e4])
    >>> solution = solve_ivp(lambda t, y: -rates * y, (0.0, 1.0), [1.0, 0.0], ROCK2, rtol=1e-4)
    >>> bool(abs(solution.y[0, -1] - np.exp(-1.0)) < 1e-4), solution.nfev < 2000
    (True, True)
    """

    def __init__(
        self,
        fun: Callable[[float, Array], Array],
        t0: float,
        y0: ArrayLike,
        t_bound: float,
        *,
        rtol: float = 1e-3,
        atol: ArrayLike = 1e-6,
        max_step: float = np.inf,
        first_step: float | None = None,
        vectorized: bool = False,
        **extraneous: Any,
    ) -> None:
        warn_extraneous(extraneous)
        super().__init__(fun, t0, validate.array("y0", y0, 1), t_bound, vectorized)
        self._tolerance = Tolerance(rtol, atol, self.n)
        self._max_step = checked_max_step(max_step)
        self._vectors = np.empty((_NUM_VECTORS, self.n))
        self._eigenvector: Array | None = None
        self.spectral_radius, self._stable_for, self._num_steps_since = 0.0, 0.0, _STEPS_TO_REESTIMATE
        self._last: tuple[float, float] | None = None
        self._begin(first_step)

    def _begin(self, size: float | None) -> None:
        self._velocity = np.array(self.fun(self.t, self.y))
        self._start = self.y, self._velocity
        self._h = starting_step(self, size, self._velocity, self._tolerance.scale(self.y), self._max_step)

    def _step_impl(self) -> tuple[bool, str | None]:
        least = smallest_step(self)
        self._h = max(self._h, least)
        if self._num_steps_since >= _STEPS_TO_REESTIMATE:
            self._estimate()
        num_rejected = 0
        while self._h >= least:
            if self._attempt(num_rejected > 0):
                return True, None
            num_rejected += 1
            if num_rejected == 1:
                self._estimate()
        return False, self.TOO_SMALL_STEP

    def _attempt(self, again: bool) -> bool:
        """Try one step and set the size of the next."""
        left = abs(self.t_bound - self.t)
        size = min(self._h, self._max_step, left, self._longest())
        t = self.t_bound if size == left else self.t + size * self.direction
        y, error = self._stages(_fewest_stages(self._stable_for * size), t - self.t)
        ratio = rms(error / self._tolerance.scale(y))
        if not ratio <= 1:
            self._h = size * (max(_LEAST_SHRINK, _SAFETY * ratio**-0.5) if np.isfinite(ratio) else 0.25)
            return False
        velocity = np.array(self.fun(t, y))
        self._start = self.y, self._velocity
        self.t, self.y, self._velocity = t, y, velocity
        self._num_steps_since += 1
        self._h = size * min(self._growth(max(ratio, 1e-8), size), 1.0 if again else _MAX_GROWTH)
        return True

    def _growth(self, ratio: float, size: float) -> float:
        """Return what to multiply the step by, from the trend of the error over two steps."""
        factor = _SAFETY * ratio**-0.5
        if self._last is not None:
            last_ratio, last_size = self._last
            factor *= min(1.0, (last_ratio / ratio) ** 0.5 * size / last_size)
        self._last = ratio, size
        return max(_LEAST_SHRINK, factor)

    def _stages(self, method: Coefficients, h: float) -> tuple[Array, Array]:
        """Return the state after a step h and the estimate of its error."""
        before, now, after = self._vectors[:3]
        before[:] = self.y
        np.multiply(self._velocity, method.mu[0] * h, out=now)
        now += self.y
        for mu, kappa, c in zip(method.mu[1:], method.kappa[1:], method.times[1:], strict=False):
            np.multiply(self.fun(self.t + c * h, now), mu * h, out=after)
            np.multiply(now, 1 + kappa, out=self._vectors[3])
            after += self._vectors[3]
            before *= kappa
            after -= before
            before, now, after = now, after, before
        return self._finished(method, h, now)

    def _finished(self, method: Coefficients, h: float, y: Array) -> tuple[Array, Array]:
        """Take the last two stages, those of w(z)."""
        c, step = method.times[-1], h * method.sigma
        slope, error = self._vectors[4:6]
        slope[:] = self.fun(self.t + c * h, y)
        y = y + np.multiply(slope, step, out=error)
        last = self.fun(self.t + (c + method.sigma) * h, y)
        np.subtract(last, slope, out=error)
        error *= step * (1 - method.tau / method.sigma**2)
        y += np.multiply(last, step, out=slope)
        y -= error
        return y, error

    def _longest(self) -> float:
        """Return the longest step that the largest number of stages keeps stable."""
        return INTERVAL * MAX_STAGES**2 / self._stable_for if self._stable_for > 0 else np.inf

    def _estimate(self) -> None:
        """Search for the spectral radius at the last accepted point."""
        start = self._eigenvector
        if start is None:
            start = np.random.default_rng(0).standard_normal(self.n)

        product = jacobian_by_differences(self.fun, self.t, self.y, self._velocity, np.empty(self.n))
        radius, self._eigenvector = spectral_radius(product, start, self._vectors, _RADIUS_TOLERANCE)
        if np.isfinite(radius):
            trend = radius / self.spectral_radius if self.spectral_radius > 0 else 1.0
            self._stable_for = _RADIUS_SAFETY * radius * min(max(trend, 1.0), _MAX_TREND)
            self.spectral_radius = radius
        growing = self._stable_for > 1.1 * _RADIUS_SAFETY * self.spectral_radius
        self._num_steps_since = _STEPS_TO_REESTIMATE - _STEPS_WHILE_IT_GROWS if growing else 0

    def _dense_output_impl(self) -> HermiteOutput:
        return HermiteOutput(self.t_old, self.t, self._start, (self.y, self._velocity))


class HermiteOutput(DenseOutput):
    """The cubic through two states and their velocities."""

    def __init__(self, t_old: float, t: float, start: tuple[Array, Array], end: tuple[Array, Array]) -> None:
        super().__init__(t_old, t)
        self._start, self._end = start, end

    def _call_impl(self, t: Any) -> Array:
        h = self.t - self.t_old
        s = (np.asarray(t) - self.t_old) / h
        (y0, f0), (y1, f1) = self._start, self._end
        rising = s * s * (3 - 2 * s)
        outer = np.multiply.outer
        value = outer(y0, 1 - rising) + outer(y1, rising)
        return value + outer(f0, h * s * (1 - s) ** 2) - outer(f1, h * s**2 * (1 - s))


def _fewest_stages(length: float) -> Coefficients:
    """Return the method with the fewest stages that is stable down to z = -length."""
    stages = max(MIN_STAGES, int((length / INTERVAL) ** 0.5))
    while stages < MAX_STAGES and coefficients(stages).interval < length:
        stages += 1
    return coefficients(stages)
