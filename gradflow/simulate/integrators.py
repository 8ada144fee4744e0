"""The table of integrators: how each is made, and what the driver knows of it."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

import numpy as np
from scipy.integrate import BDF, DOP853, RK23, RK45, Radau

from gradflow.flows.flow import DenseJacobian, Flow, Linearized, RoughlyLinearized
from gradflow.solvers import CVODE, LSODA, ROCK2, KrylovBDF, Switching
from gradflow.types import Array

Linearize = Callable[[float, Array], tuple[Array, Callable[[Array], Array]]]

# What "auto" goes by, see `chosen`, read off the table of benchmarks/auto_regret.py: entries of the state up
# to which a dense Jacobian pays, up to which RK45 does where the gradient jumps, and beyond which a flow
# begins with an implicit method, from a tolerance on that leaves it few steps; from which tolerance ROCK2
# needs the fewest gradients, and from which where the gradient jumps.
MAX_DENSE, FEW, MANY, LOOSE_MANY = 50, 100, 200, 1e-3
LOOSE, LOOSE_KINKED = 5e-3, 1e-3
# scipy's solvers work with 100 times the spacing of floats instead of anything smaller.
SMALLEST_RTOL = 2.3e-14


@runtime_checkable
class Stepper(Protocol):
    """What the driver asks of an integrator; every ``scipy.integrate.OdeSolver`` has it."""

    t: float
    y: Array
    status: str

    def step(self) -> str | None:
        """Take one step; on failure set `status` to "failed" and return the reason."""

    def dense_output(self) -> Callable[[Any], Array]:
        """Return the interpolant of the last step."""


def _unknown(stepper: Any) -> Array | None:  # noqa: ARG001
    return None


def _of_formula(solver: KrylovBDF | LSODA | Switching) -> Array | None:
    return solver.velocity


@dataclass(frozen=True, eq=False)
class Integrator:
    """An integrator, how to start it, and all that the driver knows of it.

    Attributes
    ----------
    name : str
    make : callable
        ``make(fun, t0, y0, t_bound, **options)`` returns a `Stepper`.
    velocity : callable
        ``velocity(stepper)`` returns dy/dt at the end of the last step as an implicit formula has it, to
        what its corrector left over; None where there is none.
    tight, tightening : float
        Errors of a run add up over its steps, and tight tolerances ask for more of them: below the relative
        tolerance `tight` the integrator is given (rtol / tight)^tightening of what was asked.
    own_differences : bool
        Whether it differences the flow where it gets no product: a difference costs one gradient, an
        exact product 1.1 to 2, so that only rough ones, 0.4 to 0.8, are worth handing over.
    bears_rounding : bool
        Whether it gets on with gradients in single precision. scipy's stiff methods measure errors weight by
        weight and solve for more digits, down to a thousandth of the tolerance: they find rounding there, and
        shorten their steps.
    """

    name: str
    make: Callable[..., Any]
    velocity: Callable[[Any], Array | None] = _unknown
    own_differences: bool = False
    tight: float = 1.0
    tightening: float = 0.0
    bears_rounding: bool = True

    def tolerances(self, rtol: float, atol: float) -> dict[str, float]:
        """Return the tolerances that the integrator is given, so that the run keeps those that were asked."""
        share = min(1.0, rtol / self.tight) ** self.tightening
        return {"rtol": max(share * rtol, min(rtol, SMALLEST_RTOL)), "atol": share * atol}

    def takes(self, option: str) -> bool:
        """Return whether `make` has an option of that name that is still free."""
        return option in self._options

    @functools.cached_property
    def _options(self) -> frozenset[str]:
        """The names of the options of `make` that are still free; asking takes longer than a short run."""
        fixed = self.make.keywords if isinstance(self.make, functools.partial) else {}
        named = {name for each in _signed(self.make) for name in inspect.signature(each).parameters}
        # A callable that passes on whatever it gets, and so at least the tolerances.
        own = inspect.signature(self.make).parameters.values()
        if not inspect.isclass(self.make) and any(p.kind is p.VAR_KEYWORD for p in own):
            named |= {"rtol", "atol"}
        return frozenset(named - set(fixed))

    def products(self, flow: Flow) -> list[Linearize]:
        """Return the flow's linearizations with the products that `make` is best off with, if any."""
        if not self.takes("linearize"):
            return []
        if self.own_differences:
            return list(flow.rough_linearizations()) if isinstance(flow, RoughlyLinearized) else []
        return [flow.linearize] if isinstance(flow, Linearized) else []


