"""One place on a run, as its records, events and callbacks see it."""

from __future__ import annotations

from typing import Any, Protocol, final, runtime_checkable

import numpy as np

from gradflow.problems.problem import Problem
from gradflow.types import Array, Product


@runtime_checkable
class AtPlace(Protocol):
    """A record, event function or callback that wants the whole place instead of (t, w)."""

    def at_place(self, place: Place) -> Any:
        """Return the value at this place."""


@runtime_checkable
class TakesProduct(AtPlace, Protocol):
    """One that asks for the product: where it is due the run makes its passes so that they give it."""

    @property
    def takes_product(self) -> bool:
        """Whether `at_place` asks for ``place.product``."""


@final
class Place:
    """Where a run is: what it knows there it hands on, what it does not know is evaluated when asked for.

    Arrays are read-only. What is evaluated on request is evaluated once, with the problem itself, and
    counts neither as a gradient nor as a product of the run.

    Attributes
    ----------
    problem : Problem
        What is descended.
    time : float
        Flow time.
    step : int
        Steps taken.
    state : ndarray, shape (N,)
        The flow's state; the weights where it has none of its own.
    weights : ndarray, shape (n,)
    """

    __slots__ = (
        "_gradient",
        "_loss",
        "_product",
        "asked_for_product",
        "problem",
        "state",
        "step",
        "time",
        "weights",
    )

    def __init__(
        self,
        problem: Problem,
        time: float,
        step: int,
        state: Array,
        weights: Array,
        *,
        loss: float | None = None,
        gradient: Array | None = None,
        product: Product | None = None,
    ) -> None:
        self.problem, self.time, self.step = problem, time, step
        self.weights = read_only(weights)
        self.state = self.weights if state is weights else read_only(state)
        self._loss = loss
        self._gradient = None if gradient is None else read_only(gradient)
        self._product = product

    def __repr__(self) -> str:
        return f"Place(step {self.step:,}, t = {self.time:.6g}, {self.weights.size:,} weights)"

    @property
    def loss(self) -> float:
        """E(w)."""
        if self._loss is None:
            self._loss = float(self.problem.loss(self.weights))
        return self._loss

    @property
    def gradient(self) -> Array:
        """dE/dw, shape (n,), of the whole problem whatever batch the run's step takes."""
        if self._gradient is None:
            self._gradient = read_only(self.problem.loss_and_gradient(self.weights)[1])
        return self._gradient

    @property
    def product(self) -> Product:
        """The function v -> H(w) v, for v of shape (n,) or (n, k)."""
        if self._product is None:
            self._product = self.problem.linearize(self.weights)[2]
        return self._product


def takes_product(function: Any) -> bool:
    """Return whether a record, event function or callback asks for the product at its places."""
    return isinstance(function, TakesProduct) and function.takes_product


def read_only(array: Array) -> Array:
    """Return a view that cannot be written through."""
    view = np.asarray(array).view()
    view.flags.writeable = False
    return view
