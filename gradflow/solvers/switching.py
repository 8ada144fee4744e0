"""Implicit while the flow is stiff, explicit while it is not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.integrate import RK45, DenseOutput, OdeSolver

from gradflow import validate
from gradflow.numerics.krylov import spectral_radius
from gradflow.solvers.control import jacobian_by_differences, rms, warn_extraneous
from gradflow.solvers.krylov_bdf import KrylovBDF
from gradflow.types import Array

# RK45's steps are stable up to 3.3 / spectral radius: steps that stay below could be its own.
_NOT_STIFF, _STIFF = 3.0, 2.5
_STEPS_BETWEEN_LOOKS = 20
_PATIENCE = 5
_RADIUS_TOLERANCE = 0.05
_NUM_VECTORS = 6


class Switching(OdeSolver):
    """`KrylovBDF` that hands over to RK45 where the flow is not stiff, and back.

    Every 20 steps the spectral radius rho of the Jacobian is estimated from two or three differences.
    A `KrylovBDF` whose steps h keep h rho < 3 at five looks gains nothing from being implicit: RK45 goes on.
    An RK45 whose steps reach h rho = 2.5 is held back by stiffness: `KrylovBDF` goes on, and waits
    twice as long the next time.

    Parameters
    ----------
    fun : callable
        ``fun(t, y)`` returns dy/dt, shape (n,).
    t0, t_bound : float
        Start and end.
    y0 : array_like, shape (n,)
    rtol, atol : float
        As for `KrylovBDF`; RK45 gets the same unit of error for all entries.
    first_step : float, optional
        Size to begin with.
    linearize : callable or sequence of callables, optional
        For `KrylovBDF`.
    explicit : bool
        Whether to begin with RK45.
    vectorized : bool
        As in ``solve_ivp``; not used.
    **extraneous
        Options of other solvers, warned about as having no effect.

    Attributes
    ----------
    history : list of (float, str)
        From which time on which method was used.
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
        explicit: bool = False,
        vectorized: bool = False,
        **extraneous: Any,
    ) -> None:
        warn_extraneous(extraneous)
        super().__init__(fun, t0, validate.array("y0", y0, 1), t_bound, vectorized)
        self._rtol, self._atol, self._products = rtol, atol, linearize
        self._vectors = np.empty((_NUM_VECTORS, self.n))
        self._eigenvector = np.random.default_rng(0).standard_normal(self.n)
        self.history: list[tuple[float, str]] = []
        self._patience, self._num_calm_looks = _PATIENCE, 0
        self._go_on_with(explicit, first_step)

    def _go_on_with(self, explicit: bool, first_step: float | None) -> None:
        self._explicit, self._num_steps, self._last_look = explicit, 0, self.t
        self.history.append((self.t, "RK45" if explicit else "krylov-bdf"))
        if explicit:
            unit = self._atol + self._rtol * rms(self.y)
            self._solver: RK45 | KrylovBDF = RK45(
                self.fun, self.t, self.y, self.t_bound, rtol=1e-13, atol=unit, first_step=first_step
            )
        else:
            self._solver = KrylovBDF(
                self.fun,
                self.t,
                self.y,
                self.t_bound,
                rtol=self._rtol,
                atol=self._atol,
                first_step=first_step,
                linearize=self._products,
            )

    def _step_impl(self) -> tuple[bool, str | None]:
        if self._num_steps == _STEPS_BETWEEN_LOOKS:
            self._look(abs(self.t - self._last_look) / _STEPS_BETWEEN_LOOKS * self._radius())
        message = self._solver.step()
        if self._solver.status == "failed":
            return False, message
        self._num_steps += 1
        self.t, self.y = self._solver.t, self._solver.y
        return True, None

    @property
    def velocity(self) -> Array | None:
        """`KrylovBDF.velocity` while that is at work."""
        return self._solver.velocity if isinstance(self._solver, KrylovBDF) else None

    def _look(self, length: float) -> None:
        """Judge by the mean step since the last look, times the spectral radius."""
        self._num_steps, self._last_look = 0, self.t
        if self._explicit and length >= _STIFF:
            self._patience *= 2
            self._go_on_with(False, None)
        elif not self._explicit:
            self._num_calm_looks = self._num_calm_looks + 1 if length < _NOT_STIFF else 0
            if self._num_calm_looks == self._patience:
                self._num_calm_looks = 0
                self._go_on_with(True, None)

    def _radius(self) -> float:
        velocity = np.array(self.fun(self.t, self.y))
        product = jacobian_by_differences(self.fun, self.t, self.y, velocity, np.empty(self.n))
        radius, self._eigenvector = spectral_radius(
            product, self._eigenvector, self._vectors, _RADIUS_TOLERANCE
        )
        return radius

    def _dense_output_impl(self) -> DenseOutput:
        return self._solver.dense_output()
