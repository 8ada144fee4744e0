"""Explicit while that is cheaper, implicit while the flow is stiff."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.integrate import RK45, DenseOutput, OdeSolver

from gradflow import validate
from gradflow.numerics.krylov import spectral_radius
from gradflow.solvers import lsoda
from gradflow.solvers.control import jacobian_by_differences, rms, warn_extraneous
from gradflow.solvers.krylov_bdf import KrylovBDF
from gradflow.types import Array

# The real stability interval of RK45, from which share of it stability may limit a step (several stiff modes
# look like a slower one), and how many evaluations to the end make the change worth it there: `KrylovBDF`
# begins with 40 or so, LSODA with fewer.
_LIMIT, _LIMITED, _WORTH, _WORTH_DENSE = 3.31, (0.5, 0.35, 0.25), (200, 400, 1000), (100, 400, 1000)
# So many more steps that stability limits than others make a flow stiff.
_PATIENCE = 6
# An implicit step that costs less than this, in evaluations, is cheaper than a part of an explicit one.
_CHEAP, _PRODUCT = 2.0, 0.6
_STEPS_BETWEEN_LOOKS = 20
# So many steps in a row that cost more than the implicit method before end an explicit one's trial.
_FAIR_TRIAL = 4
_STEPS_TO_MEASURE = 40
_RADIUS_TOLERANCE = 0.05
_NUM_VECTORS = 6
# RK45 gets its unit of error as `atol`, so large a share of it that errors add up to the tolerance, as
# `KrylovBDF` takes it.
_NO_RTOL, _SHARE = 1e-13, 0.1


class Switching(OdeSolver):
    """RK45 that hands over to an implicit method where the flow is stiff, and takes over again.

    The product of step h and spectral radius rho is read from the last two stages of an explicit step,
    whose slopes differ by the Jacobian's pull on what lies between them: no evaluation is spent. Where h
    rho stays beyond the middle of the stability interval c, and the rest of the way at that step would take
    more than 200 evaluations (or beyond a quarter of it and 1,000), the implicit method goes on:
    `KrylovBDF`, or LSODA with the dense Jacobian.

    `KrylovBDF` hands back where its steps cost more evaluations than explicit ones over the same time, at
    least stages h rho / c, with rho from two or three differences now and then. The explicit method then
    waits twice as long before it gives up again. LSODA has an explicit method of its own, and stays.

    Parameters
    ----------
    fun : callable
        ``fun(t, y)`` returns dy/dt, shape (n,).
    t0, t_bound : float
        Start and end.
    y0 : array_like, shape (n,)
    rtol, atol : float
        As for `KrylovBDF`; the explicit method gets the same unit of error for all entries.
    first_step : float, optional
        Size to begin with.
    linearize : callable or sequence of callables, optional
        For `KrylovBDF`.
    jac : callable, optional
        ``jac(t, y)`` returns the dense Jacobian, for LSODA.
    dense : bool
        Whether LSODA is the implicit method, where it can run; `KrylovBDF` else, and where LSODA gives up.
    stiff : bool
        Whether to begin with the implicit method.
    vectorized : bool
        As in ``solve_ivp``; not used.
    **extraneous
        Options of other solvers, warned about as having no effect.

    Attributes
    ----------
    history : list of (float, str)
        From which time on which method was used.

    References
    ----------
    Hairer and Wanner, *Solving ODEs II*, section IV.2 (the estimate of h rho).

    Examples
    --------
    >>> rates = np.array([0.01, 1e4])
    >>> solver = Switching(lambda t, y: -rates * y, 0.0, np.ones(2), 100.0, rtol=1e-6, atol=1e-9)
    >>> while solver.status == "running":
    ...     message = solver.step()
    >>> [name for _, name in solver.history], bool(abs(solver.y[0] - np.exp(-1.0)) < 1e-6)
    (['RK45', 'krylov-bdf'], True)
    """

    def __init__(
        self,
        fun: Callable[[float, Array], Array],
        t0: float,
        y0: ArrayLike,
        t_bound: float,
        *,
        rtol: float = 1e-3,
        atol: float = 1e-6,
        first_step: float | None = None,
        linearize: Any = None,
        jac: Callable[[float, Array], Array] | None = None,
        dense: bool = False,
        stiff: bool = False,
        vectorized: bool = False,
        **extraneous: Any,
    ) -> None:
        warn_extraneous(extraneous)
        super().__init__(fun, t0, validate.array("y0", y0, 1), t_bound, vectorized)
        self._rtol, self._atol, self._products, self._jac = rtol, atol, linearize, jac
        self._dense = dense
        self._worth = _WORTH_DENSE if dense else _WORTH
        self._eigenvector = np.random.default_rng(0).standard_normal(self.n)
        self.history: list[tuple[float, str]] = []
        self._patience, self._implicit_rate, self._interval = _PATIENCE, np.inf, _STEPS_BETWEEN_LOOKS
        if stiff:
            self._go_on_implicitly(dense and lsoda.is_free(), first_step)
        else:
            self._go_on_explicitly(first_step)

    def _go_on_explicitly(self, first_step: float | None) -> None:
        self._num_limited = self._num_dearer = self._num_steps = 0
        self._solver: Any = RK45(**self._here(), rtol=_NO_RTOL, atol=self._unit(), first_step=first_step)
        self.history.append((self.t, "RK45"))

    def _go_on_implicitly(self, dense: bool, first_step: float | None = None) -> None:
        options: dict[str, Any] = {"rtol": self._rtol, "atol": self._atol, "first_step": first_step}
        if dense:
            self._solver = lsoda.LSODA(**self._here(), jac=self._jac, **options)
        else:
            self._solver = KrylovBDF(**self._here(), linearize=self._products, **options)
            self._seen = self.t, 0.0
        self._num_steps = 0
        self.history.append((self.t, "LSODA" if dense else "krylov-bdf"))

    def _here(self) -> dict[str, Any]:
        return {"fun": self.fun, "t0": self.t, "y0": self.y, "t_bound": self.t_bound}

    def _unit(self) -> float:
        return _SHARE * (self._atol + self._rtol * rms(self.y))

    def _refresh_unit(self, solver: Any) -> None:
        solver.atol = self._unit()

    def _step_impl(self) -> tuple[bool, str | None]:
        if self.t_old is not None:
            self._choose()
        solver = self._solver
        if isinstance(solver, RK45):
            self._refresh_unit(solver)
        message = solver.step()
        if solver.status == "failed":
            if not isinstance(solver, lsoda.LSODA):
                return False, message
            self._go_on_implicitly(dense=False)
            return self._step_impl()
        self.t, self.y = solver.t, solver.y
        return True, None

    @property
    def velocity(self) -> Array | None:
        """dy/dt at the end of the last step while an implicit method is at work, which knows it."""
        return self._solver.velocity if isinstance(self._solver, KrylovBDF | lsoda.LSODA) else None

    def _choose(self) -> None:
        """Judge by the steps behind which method takes the next one."""
        if isinstance(self._solver, RK45):
            self._judge_explicit(self._solver)
        elif isinstance(self._solver, KrylovBDF):
            self._num_steps += 1
            if self._num_steps == self._interval:
                self._judge_implicit(self._solver)

    def _judge_explicit(self, solver: Any) -> None:
        step, rate = abs(self.t - solver.t_old), solver.n_stages / abs(self.t - solver.t_old)
        left = rate * abs(self.t_bound - self.t)
        if left <= self._worth[0]:
            return
        is_limited = self._is_limited(length_of_step(solver), left)
        self._num_limited = self._num_limited + 1 if is_limited else max(0, self._num_limited - 1)
        self._num_dearer = self._num_dearer + 1 if rate > self._implicit_rate else 0
        self._num_steps += 1
        if self._num_steps % _STEPS_TO_MEASURE == 0:
            # Stages tell nothing of a fast mode that is at rest, though it holds the steps back.
            self._num_limited += self._patience * self._is_limited(step * self._radius(), left)
        if self._num_limited >= self._patience or self._num_dearer >= _FAIR_TRIAL:
            self._go_on_implicitly(self._dense and lsoda.is_free())

    def _is_limited(self, length: float, left: float) -> bool:
        """Return whether steps so long are held back, with so many evaluations to the end."""
        steps = zip(_LIMITED, self._worth, strict=True)
        return any(length >= share * _LIMIT and left > enough for share, enough in steps)

    def _judge_implicit(self, solver: KrylovBDF) -> None:
        """Look at the mean step since the last look: what it cost, and what it would have cost explicitly."""
        (before, spent_before), spent = self._seen, solver.nfev + _PRODUCT * solver.num_products
        cost, step = (spent - spent_before) / self._num_steps, abs(self.t - before) / self._num_steps
        self._num_steps, self._interval, self._seen = 0, 2 * self._interval, (self.t, spent)
        if cost <= _CHEAP:
            return
        radius = self._radius()
        if cost * _LIMIT > RK45.n_stages * step * radius:
            self._patience *= 2
            self._implicit_rate = cost / step
            left = abs(self.t_bound - self.t)
            self._go_on_explicitly(min(left, 0.5 * _LIMIT / radius if radius > 0 else left))

    def _radius(self) -> float:
        velocity = np.array(self.fun(self.t, self.y))
        product = jacobian_by_differences(self.fun, self.t, self.y, velocity, np.empty(self.n))
        basis = np.empty((_NUM_VECTORS, self.n))
        radius, self._eigenvector = spectral_radius(product, self._eigenvector, basis, _RADIUS_TOLERANCE)
        return radius

    def _dense_output_impl(self) -> DenseOutput:
        return self._solver.dense_output()


def length_of_step(solver: Any) -> float:
    """Return the last step of an explicit method times the spectral radius, or less, from two of its stages.

    Examples
    --------
    >>> solver = RK45(lambda t, y: -100 * y, 0.0, np.ones(1), 1.0, first_step=0.001)
    >>> message = solver.step()
    >>> round(length_of_step(solver), 9)
    0.1
    """
    slopes, last = solver.K, solver.n_stages
    step = solver.t - solver.t_old
    before = solver.y_old + step * (solver.A[last - 1, : last - 1] @ slopes[: last - 1])
    distance = float(np.linalg.norm(solver.y - before))
    change = float(np.linalg.norm(slopes[last] - slopes[last - 1]))
    return abs(float(step)) * change / distance if distance > 0 else 0.0
