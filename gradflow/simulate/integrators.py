"""From the name of an integrator to a stepper for one flow."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from scipy.integrate import BDF, DOP853, LSODA, RK23, RK45, Radau

from gradflow.flows.flow import Flow
from gradflow.solvers import CVODE, ROCK2, KrylovBDF, Switching
from gradflow.types import Array

Linearize = Callable[[float, Array], tuple[Array, Callable[[Array], Array]]]

METHODS: dict[str, Callable[..., Any]] = {
    "RK23": RK23,
    "RK45": RK45,
    "DOP853": DOP853,
    "Radau": Radau,
    "BDF": BDF,
    "LSODA": LSODA,
    "krylov-bdf": KrylovBDF,
    "rock2": ROCK2,
    "cvode": CVODE,
}

# Methods whose steps are too long for cubic Hermite interpolation: they keep points inside their steps.
LONG_STEPS = ("DOP853",)

# Entries of the state up to which a dense Jacobian pays, and from which tolerance ROCK2 does, see `choose`.
MAX_DENSE = 100
LOOSE = 5e-3

# A difference of two gradients costs one more gradient, an exact product 1.1 to 2, a rough one 0.4 to 0.8.
OWN_DIFFERENCES = (KrylovBDF, Switching)


class Stepper(Protocol):
    """What the driver asks of an integrator; every ``scipy.integrate.OdeSolver`` has it."""

    t: float
    y: Array
    status: str

    def step(self) -> str | None:
        """Take one step; on failure set `status` to "failed" and return the reason."""

    def dense_output(self) -> Callable[[float], Array]:
        """Return the interpolant of the last step."""


@dataclass(frozen=True, eq=False)
class Method:
    """An integrator by name, and how to start it: ``make(fun, t0, y0, t_bound, **options)``."""

    name: str
    make: Callable[..., Stepper]

    def takes(self, option: str) -> bool:
        """Return whether `make` has an option of that name that is still free."""
        if isinstance(self.make, functools.partial) and option in self.make.keywords:
            return False
        if any(option in inspect.signature(each).parameters for each in _signed(self.make)):
            return True
        # A callable that passes on whatever it gets, and so at least the tolerances.
        passes_on = any(p.kind is p.VAR_KEYWORD for p in inspect.signature(self.make).parameters.values())
        return passes_on and not inspect.isclass(self.make) and option in ("rtol", "atol")

    def products(self, flow: Flow) -> list[Linearize]:
        """Return the flow's linearizations with the products that `make` is best off with, if any."""
        if not self.takes("linearize"):
            return []
        made = self.make.func if isinstance(self.make, functools.partial) else self.make
        if made in OWN_DIFFERENCES:
            return flow.rough_linearizations() if hasattr(flow, "rough_linearizations") else []
        return [flow.linearize] if hasattr(flow, "linearize") else []


def _signed(make: Callable[..., Any]) -> list[Callable[..., Any]]:
    """Return what names the options of `make`: itself, and the classes it hands **options on to."""
    made = make.func if isinstance(make, functools.partial) else make
    if not inspect.isclass(made):
        return [make]
    return [make, *(base for base in made.__mro__ if "__init__" in vars(base) and base is not object)]


def resolve(method: Any, num_states: int, symmetric: bool, rtol: float) -> Method:
    """Return the method for a name, an `OdeSolver` class, or a callable that makes a stepper.

    Raises
    ------
    ValueError
        If the name is unknown or the object cannot be called.
    """
    if isinstance(method, str):
        names = {name.lower(): name for name in METHODS}
        if method.lower() == "auto":
            return Method(*choose(num_states, symmetric, rtol))
        if method.lower() not in names:
            raise ValueError(
                f"`method` must be auto, {', '.join(METHODS)} or an OdeSolver class, got {method!r}"
            )
        name = names[method.lower()]
        return Method(name, METHODS[name])
    if not callable(method):
        raise ValueError(f"`method` must be a name, an OdeSolver class or a callable, got {method!r:.60}")
    named = method.func if isinstance(method, functools.partial) else method
    return Method(getattr(named, "__name__", type(named).__name__), method)


def choose(num_states: int, symmetric: bool, rtol: float) -> tuple[str, Callable[..., Any]]:
    """Return the name and the maker of the method that "auto" stands for.

    The flow of a network is stiff, so an implicit method it is: BDF with the exact Hessian where that is
    small, matrix-free beyond. A flow that oscillates begins with an explicit one, and either kind goes
    over to the other where the flow turns out stiff, or not. At loose tolerances ROCK2 needs the
    fewest gradients.
    """
    if not symmetric:
        return "RK45", functools.partial(Switching, explicit=True)
    if num_states <= MAX_DENSE:
        return "BDF", BDF
    return ("rock2", ROCK2) if rtol >= LOOSE else ("krylov-bdf", Switching)


def jacobian(flow: Flow) -> Callable[[float, Array], Array]:
    """Return the dense Jacobian of a flow, by its own formula or column by column."""
    own = getattr(flow, "jacobian", None)
    if own is not None:
        return own
    return lambda t, y: flow.linearize(t, y)[1](np.eye(y.size))
