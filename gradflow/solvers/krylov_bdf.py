"""A stiff method without matrices: numerical differentiation formulas, Newton, GMRES."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import hypot, inf, isfinite, nan
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.integrate import OdeSolver

from gradflow import validate
from gradflow.numerics.krylov import gmres
from gradflow.numerics.vectors import norm, rms
from gradflow.solvers.control import (
    Tolerance,
    checked_max_step,
    jacobian_by_differences,
    smallest_step,
    starting_step,
    warn_extraneous,
)
from gradflow.solvers.ndf import ALPHA, ERROR, MAX_ORDER, SHARES, NdfOutput, rescale
from gradflow.types import Array, Product

Function = Callable[[float, Array], Array]
Linearize = Callable[[float, Array], tuple[Array, Product]]

# Share of the asked tolerance that one step may use: errors add up, and grow along negative curvature. Of the
# more steps that tolerances below `_LOOSE` take each may use less.
_SHARE, _LOOSE, _MORE_STEPS = 0.1, 1e-3, 0.07
# What is left of a linear system, and of Newton's, in units of the error that a step may make.
_LINEAR, _NONLINEAR = 0.04, 0.1
# Newton starts from this share of the last step's correction. All of it carries what the last linear solve
# left over from step to step; none of it costs 10 to 20 % more products.
_CARRIED = 0.5
_MAX_NEWTON = 4
_STEPS_TO_REMEASURE = 10
# Products that make Newton contract by less than this give way to better ones for so many steps.
_SLOW, _STEPS_TO_RETRY = 0.3, 20
_MAX_CYCLES = 3
# Where c J shrinks a residual to this share of it, and to so much of what may be left, the residual itself
# is solution enough: one evaluation saved of two.
_GENTLE, _GUESS = 0.2, 0.25
_SAFETY, _MAX_GROWTH, _LEAST_SHRINK = 0.9, 5.0, 0.2
# As plain floats, which is what the steps of small problems spend their time on.
_ALPHA, _ERROR = ALPHA.tolist(), ERROR.tolist()


class KrylovBDF(OdeSolver):
    """Variable-order, variable-step NDF for large stiff systems, for ``solve_ivp(method=KrylovBDF)``.

    Orders 1 to 5 on backward differences, as in scipy's BDF, but no Jacobian is formed. Each step solves
    d = c f(y_p + d) - psi by Newton's method, linearized at its current iterate, and each linear system
    (I - c J) delta = r by GMRES down to a fixed share of the error that the step may make. A product J v
    is a difference of two evaluations of `fun`, so a step costs about one evaluation plus two to six
    for products, or none while the flow is not stiff.

    It pays for more than about 100 unknowns with a stiff, real (or nearly real) spectrum: gradient flows,
    diffusion, overdamped momentum. Oscillations are followed correctly, but explicit methods are cheaper.

    Parameters
    ----------
    fun : callable
        ``fun(t, y)`` returns dy/dt, shape (n,).
    t0, t_bound : float
        Start and end; time may run backward.
    y0 : array_like, shape (n,)
    rtol : float
        Wanted relative error at the end. A step may use up a tenth of it, at 1e-7 a 19th; on
        gradient flows of networks the error at the end then stays within a few times `rtol`.
    atol : float or array_like, shape (n,)
        A number: all entries share one unit, and rms(error) is held against atol + rtol rms(y). An array: the
        entries have units of their own, ``atol_i + rtol |y_i|``.
    max_step, first_step : float, optional
        Bounds on the step size, and the size to begin with.
    jvp : callable, optional
        ``jvp(t, y, v)`` returns J(t, y) v, in place of differences.
    linearize : callable or sequence of callables, optional
        ``linearize(t, y)`` returns dy/dt and the function v -> J(t, y) v, in place of `fun` and differences.
        Products may be rough: they decide about the speed of the solve, the velocities about its result.
        Of several, the cheapest first, the next one takes over for 20 steps where Newton contracts slowly.
    max_basis : int
        Largest size m of the Krylov space. Memory is m + 1 vectors beside 8 differences and, at its peak,
        another 9 (11 with an array for `atol`), beside what `fun` itself allocates.
    vectorized : bool
        As in ``solve_ivp``; not used.
    **extraneous
        Options of other solvers, warned about as having no effect.

    Attributes
    ----------
    nfev : int
        Evaluations of `fun` (differences included) and of `linearize`.
    num_products : int
        Products by `jvp` or `linearize`.
    velocity : ndarray, shape (n,)
        dy/dt at the end of the last step as the formula has it, to what Newton's method left over: nothing is
        evaluated for it.
    order : int
        Of the next step.

    Raises
    ------
    ValueError
        If an option is out of its range.

    References
    ----------
    Shampine and Reichelt, SIAM J. Sci. Comput. 18 (1997), 1 (the formulas); Brown and Hindmarsh, "Reduced
    storage matrix methods in stiff ODE systems", Appl. Math. Comput. 31 (1989), 40 (Newton-Krylov).

    Examples
    --------
    >>> from scipy.integrate import solve_ivp
    >>> rates = np.array([1.0, 1e4])
    >>> solution = solve_ivp(lambda t, y: -rates * y, (0.0, 1.0), [1.0, 1.0], KrylovBDF, rtol=1e-6)
    >>> bool(abs(solution.y[0, -1] - np.exp(-1.0)) < 1e-6), solution.nfev < 500
    (True, True)
    """

    def __init__(
        self,
        fun: Function,
        t0: float,
        y0: ArrayLike,
        t_bound: float,
        *,
        rtol: float = 1e-3,
        atol: ArrayLike = 1e-6,
        max_step: float = np.inf,
        first_step: float | None = None,
        jvp: Callable[[float, Array, Array], Array] | None = None,
        linearize: Linearize | Sequence[Linearize] | None = None,
        max_basis: int = 30,
        vectorized: bool = False,
        **extraneous: Any,
    ) -> None:
        warn_extraneous(extraneous)
        super().__init__(fun, t0, validate.array("y0", y0, 1), t_bound, vectorized)
        share = _SHARE * min(1.0, validate.positive("rtol", rtol) / _LOOSE) ** _MORE_STEPS
        self._tolerance = Tolerance(rtol, atol, self.n, share)
        self._max_step = checked_max_step(max_step)
        self._jvp = jvp
        self._linearize = [linearize] if callable(linearize) else list(linearize or ())
        self._kind, self._num_steps_of_kind = 0, 0
        self._basis = np.empty((min(validate.count("max_basis", max_basis), self.n) + 1, self.n))
        self._image, self._newest, self._residual = np.empty((3, self.n))
        self._differences = np.zeros((MAX_ORDER + 3, self.n))
        self._stretch = inf
        self.num_products = 0
        self.order = 1
        self._begin(first_step)

    def _begin(self, size: float | None) -> None:
        self.velocity = velocity = np.array(self.fun(self.t, self.y))
        self._h = starting_step(self, size, velocity, self._tolerance.scale(self.y), self._max_step)
        self._differences[0] = self.y
        self._differences[1] = velocity * (self._h * self.direction)
        self._num_equal_steps = 0
        self._remeasure()

    def _remeasure(self) -> None:
        """Ask for a second Newton iteration in the next solve, whatever the memory says."""
        self._contraction, self._measured_since = 1.0, _STEPS_TO_REMEASURE

    def _step_impl(self) -> tuple[bool, str | None]:
        least = smallest_step(self)
        wanted = max(min(self._h, self._max_step), least)
        if wanted != self._h:
            self._change_step(wanted / self._h)
        while self._h >= least:
            if self._attempt():
                return True, None
        return False, self.TOO_SMALL_STEP

    def _attempt(self) -> bool:
        """Try one step; on failure reduce the step size."""
        left, order = abs(self.t_bound - self.t), self.order
        if self._h >= left:
            self._change_step(left / self._h)
        t = self.t_bound if self._h >= left else self.t + self._h * self.direction
        solved = self._corrected(t)
        if solved is None:
            self._remeasure()
            if not self._better_products():
                self._change_step(0.5)
            return False
        y, correction, num_iterations = solved
        safety = _SAFETY if num_iterations == 1 else _SAFETY**2
        scale = self._tolerance.scale(y)
        error = _ERROR[order] * _measured(correction, scale)
        if error > 1:
            self._remeasure()
            self._change_step(max(_LEAST_SHRINK, safety * error ** (-1 / (order + 1))))
            return False
        self.velocity = self._velocity_after(correction)
        self._accept(t, y, correction)
        if self._num_equal_steps > order:
            self._adapt(error, scale, safety)
        return True

    def _velocity_after(self, correction: Array) -> Array:
        """Return dy/dt = (psi + d) / c at the end of a step."""
        order = self.order
        velocity = SHARES[order].dot(self._differences[1 : order + 1])
        velocity += correction
        velocity *= _ALPHA[order] / (self._h * self.direction)
        return velocity

    def _accept(self, t: float, y: Array, correction: Array) -> None:
        order, differences = self.order, self._differences
        differences[order + 2] = correction - differences[order + 1]
        differences[order + 1] = correction
        for i in reversed(range(order + 1)):
            differences[i] += differences[i + 1]
        self.t, self.y = t, y
        self._num_equal_steps += 1
        self._measured_since += 1
        self._choose_products()

    def _choose_products(self) -> None:
        """Try cheaper products again after some steps, take better ones where Newton contracts slowly."""
        self._num_steps_of_kind += 1
        if self._contraction > _SLOW and self._measured_since == 1:
            self._better_products()
        elif self._kind and self._num_steps_of_kind >= _STEPS_TO_RETRY:
            self._kind, self._num_steps_of_kind = self._kind - 1, 0
            self._remeasure()

    def _better_products(self) -> bool:
        """Go on with the next better products, if there are any."""
        if self._kind + 1 >= len(self._linearize):
            return False
        self._kind, self._num_steps_of_kind = self._kind + 1, 0
        return True

    def _adapt(self, error: float, scale: float | Array, safety: float) -> None:
        """Go on with the order, out of three neighbors, that allows the longest step."""
        order, differences = self.order, self._differences
        lower = _ERROR[order - 1] * _measured(differences[order], scale) if order > 1 else inf
        higher = _ERROR[order + 1] * _measured(differences[order + 2], scale) if order < MAX_ORDER else inf
        factors = [
            max(each, 1e-15) ** (-1 / (order + more)) for more, each in enumerate((lower, error, higher))
        ]
        best = max(range(3), key=factors.__getitem__)
        self.order += best - 1
        self._change_step(min(_MAX_GROWTH, safety * factors[best]))

    def _change_step(self, factor: float) -> None:
        order, differences = self.order, self._differences
        rescale(differences[: order + 1], factor)
        differences[order + 1] *= factor ** (order + 1)
        self._h *= factor
        self._num_equal_steps = 0

    def _corrected(self, t: float) -> tuple[Array, Array, int] | None:
        """Return y = y_p + d and d = c f(t, y) - psi, and the iterations spent, None where Newton fails."""
        order = self.order
        y = self._differences[: order + 1].sum(axis=0)
        scale = self._tolerance.scale(y)
        c, unit = self._h * self.direction / _ALPHA[order], self.n**0.5 / _ERROR[order]
        tolerance = _LINEAR * unit
        correction = _CARRIED * self._differences[order + 1]
        y += correction
        change = left_over = nan
        for iteration in range(_MAX_NEWTON):
            velocity, product = self._linearized(t, y)
            residual = self._residual_of(c, velocity, correction, scale)
            size = norm(residual)
            if not isfinite(size):
                return None
            if iteration:
                self._measured_since, self._stretch = 0, inf
                self._contraction = max(size - left_over, 0.0) / change
            if size <= (2 if iteration else 1) * tolerance:
                return y, correction, max(iteration, 1)
            if iteration and self._contraction >= 1:
                return None
            step, left_over = self._solved(product, c, residual, scale, tolerance)
            if not left_over <= tolerance:
                return None
            change = norm(step)
            step *= scale
            y += step
            correction += step
            trusted = self._measured_since < _STEPS_TO_REMEASURE
            if trusted and self._contraction * change <= _NONLINEAR * unit:
                return y, correction, iteration + 1
        return None

    def _residual_of(self, c: float, velocity: Array, correction: Array, scale: float | Array) -> Array:
        """Return c f - psi - d in units of `scale`."""
        order, residual = self.order, self._residual
        np.dot(SHARES[order], self._differences[1 : order + 1], out=residual)
        residual += correction
        np.subtract(np.multiply(velocity, c, out=self._image), residual, out=residual)
        residual /= scale
        return residual

    def _solved(
        self, product: Product, c: float, residual: Array, scale: float | Array, tolerance: float
    ) -> tuple[Array, float]:
        """Return delta with (I - c J) delta = `residual` and the norm of what is left of it."""
        shrunk = abs(c) * self._stretch
        left_over = shrunk * norm(residual)
        if shrunk <= _GENTLE and left_over <= _GUESS * tolerance:
            return residual.copy(), left_over
        shifted = _shifted(product, c, scale, self._image)
        solution = gmres(shifted, residual, tolerance, self._basis, _MAX_CYCLES)
        along, across = solution.columns[0][:2]
        self._stretch = hypot(along - 1, across) / abs(c)
        return solution.x, solution.residual

    def _linearized(self, t: float, y: Array) -> tuple[Array, Product]:
        """Return the velocity at (t, y) and the product with the Jacobian there."""
        if self._linearize:
            self.nfev += 1
            velocity, product = self._linearize[self._kind](t, y)
            return velocity, self._counted(product)
        velocity = self._newest
        velocity[:] = self.fun(t, y)
        if self._jvp is not None:
            jvp = self._jvp
            return velocity, self._counted(lambda v: jvp(t, y, v))
        return velocity, jacobian_by_differences(self.fun, t, y, velocity, self._image)

    def _counted(self, product: Product) -> Product:
        def counted(v: Array) -> Array:
            self.num_products += 1
            return product(v)

        return counted

    def _dense_output_impl(self) -> NdfOutput:
        differences = self._differences[: self.order + 1].copy()
        return NdfOutput(self.t_old, self.t, self._h * self.direction, differences)


def _measured(v: Array, scale: float | Array) -> float:
    """Return the root mean square of v in units of `scale`."""
    return rms(v / scale) if isinstance(scale, np.ndarray) else rms(v) / scale


def _shifted(product: Product, c: float, scale: float | Array, image: Array) -> Product:
    """Return the product with I - c J for vectors in units of `scale`, into `image`."""

    def shifted(v: Array) -> Array:
        if isinstance(scale, np.ndarray):
            np.multiply(product(v * scale), -c, out=image)
            np.divide(image, scale, out=image)
        else:
            np.multiply(product(v), -c, out=image)
        return np.add(image, v, out=image)

    return shifted
