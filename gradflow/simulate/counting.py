"""The one wrapper through which both kinds of run evaluate a problem."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from gradflow.problems.problem import Followed, Linearization, Problem, Product, RoughlyLinearized
from gradflow.types import Array


class BudgetSpent(Exception):
    """The run has used all the gradients it may."""


class NonFinite(ArithmeticError):
    """A gradient or a product is NaN or infinite; the argument says which."""


class CountedProblem:
    """A problem that counts its gradients and products, and stops when a budget is spent."""

    def __init__(self, problem: Problem, max_gradients: int | None = None) -> None:
        self.problem = problem
        self.num_weights = problem.num_weights
        self.num_gradients = 0
        self.num_hvps = 0
        self._max_gradients = max_gradients
        # Asked once: looking for a protocol's members costs more than a small gradient.
        self._follower = problem if isinstance(problem, Followed) else None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.problem, name)

    def accept(self, w: Array) -> None:
        """Tell a problem that wants to know it which weights the run has come to."""
        if self._follower is not None:
            self._follower.accept(w)

    def loss(self, w: Array) -> float:
        """Return E(w); a loss is not counted."""
        return float(self.problem.loss(w))

    def gradient(self, w: Array) -> Array:
        """Return dE/dw."""
        return self.loss_and_gradient(w)[1]

    def loss_and_gradient(self, w: Array) -> tuple[float, Array]:
        """Return E(w) and dE/dw."""
        self._spend()
        loss, gradient = self.problem.loss_and_gradient(w)
        return float(loss), gradient

    def hvp(self, w: Array, v: Array) -> Array:
        """Return H(w) v, one product per column of v."""
        self._count_products(v)
        return self.problem.hvp(w, v)

    def with_product(self, w: Array) -> tuple[float, Array, Product | None]:
        """Return E(w), dE/dw and the product there, which serves records and is not counted."""
        self._spend()
        loss, gradient, product = self.problem.linearize(w)
        return float(loss), gradient, product

    def linearize(self, w: Array) -> tuple[float, Array, Product]:
        """Return E(w), dE/dw and the counted product there."""
        return self._counted(self.problem.linearize, w)

    def rough_linearizations(self) -> tuple[Linearization, ...]:
        """Return the problem's rough linearizations, counted; none where it has none."""
        if not isinstance(self.problem, RoughlyLinearized):
            return ()
        return tuple(partial(self._counted, each) for each in self.problem.rough_linearizations())

    def _counted(self, linearize: Linearization, w: Array) -> tuple[float, Array, Product]:
        self._spend()
        loss, gradient, product = linearize(w)

        def counted(v: Array) -> Array:
            self._count_products(v)
            return product(v)

        return float(loss), gradient, counted

    def _spend(self) -> None:
        if self._max_gradients is not None and self.num_gradients >= self._max_gradients:
            raise BudgetSpent
        self.num_gradients += 1

    def _count_products(self, v: Array) -> None:
        self.num_hvps += 1 if v.ndim == 1 else v.shape[1]


class LastPoint(CountedProblem):
    """A counted problem that remembers the last point evaluated.

    An explicit method evaluates the flow at the end of its step; the loss and the gradient there
    then cost nothing more. What is returned must be left as it is.
    """

    _last: tuple[Array, float, Array] | None = None

    def loss_and_gradient(self, w: Array) -> tuple[float, Array]:
        """Return E(w) and dE/dw, from memory if `w` is the last point."""
        if self._last is None or not np.array_equal(self._last[0], w):
            self._last = (w.copy(), *super().loss_and_gradient(w))
        return self._last[1:]

    def with_product(self, w: Array) -> tuple[float, Array, Product | None]:
        """Return E(w), dE/dw and the product there; None for the product if `w` is the last point."""
        if self._last is not None and np.array_equal(self._last[0], w):
            return *self._last[1:], None
        loss, gradient, product = super().with_product(w)
        self._last = (w.copy(), loss, gradient)
        return loss, gradient, product

    def _counted(self, linearize: Linearization, w: Array) -> tuple[float, Array, Product]:
        loss, gradient, product = super()._counted(linearize, w)
        self._last = (w.copy(), loss, gradient)
        return loss, gradient, product


def are_finite(u: Array, v: Array) -> bool:
    """Return whether every entry of both is finite, at the price of one dot product when all is well."""
    return bool(np.isfinite(u @ v)) or bool(np.isfinite(u).all() and np.isfinite(v).all())
