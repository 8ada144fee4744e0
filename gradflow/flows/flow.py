"""What a flow is: a vector field over states from which weights can be read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, Self, runtime_checkable

from gradflow.problems.problem import Problem
from gradflow.types import Array, Product


@runtime_checkable
class Flow(Protocol):
    """A vector field dy/dt = f(t, y) that moves the weights of a problem.

    The spectrum of a gradient flow is real, that of an oscillator (momentum, relaxation) is not.
    `weights` is linear, so it also maps dy/dt to dw/dt. These members are all that a run asks for; what
    a flow may have besides are the small protocols below.
    """

    @property
    def problem(self) -> Problem:
        """The problem whose weights move."""

    @property
    def symmetric(self) -> bool:
        """Whether the spectrum of the Jacobian is real."""

    def on(self, problem: Problem) -> Self:
        """Return the same flow, evaluating `problem`: a run hands in one that counts, and keeps yours.

        For a frozen dataclass ``return dataclasses.replace(self, problem=problem)``.
        """

    def initial_state(self, w0: Array) -> Array:
        """Return the state that starts from the weights w0, shape (N,)."""

    def weights(self, y: Array) -> Array:
        """Return the weights in a state (N,) or in rows of states (m, N)."""

    def __call__(self, t: float, y: Array) -> Array:
        """Return dy/dt, shape (N,)."""


@runtime_checkable
class Linearized(Protocol):
    """A flow with exact products; implicit methods difference one without, at evaluations that count."""

    def linearize(self, t: float, y: Array) -> tuple[Array, Product]:
        """Return dy/dt and the Jacobian-vector product at (t, y)."""


@runtime_checkable
class RoughlyLinearized(Protocol):
    """A flow with cheaper, rougher products beside the exact dy/dt."""

    def rough_linearizations(self) -> Sequence[Callable[[float, Array], tuple[Array, Product]]]:
        """Return functions like `linearize`, the cheapest first, none where nothing is gained."""


@runtime_checkable
class Invertible(Protocol):
    """A flow whose velocity tells the gradient: an integrator that knows the one gives the other away."""

    def gradient_from(self, velocity: Array) -> Array | None:
        """Return dE/dw, shape (n,), from dy/dt; None where that costs more than it saves."""


@runtime_checkable
class DenseJacobian(Protocol):
    """A flow with a formula for its whole Jacobian."""

    def jacobian(self, t: float, y: Array) -> Array:
        """Return the Jacobian at (t, y), shape (N, N)."""
