"""From the name of an integrator to a stepper for one flow."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import BDF, DOP853, LSODA, RK23, RK45, Radau

from gradflow.flows.protocol import Flow

Array = NDArray[np.float64]

METHODS: dict[str, Callable[..., Any]] = {
    "RK23": RK23,
    "RK45": RK45,
    "DOP853": DOP853,
    "Radau": Radau,
    "BDF": BDF,
    "LSODA": LSODA,
}

# Methods whose steps are too long for cubic Hermite interpolation: they keep points inside their steps.
LONG_STEPS = ("DOP853",)

# Weights up to which a dense Hessian pays, see `choose`.
MAX_DENSE = 500


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
        return option in inspect.signature(self.make).parameters


def resolve(method: Any, num_states: int) -> Method:
    """Return the method for a name, an `OdeSolver` class, or a callable that makes a stepper.

    Raises
    ------
    ValueError
        If the name is unknown or the object cannot be called.
    """
    if isinstance(method, str):
        names = {name.lower(): name for name in METHODS}
        if method.lower() == "auto":
            name = choose(num_states)
        elif method.lower() in names:
            name = names[method.lower()]
        else:
            raise ValueError(
                f"`method` must be auto, {', '.join(METHODS)} or an OdeSolver class, got {method!r}"
            )
        return Method(name, METHODS[name])
    if not callable(method):
        raise ValueError(f"`method` must be a name, an OdeSolver class or a callable, got {method!r:.60}")
    named = method.func if isinstance(method, functools.partial) else method
    return Method(getattr(named, "__name__", type(named).__name__), method)


def choose(num_states: int) -> str:
    """Return the method that "auto" stands for.

    The flow of a network is stiff. BDF with the exact Hessian follows it in 600 to 1,000 gradients
    where RK45 needs up to 38,000 (Chebyshev-5, 481 weights, flow time 500) and LSODA half as many
    again as BDF; at 610 weights and more its dense Hessians cost more than they save on digits
    (0.80 s against 0.43 s of RK45 at 610, 3.4 s against 0.54 s at 1,210).
    """
    return "BDF" if num_states <= MAX_DENSE else "RK45"


def jacobian(flow: Flow) -> Callable[[float, Array], Array]:
    """Return the dense Jacobian of a flow, by its own formula or column by column."""
    own = getattr(flow, "jacobian", None)
    if own is not None:
        return own
    return lambda t, y: flow.linearize(t, y)[1](np.eye(y.size))
