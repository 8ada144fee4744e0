"""What a flow is: a vector field over states from which weights can be read."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from gradflow.problems.problem import Problem, Product
from gradflow.types import Array


@runtime_checkable
class Flow(Protocol):
    """A vector field dy/dt = f(t, y) that moves the weights of a problem.

    The spectrum of a gradient flow is real, that of an oscillator (momentum, relaxation) is not.
    `weights` is linear, so it also maps dy/dt to dw/dt.
    """

    @property
    def problem(self) -> Problem:
        """The problem whose weights move."""

    @property
    def symmetric(self) -> bool:
        """Whether the spectrum of the Jacobian is real."""

    def initial_state(self, w0: Array) -> Array:
        """Return the state that starts from the weights w0, shape (N,)."""

    def weights(self, y: Array) -> Array:
        """Return the weights in a state (N,) or in rows of states (m, N)."""

    def __call__(self, t: float, y: Array) -> Array:
        """Return dy/dt, shape (N,)."""

    def linearize(self, t: float, y: Array) -> tuple[Array, Product]:
        """Return dy/dt and the Jacobian-vector product at (t, y)."""
