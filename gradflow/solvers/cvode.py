"""SUNDIALS' CVODE with GMRES, through scikit-sundae (extra: ``stiff``)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.integrate import DenseOutput, OdeSolver

from gradflow import validate
from gradflow.solvers.control import checked_first_step, warn_extraneous
from gradflow.types import Array, Product

_NUM_SAMPLES = 6


class CVODE(OdeSolver):
    """CVODE's BDF of orders 1 to 5 with matrix-free GMRES, as an `OdeSolver`.

    Parameters
    ----------
    fun : callable
        ``fun(t, y)`` returns dy/dt, shape (n,).
    t0, t_bound : float
        Start and end; time may run backward.
    y0 : array_like, shape (n,)
    rtol, atol : float, float or array_like
        The local error is held against ``atol_i + rtol |y_i|``. Weights pass zero: with `atol` far below
        rtol times their size those few are followed more closely than the rest needs.
    first_step : float, optional
        Size to begin with; scikit-sundae takes none backward in time.
    max_basis : int
        Vectors of the Krylov space; 5 is SUNDIALS' default.
    linearize : callable, optional
        ``linearize(t, y)`` returns dy/dt and the function v -> J(t, y) v, which CVODE gets as its
        ``jactimes`` in place of its own differences.
    vectorized : bool
        As in ``solve_ivp``; not used.
    **extraneous
        Options of other solvers, warned about as having no effect.

    Raises
    ------
    ImportError
        Without scikit-sundae.
    ValueError
        If an option is out of its range.

    References
    ----------
    Hindmarsh et al., "SUNDIALS", ACM Trans. Math. Softw. 31 (2005), 363.

    Examples
    --------
    >>> from scipy.integrate import solve_ivp
    >>> rates = np.array([1.0, 1e4])
    >>> solution = solve_ivp(lambda t, y: -rates * y, (0.0, 1.0), [1.0, 1.0], CVODE, rtol=1e-6)
    >>> bool(abs(solution.y[0, -1] - np.exp(-1.0)) < 1e-5)
    True
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
        first_step: float | None = None,
        max_basis: int = 30,
        linearize: Callable[[float, Array], tuple[Array, Product]] | None = None,
        vectorized: bool = False,
        **extraneous: Any,
    ) -> None:
        warn_extraneous(extraneous)
        super().__init__(fun, t0, validate.array("y0", y0, 1), t_bound, vectorized)
        sundials = _sundials()
        options: dict[str, Any] = {
            "rtol": validate.positive("rtol", rtol),
            "atol": atol,
            "krylov_dim": min(validate.count("max_basis", max_basis), self.n),
        }
        if first_step is not None and checked_first_step(self, first_step) and self.direction > 0:
            options["first_step"] = float(first_step)
        if linearize is not None:
            options["jactimes"] = _products(sundials, linearize)
        self._solver = sundials.CVODE(self._evaluate, linsolver="gmres", **options)
        self._solver.init_step(self.t, self.y)

    def _evaluate(self, t: float, y: Array, velocity: Array) -> None:
        velocity[:] = self.fun(t, y)

    def _step_impl(self) -> tuple[bool, str | None]:
        # The first call after an interpolation returns to the end of the last step.
        for _ in range(2):
            result = self._solver.step(self.t_bound, method="onestep", tstop=self.t_bound)
            if not result.success:
                return False, str(result.message)
            if result.t != self.t:
                self.t, self.y = float(result.t), np.array(result.y)
                return True, None
        return False, self.TOO_SMALL_STEP

    def _dense_output_impl(self) -> SampledOutput:
        angles = np.linspace(0.0, np.pi, _NUM_SAMPLES)
        times = self.t_old + (self.t - self.t_old) * (1 - np.cos(angles)) / 2
        times[-1] = self.t
        inside = [np.array(self._solver.step(t, tstop=self.t_bound).y) for t in times[:-1].tolist()]
        return SampledOutput(self.t_old, self.t, times, np.array([*inside, self.y]))


class SampledOutput(DenseOutput):
    """The polynomial through states (m, n) at m times; of degree 5, which is all that CVODE's own has."""

    def __init__(self, t_old: float, t: float, times: Array, states: Array) -> None:
        # Here, since scipy.interpolate takes longer to load than all of gradflow's solvers.
        from scipy.interpolate import BarycentricInterpolator

        super().__init__(t_old, t)
        self._polynomial = BarycentricInterpolator(times, states)

    def _call_impl(self, t: Any) -> Array:
        return np.asarray(self._polynomial(t)).T


def _sundials() -> Any:
    try:
        from sksundae import cvode
    except ImportError:
        raise ImportError(
            "`method` cvode must have scikit-sundae installed, which the extra `stiff` brings"
        ) from None
    return cvode


def _products(sundials: Any, linearize: Callable[[float, Array], tuple[Array, Product]]) -> Any:
    """Return CVODE's product functions: passes once per linear system, products in its iterations."""
    held: list[Product] = []

    def setup(t: float, y: Array, velocity: Array) -> None:  # noqa: ARG001
        held[:] = [linearize(t, y)[1]]

    def product(t: float, y: Array, velocity: Array, v: Array, out: Array) -> None:  # noqa: ARG001
        out[:] = held[0](v)

    return sundials.CVODEJacTimes(setup, product)
