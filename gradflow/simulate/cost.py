"""Predicting, while an explicit method runs, what the rest of the way will cost."""

from __future__ import annotations

import warnings
from typing import Any, Protocol, runtime_checkable

import numpy as np

from gradflow.errors import FAILURES, CostWarning
from gradflow.flows.flow import Flow, Linearized
from gradflow.numerics.krylov import fastest_decay
from gradflow.simulate.integrators import Integrator
from gradflow.solvers.control import jacobian_by_differences
from gradflow.types import Array, Product

COSTLY = 50_000
FIRST_LOOK = 1_000
NEXT_LOOK = 1.5
NUM_PRODUCTS = 10


def watches(solver: Any, integrator: Integrator) -> bool:
    """Return whether the cost of this solver can be predicted: that of an explicit Runge-Kutta method."""
    return isinstance(solver, Tableau) and not integrator.takes("jac")


@runtime_checkable
class Tableau(Protocol):
    """A Runge-Kutta method of scipy's form."""

    A: Array
    B: Array
    n_stages: int


class CostWatch:
    """Warns once when an explicit method is about to spend more than `COSTLY` gradients.

    A step that is limited by stability is no longer than c / lambda, with lambda the decay
    rate of the flow's fastest mode and c the method's real stability interval, so the way to
    `end_time` costs stages * lambda * (end_time - t) / c gradients. lambda grows on the way, hence
    the looks at a growing number of gradients.
    """

    def __init__(self, flow: Flow, solver: Any, name: str, num_states: int, end_time: float) -> None:
        self._flow, self._name, self._end_time = flow, name, end_time
        self._stages, self._tableau = int(solver.n_stages), (solver.A, solver.B)
        self._next_look: float = FIRST_LOOK
        self._direction = np.random.default_rng(0).standard_normal(num_states)

    def look(self, t: float, y: Array, num_gradients: int) -> None:
        """Predict again if enough gradients were spent since the last time."""
        if num_gradients < self._next_look:
            return
        self._next_look = NEXT_LOOK * num_gradients
        try:
            decay, self._direction = fastest_decay(_product(self._flow, t, y), self._direction, NUM_PRODUCTS)
        except FAILURES:
            return  # A prediction that cannot be made ends no run.
        limit = stability_interval(*self._tableau)
        predicted = num_gradients + self._stages * decay * (self._end_time - t) / limit
        if predicted > COSTLY:
            self._next_look = np.inf
            warnings.warn(
                f"{self._name} will need about {predicted:.2g} gradients to reach t = {self._end_time:g}: "
                f"the flow is stiff (its fastest mode decays at {decay:.3g} at t = {t:.3g}). A stiff method, "
                "as `method='auto'` chooses, takes far fewer; `max_evaluations` bounds the cost.",
                CostWarning,
                stacklevel=5,
            )


def _product(flow: Flow, t: float, y: Array) -> Product:
    """Return the product with the Jacobian, by differences where the flow has no other."""
    if isinstance(flow, Linearized):
        return flow.linearize(t, y)[1]
    velocity = np.array(flow(t, y))
    return jacobian_by_differences(flow, t, y, velocity, np.empty_like(y))


def stability_interval(a: Array, b: Array) -> float:
    """Return the length c of the real stability interval [-c, 0] of an explicit Runge-Kutta method.

    The stability function R(z) = 1 + z b' (I - z A)^-1 1 has degree at most the number of stages;
    c is where |R(-c)| first exceeds 1.

    References
    ----------
    Hairer and Wanner, *Solving ODEs II*, section IV.2, equation (2.3).
    """
    stages = len(b)
    powers = [np.ones(stages)]
    for _ in range(stages - 1):
        powers.append(a @ powers[-1][: a.shape[1]])
    coefficients = np.array([1.0, *(b @ power for power in powers)])
    z = np.linspace(0.0, 4.0 * stages, 4000 * stages + 1)
    growth = np.abs(np.polynomial.polynomial.polyval(-z, coefficients))
    return float(z[np.argmax(growth > 1.0 + 1e-9)])
