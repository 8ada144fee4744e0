"""Ways to find the fixed points of a recurrent network, each of which says so when it fails."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import BDF
from scipy.linalg import LinAlgWarning
from scipy.optimize import NoConvergence, anderson

from gradflow.errors import Undefined
from gradflow.problems.recurrent.dynamics import Dynamics
from gradflow.problems.recurrent.newton import are_stable, newton
from gradflow.problems.recurrent.relaxing import Relaxing
from gradflow.types import Array

# Time, in units of the activations' own, after which a pattern is slow.
PATIENCE = 200.0
FOREVER = 1e12
# Lipschitz constant of F up to which iterating it is cheaper than Newton's method.
CONTRACTING = 0.5


@runtime_checkable
class FixedPointSolver(Protocol):
    """From the dynamics and the resting states (P, n) to fixed points (P, n), or `Undefined`."""

    @property
    def finds_unstable(self) -> bool:
        """Whether what it returns may be unstable as a fixed point of the dynamics."""

    def __call__(self, dynamics: Dynamics, rest: Array) -> Array:
        """Return one fixed point a row."""


@dataclass(frozen=True)
class Relaxation:
    """The attractor that dx/dt = -x + F(x) reaches from rest, polished by Newton's method.

    Each pattern relaxes until its speed is below `closeness`; Newton's method then goes on if it
    contracts and the fixed point is stable, else the pattern relaxes on, to a tenth of the speed. What
    has not come to rest after a time of `PATIENCE` (near a fold a pattern may linger where there is no
    fixed point yet, or no more) goes on by an implicit integrator. Where F contracts everywhere there
    is one fixed point, which all ways reach: the iteration x <- F(x) is then the cheapest.

    Attributes
    ----------
    tolerance : float
        Local error of the relaxation, relative to its speed where that is below 1. It decides how
        sharply resting states near the border of two basins are told apart.
    closeness : float
        Speed at which Newton's method is first tried.
    max_steps : int
        Budget of the implicit integrator.
    """

    tolerance: float = 1e-4
    closeness: float = 1e-2
    max_steps: int = 1000
    finds_unstable: ClassVar[bool] = False

    def __call__(self, dynamics: Dynamics, rest: Array) -> Array:
        """Return the attractor of each pattern, shape (P, n)."""
        if dynamics.lipschitz() < CONTRACTING:
            return Picard()(dynamics, rest)
        found = np.empty_like(rest)
        waiting = np.arange(len(rest))
        close = np.full(len(rest), self.closeness)
        run = Relaxing(dynamics.velocity, rest, self.tolerance)
        while run.time.min() < PATIENCE and not run.is_stuck().any():
            near = run.speed() <= close
            if near.any():
                x, settled = attractors(dynamics.only(near), run.x[near])
                close[near] *= 0.1
                found[waiting[near][settled]] = x[settled]
                left = np.ones(len(waiting), dtype=bool)
                left[np.flatnonzero(near)[settled]] = False
                if not left.any():
                    return found
                dynamics, waiting, close = dynamics.only(left), waiting[left], close[left]
                run.keep(left, dynamics.velocity)
            run.step()
        for row, pattern in enumerate(waiting):
            found[pattern] = self._slowly(dynamics.only(np.array([row])), run.x[row], int(pattern))
        return found

    def _slowly(self, dynamics: Dynamics, x: Array, pattern: int) -> Array:
        """Return the attractor of one pattern by an implicit integrator."""
        if not np.isfinite(x).all():
            raise Undefined(f"the activations of pattern {pattern} leave the finite numbers")
        unit = np.eye(x.size)
        # Not LSODA, which cannot be nested: a run of the weights may be using it.
        solver = BDF(
            lambda _, y: dynamics.velocity(y[None])[0],
            0.0,
            x,
            FOREVER,
            rtol=1e-6,
            atol=1e-6,
            jac=lambda _, y: dynamics.jacobian(y[None])[0] - unit,
        )
        speed = close = np.inf
        for _ in range(self.max_steps):
            speed = float(np.abs(dynamics.velocity(solver.y[None])).max())
            if speed <= min(close, self.closeness):
                attractor, settled = attractors(dynamics, solver.y[None])
                if settled[0]:
                    return attractor[0]
                close = 0.1 * speed
                if speed < 1e-13:
                    if _is_fold(dynamics, solver.y[None]):
                        return solver.y
                    raise Undefined(f"pattern {pattern} rests at an unstable fixed point; change `rest`")
            solver.step()
            if solver.status != "running":
                break
        raise Undefined(
            f"pattern {pattern} has not come to rest: after a time of {PATIENCE + solver.t:.4g} its "
            f"activations still move at {speed:.3g}"
        )


def attractors(dynamics: Dynamics, x: Array) -> tuple[Array, NDArray[np.bool_]]:
    """Return the fixed points close to x, and at which rows there is one and it is stable."""
    x, settled = newton(dynamics, x, contraction=0.25)
    settled[settled] = are_stable(dynamics.only(settled).jacobian(x[settled]))
    return x, settled


def _is_fold(dynamics: Dynamics, x: Array) -> bool:
    """Return whether a stable and an unstable fixed point meet here, as far as rounding can tell."""
    return bool(np.linalg.eigvals(dynamics.jacobian(x)).real.max() < 1.0 + 1e-5)


@dataclass(frozen=True)
class Picard:
    """The limit of x <- (1 - damping) x + damping F(x), for |1 - damping + damping lambda(DW)| < 1.

    Undamped (1.0) that is |lambda(DW)| < 1, where the relaxation needs only Re lambda(DW) < 1.
    """

    damping: float = 1.0
    tolerance: float = 1e-14
    max_steps: int = 2000
    finds_unstable: ClassVar[bool] = False

    def __call__(self, dynamics: Dynamics, rest: Array) -> Array:
        """Return the limit of each pattern, shape (P, n)."""
        x = rest
        for _ in range(self.max_steps):
            change = self.damping * dynamics.velocity(x)
            if (np.abs(change).max(axis=1) <= self.tolerance * (1.0 + np.abs(x).max(axis=1))).all():
                return x + change
            x = x + change
        raise Undefined(self._diagnosis(dynamics, x))

    def _diagnosis(self, dynamics: Dynamics, x: Array) -> str:
        change = self.damping * dynamics.velocity(x)
        worst = int(np.argmax(np.nan_to_num(np.abs(change).max(axis=1), nan=np.inf)))
        returned = np.abs(change + self.damping * dynamics.velocity(x + change)).max(axis=1)
        how = f"still moves by {np.abs(change[worst]).max():.3g} after {self.max_steps:,} steps"
        if returned[worst] < 1e-9:
            how = f"is locked on a cycle of two states {np.abs(change[worst]).max():.6g} apart"
        return (
            f"the iteration x <- F(x) does not converge: pattern {worst} {how}; it needs eigenvalues of DW "
            "inside a circle through 1, where the relaxation only needs real parts below 1"
        )


@dataclass(frozen=True)
class Anderson:
    """The fixed points that Anderson's mixing of all patterns together finds (scipy's)."""

    memory: int = 5
    tolerance: float = 1e-13
    max_steps: int = 500
    finds_unstable: ClassVar[bool] = True

    def __call__(self, dynamics: Dynamics, rest: Array) -> Array:
        """Return one fixed point a row, shape (P, n)."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", LinAlgWarning)
                mix: Any = anderson
                x: Array = mix(
                    dynamics.velocity, rest, M=self.memory, f_tol=self.tolerance, maxiter=self.max_steps
                )
        except (NoConvergence, ValueError, np.linalg.LinAlgError):
            steps = f"{self.max_steps:,} steps"
            raise Undefined(f"Anderson's mixing has not found the fixed points in {steps}") from None
        return x


@dataclass(frozen=True)
class Newton:
    """The fixed points that Newton's method finds from rest: fast, and blind to the dynamics."""

    finds_unstable: ClassVar[bool] = True

    def __call__(self, dynamics: Dynamics, rest: Array) -> Array:
        """Return one fixed point a row, shape (P, n)."""
        x, found = newton(dynamics, rest)
        if not found.all():
            raise Undefined(
                f"Newton's method has not found the fixed point of pattern {int(np.argmin(found))}"
            )
        return x


SOLVERS: dict[str, Callable[[], FixedPointSolver]] = {
    "relaxation": Relaxation,
    "picard": Picard,
    "damped-picard": lambda: Picard(damping=0.4),
    "anderson": Anderson,
    "newton": Newton,
}


def choose(solver: Any) -> FixedPointSolver:
    """Return the solver of that name, or the solver itself."""
    if isinstance(solver, str) and solver in SOLVERS:
        return SOLVERS[solver]()
    if isinstance(solver, FixedPointSolver) and not isinstance(solver, type):
        return solver
    raise ValueError(f"`solver` must be one of {', '.join(SOLVERS)} or a solver, got {solver!r:.60}")
