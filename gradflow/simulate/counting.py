"""The one wrapper through which both kinds of run evaluate a problem."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from gradflow.problems.problem import (
    Differenced,
    Doubted,
    Followed,
    Linearization,
    Problem,
    RoughlyLinearized,
)
from gradflow.types import Array, Product

# A smaller budget is left to the run: a look at a gradient that is wrong may take half of this.
LEAST_CHECKED = 100


class BudgetSpent(Exception):
    """The run has used all the gradients it may."""


class NonFinite(ArithmeticError):
    """A gradient or a product is NaN or infinite; the argument says which."""


class CountedProblem:
    """A problem that counts its gradients and products, and stops when a budget is spent.

    Whatever else the problem has, a flow that evaluates it finds here as well.
    """

    def __init__(self, problem: Problem, max_gradients: int | None = None) -> None:
        self.problem = problem
        self.num_weights = problem.num_weights
        self.num_gradients = 0
        self.num_hvps = 0
        self._max_gradients = max_gradients
        # Asked once: looking for a protocol's members costs more than a small gradient.
        self._follower = problem if isinstance(problem, Followed) else None
        self._differences: Callable[[Array], Product] | None = None
        if isinstance(problem, Differenced):
            self._differences = problem.products_from(self._paid_gradient)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.problem, name)

    def accept(self, w: Array) -> None:
        """Tell a problem that wants to know it which weights the run has come to."""
        if self._follower is not None:
            self._follower.accept(w)

    def check_start(self, w: Array) -> None:
        """Let a problem that doubts its gradient look at it, counted; not where the budget is a small one."""
        if isinstance(self.problem, Doubted) and (self._max_gradients or LEAST_CHECKED) >= LEAST_CHECKED:
            self.problem.check_start(w, self)

    def anew(self, w: Array) -> tuple[float, Array]:
        """Return E(w) and dE/dw by an evaluation, also where they are remembered."""
        return self.loss_and_gradient(w)

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
        return float(loss), np.asarray(gradient, dtype=np.float64)

    def hvp(self, w: Array, v: Array) -> Array:
        """Return H(w) v, one product per column of v; of differences the gradients count instead."""
        if self._differences is not None:
            return self._differences(w)(v)
        self._count_products(v)
        return self.problem.hvp(w, v)

    def linearize(self, w: Array) -> tuple[float, Array, Product]:
        """Return E(w), dE/dw and the counted product there."""
        return self._linearized(self.problem.linearize, w)

    def rough_linearizations(self) -> tuple[Linearization, ...]:
        """Return the problem's cheaper linearizations, counted, if it has any."""
        if not isinstance(self.problem, RoughlyLinearized):
            return ()
        return tuple(partial(self._linearized, each) for each in self.problem.rough_linearizations())

    def with_product(self, w: Array) -> tuple[float, Array, Product]:
        """Return E(w), dE/dw and the product there, which serves records and is not counted."""
        self._spend()
        loss, gradient, product = self.problem.linearize(w)
        return float(loss), gradient, product

    def _linearized(self, linearize: Linearization, w: Array) -> tuple[float, Array, Product]:
        if self._differences is not None:
            return *self.loss_and_gradient(w), self._differences(w)
        self._spend()
        loss, gradient, product = linearize(w)

        def counted(v: Array) -> Array:
            self._count_products(v)
            return product(v)

        return float(loss), gradient, counted

    def _paid_gradient(self, w: Array) -> Array:
        """Return dE/dw for a difference, a gradient like any other; nan outside the domain."""
        self._spend()
        try:
            return self.problem.gradient(w)
        except Exception:
            # What is asked for is the product at w: a shorter difference may stay inside.
            return np.full(w.size, np.nan)

    def _spend(self) -> None:
        if self._max_gradients is not None and self.num_gradients >= self._max_gradients:
            raise BudgetSpent
        self.num_gradients += 1

    def _count_products(self, v: Array) -> None:
        self.num_hvps += 1 if v.ndim == 1 else v.shape[1]


class LastPoint(CountedProblem):
    """A counted problem that remembers the last point evaluated.

    An explicit method evaluates the flow at the end of its step; the loss and the gradient there
    then cost nothing more. A flow gets arrays of its own; what is remembered is nobody else's.
    """

    _last: tuple[Array, float, Array] | None = None
    _held_back = 0

    def hold_back(self, count: int) -> None:
        """Keep so many gradients of the budget from the solver, for an end that must be evaluated yet."""
        if self._max_gradients is not None:
            self._max_gradients += self._held_back - count
            self._held_back = count

    @property
    def last(self) -> tuple[Array, float, Array] | None:
        """The last weights evaluated with E and dE/dw there, read-only."""
        return self._last

    def gradient(self, w: Array) -> Array:
        """Return dE/dw, from memory if `w` is the last point."""
        last = self.remembered(w)
        if last is not None:
            return last[1].copy()
        self._spend()
        loss, gradient = self.problem.loss_and_gradient(w)
        return self._remember(w, float(loss), gradient)[1].copy()

    def loss_and_gradient(self, w: Array) -> tuple[float, Array]:
        """Return E(w) and dE/dw, from memory if `w` is the last point."""
        loss, gradient = self.known(w)
        return loss, gradient.copy()

    def anew(self, w: Array) -> tuple[float, Array]:
        """Return E(w) and dE/dw by an evaluation, also where they are remembered."""
        self._last = None
        return self.loss_and_gradient(w)

    def glance(self, w: Array) -> None:
        """Evaluate at w, counted, and go on remembering the point before."""
        last = self._last
        try:
            self.gradient(w)
        finally:
            self._last = last

    def known(self, w: Array) -> tuple[float, Array]:
        """Return E(w) and dE/dw, read-only, from memory if `w` is the last point."""
        last = self.remembered(w)
        if last is None:
            return self._remember(w, *super().loss_and_gradient(w))
        return last

    def remembered(self, w: Array) -> tuple[float, Array] | None:
        """Return E(w) and dE/dw, read-only, if `w` is the last point."""
        last = self._last
        if last is None or last[0][0] != w[0] or not (last[0] == w).all():
            return None
        return last[1:]

    def with_product(self, w: Array) -> tuple[float, Array, Product]:
        """Return E(w), dE/dw and the product there, which serves records and is not counted."""
        loss, gradient, product = super().with_product(w)
        self._remember(w, loss, gradient)
        return loss, gradient, product

    def _linearized(self, linearize: Linearization, w: Array) -> tuple[float, Array, Product]:
        loss, gradient, product = super()._linearized(linearize, w)
        self._remember(w, loss, gradient)
        return loss, gradient, product

    def _remember(self, w: Array, loss: float, gradient: Array) -> tuple[float, Array]:
        own = np.array(gradient, dtype=np.float64)
        own.flags.writeable = False
        self._last = (w.copy(), loss, own)
        return loss, own
