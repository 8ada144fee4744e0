"""The gradient flow, Pineda's dw/dt = -mu dE/dw."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar

import numpy as np

from gradflow import scaling, validate
from gradflow.problems.completed import as_problem
from gradflow.problems.problem import Linearization, Problem, Product, RoughlyLinearized
from gradflow.types import Array


@dataclass(frozen=True, eq=False)
class GradientFlow:
    """dw/dt = -mu grad E(w), along which dE/dt = -grad E' mu grad E <= 0.

    Its Jacobian is -mu H. For a vector or matrix rate that is symmetric in the inner product
    <u, mu^-1 v>, so the spectrum stays real.

    Parameters
    ----------
    problem : Problem
        The loss that is descended; one with at least ``loss_and_gradient(w)`` is completed.
    rate : float, ndarray (n,) or ndarray (n, n)
        mu: a number, one time scale per weight, or a symmetric positive definite matrix.

    Raises
    ------
    ValueError
        If `problem` is none, or `rate` is not positive (definite) or does not fit the problem.

    References
    ----------
    Pineda, *Generalization of back-propagation to recurrent neural networks*, Phys. Rev. Lett. 59,
    2229 (1987): weights on trajectories antiparallel to the gradient of E.

    Examples
    --------
    >>> from gradflow.problems.landscapes.quadratic import Quadratic
    >>> GradientFlow(Quadratic([1.0, 4.0]), rate=2.0)(0.0, np.array([1.0, 1.0]))
    array([-2., -8.])
    """

    problem: Problem
    rate: float | Array = 1.0
    symmetric: ClassVar[bool] = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "problem", as_problem(self.problem))
        rate = validate.scale("rate", self.rate)
        size = self.problem.num_weights
        if np.ndim(rate) and size is not None and np.shape(rate)[0] != size:
            raise ValueError(f"`rate` must fit {size} weights, got shape {np.shape(rate)}")
        object.__setattr__(self, "rate", rate)

    def on(self, problem: Problem) -> GradientFlow:
        """Return the gradient flow of `problem` at the same rate."""
        return replace(self, problem=problem)

    def initial_state(self, w0: Array) -> Array:
        """Return w0: the state is the weights."""
        return w0

    def weights(self, y: Array) -> Array:
        """Return y: the state is the weights."""
        return y

    def __call__(self, t: float, y: Array) -> Array:  # noqa: ARG002
        """Return -mu grad E(y), shape (n,)."""
        rate = self.rate
        if type(rate) is float:
            return self.problem.gradient(y) * -rate
        return -scaling.apply(rate, self.problem.gradient(y))

    def gradient_from(self, velocity: Array) -> Array | None:
        """Return grad E = -dw/dt / mu, shape (n,); None for a matrix rate, with which it would be dear."""
        return None if np.ndim(self.rate) == 2 else velocity / -self.rate

    def jvp(self, t: float, w: Array, v: Array) -> Array:  # noqa: ARG002
        """Return -mu H(w) v for v of shape (n,) or (n, k)."""
        return -scaling.apply(self.rate, self.problem.hvp(w, v))

    def jacobian(self, t: float, w: Array) -> Array:
        """Return -mu H(w) as a dense matrix (n, n), at the cost of n products."""
        return self.jvp(t, w, np.eye(w.size))

    def linearize(self, t: float, y: Array) -> tuple[Array, Product]:
        """Return -mu grad E(y) and the product v -> -mu H(y) v."""
        return self._from(self.problem.linearize, t, y)

    def rough_linearizations(self) -> list[Callable[[float, Array], tuple[Array, Product]]]:
        """Return functions like `linearize` with the problem's rough products, the cheapest first, if any."""
        if not isinstance(self.problem, RoughlyLinearized):
            return []
        return [partial(self._from, linearize) for linearize in self.problem.rough_linearizations()]

    def _from(self, linearize: Linearization, t: float, y: Array) -> tuple[Array, Product]:  # noqa: ARG002
        _, gradient, product = linearize(y)
        return -scaling.apply(self.rate, gradient), lambda v: -scaling.apply(self.rate, product(v))