INTEGRATORS = {
    each.name: each
    for each in (
        Integrator("RK23", RK23),
        Integrator("RK45", RK45),
        Integrator("DOP853", DOP853, tight=1e-6, tightening=0.12),
        Integrator("Radau", Radau, bears_rounding=False),
        Integrator("BDF", BDF, tight=1e-6, tightening=0.2, bears_rounding=False),
        Integrator("LSODA", LSODA, _of_formula, bears_rounding=False),
        Integrator("krylov-bdf", KrylovBDF, _of_formula, own_differences=True),
        Integrator("rock2", ROCK2),
        Integrator("cvode", CVODE, tight=1e-6, tightening=0.2),
    )
}
SWITCHING = Integrator("auto", Switching, _of_formula, own_differences=True)
SWITCHING_STIFF = replace(SWITCHING, make=functools.partial(Switching, stiff=True))
SWITCHING_DENSE = replace(SWITCHING, make=functools.partial(Switching, dense=True), bears_rounding=False)


def resolve(method: Any, num_states: int, symmetric: bool, rtol: float, kinked: bool = False) -> Integrator:
    """Return the integrator for a name, an `OdeSolver` class, or a callable that makes a stepper.

    Raises
    ------
    ValueError
        If the name is unknown or the object cannot be called.
    """
    if isinstance(method, str):
        names = {name.lower(): name for name in INTEGRATORS}
        if method.lower() == "auto":
            return chosen(num_states, symmetric, rtol, kinked)
        if method.lower() not in names:
            raise ValueError(
                f"`method` must be auto, {', '.join(INTEGRATORS)} or an OdeSolver class, got {method!r}"
            )
        return INTEGRATORS[names[method.lower()]]
    if not callable(method):
        raise ValueError(f"`method` must be a name, an OdeSolver class or a callable, got {method!r:.60}")
    made = _made(method)
    known = [each for each in (*INTEGRATORS.values(), SWITCHING) if each.make is made]
    own = known[0] if known else Integrator("", made)
    return replace(own, name=getattr(made, "__name__", type(made).__name__), make=method)


def chosen(num_states: int, symmetric: bool, rtol: float, kinked: bool = False) -> Integrator:
    """Return the integrator that "auto" stands for.

    Nobody knows beforehand how stiff a flow is, and hardly any is at its start, so it begins with RK45 and
    goes over to an implicit method once stability holds the steps back and the rest of the way is long:
    LSODA with the exact Hessian for a handful of weights, matrix-free beyond, and back where that turns
    out dearer. With many weights at a loose tolerance it begins the other way round. At looser ones ROCK2
    needs the fewest gradients. Where the gradient jumps, methods that remember steps creep: those that do
    not go all the way.
    """
    if kinked:
        is_cheap = rtol >= LOOSE_KINKED or num_states > FEW
        return INTEGRATORS["rock2" if symmetric and is_cheap else "RK45"]
    if symmetric and num_states > MAX_DENSE and rtol >= LOOSE:
        return INTEGRATORS["rock2"]
    if symmetric and num_states <= MAX_DENSE:
        return SWITCHING_DENSE
    return SWITCHING_STIFF if symmetric and num_states > MANY and rtol >= LOOSE_MANY else SWITCHING


def jacobian(flow: Flow) -> Callable[[float, Array], Array] | None:
    """Return the dense Jacobian of a flow, by its own formula or column by column; None by differences."""
    if isinstance(flow, DenseJacobian):
        return flow.jacobian
    if isinstance(flow, Linearized):
        return lambda t, y: flow.linearize(t, y)[1](np.eye(y.size))
    return None


def _made(make: Any) -> Any:
    return make.func if isinstance(make, functools.partial) else make


def _signed(make: Callable[..., Any]) -> list[Callable[..., Any]]:
    """Return what names the options of `make`: itself, and the classes it hands **options on to."""
    made = _made(make)
    if not inspect.isclass(made):
        return [make]
    return [make, *(base for base in made.__mro__ if "__init__" in vars(base) and base is not object)]
