"""A user's own functions of the weights, called with copies and checked in what they return."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gradflow import validate
from gradflow.problems.precision import Evidence
from gradflow.types import Array


@dataclass(frozen=True, eq=False)
class Members:
    """What there is of a problem: `joint`, or `loss` and `gradient`, and perhaps its products.

    Each function gets copies of the weights that it may change, and may return anything that
    ``numpy.asarray`` takes. Where both ways lead to a value, the shorter one is taken.

    Attributes
    ----------
    num_weights : int or None
        n; None where any length will do.
    loss, gradient, joint : callable or None
        ``loss(w)``, ``gradient(w)`` and ``joint(w)``, the pair of both.
    hvp : callable or None
        ``hvp(w, v)`` for one v of shape (n,).
    linearize : callable or None
        ``linearize(w)``: loss, gradient and the product v -> H(w) v for one v of shape (n,).
    evidence : Evidence
        What the values have shown of their precision.
    """

    num_weights: int | None
    loss: Callable[[Array], Any] | None = None
    gradient: Callable[[Array], Any] | None = None
    joint: Callable[[Array], Any] | None = None
    hvp: Callable[[Array, Array], Any] | None = None
    linearize: Callable[[Array], Any] | None = None
    evidence: Evidence = field(default_factory=Evidence)

    def own(self, w: ArrayLike) -> Array:
        """Return a copy of w, so that what a function does to it stays with the function."""
        own = np.array(validate.numbers("w", w))
        size = own.size if self.num_weights is None else self.num_weights
        if own.shape != (size,):
            raise ValueError(f"`w` must have shape ({self.num_weights or 'n'},), got {own.shape}")
        return own

    def loss_at(self, w: ArrayLike) -> float:
        """Return the loss."""
        if self.loss is None:
            return self.both_at(w)[0]
        return _number(self.loss(self.own(w)))

    def gradient_at(self, w: ArrayLike) -> Array:
        """Return the gradient, shape (n,)."""
        if self.gradient is None:
            return self.both_at(w)[1]
        own = self.own(w)
        return self._vector("gradient", self.gradient(own), own.size, w)

    def both_at(self, w: ArrayLike) -> tuple[float, Array]:
        """Return loss and gradient."""
        if self.joint is None:
            return self.loss_at(w), self.gradient_at(w)
        own = self.own(w)
        loss, gradient = _parts("loss_and_gradient", "a pair", 2, self.joint(own))
        return _number(loss), self._vector("loss_and_gradient", gradient, own.size, w)

    def linearized_at(self, w: ArrayLike) -> tuple[float, Array, Callable[[ArrayLike], Array]]:
        """Return loss, gradient and the product with the Hessian that the user gave, with any block v."""
        own = self.own(w)
        if self.linearize is None:
            return *self.both_at(own), self.product_at(own)
        loss, gradient, product = _parts(
            "linearize", "loss, gradient and product", 3, self.linearize(own.copy())
        )
        validate.function("linearize(w)[2]", product)
        slope = self._vector("linearize", gradient, own.size, w)
        return _number(loss), slope, self._columnwise(product, "linearize", own.size)

    def product_at(self, w: ArrayLike) -> Callable[[ArrayLike], Array]:
        """Return the product alone."""
        if self.hvp is None:
            return self.linearized_at(w)[2]
        own, hvp = self.own(w), self.hvp
        return self._columnwise(lambda v: hvp(own.copy(), v), "hvp", own.size)

    def _columnwise(
        self, product: Callable[[Array], Any], name: str, size: int
    ) -> Callable[[ArrayLike], Array]:
        """Return a product with one v as a product with v of shape (n,) or (n, k)."""

        def checked(v: ArrayLike) -> Array:
            block = validate.directions(v, size)
            if block.ndim == 1:
                return self._vector(name, product(block.copy()), size, block)
            result = np.empty(block.shape)
            for j, column in enumerate(block.T):
                result[:, j] = self._vector(name, product(column.copy()), size, column)
            return result

        return checked

    def _vector(self, name: str, value: Any, size: int, place: ArrayLike) -> Array:
        """Return what came of a place or a vector, of shape (size,)."""
        result = _numbers(name, value)
        if result.shape != (size,):
            raise ValueError(f"`{name}` must return an array of shape ({size},), got {result.shape}")
        if self.evidence.precision is None:
            self.evidence.look(validate.numbers("w", place), result)
        return result.astype(np.float64)


def _parts(name: str, what: str, count: int, value: Any) -> Any:
    try:
        parts = tuple(value)
    except (TypeError, ValueError):
        parts = ()
    if len(parts) != count:
        raise ValueError(f"`{name}` must return {what}, got {value!r:.60}")
    return parts


def _numbers(name: str, value: Any) -> NDArray[Any]:
    try:
        result = np.asarray(value)
        if result.dtype.kind not in "OUSc":  # None and text would pass for NaN and numbers
            return result
    except (TypeError, ValueError):
        pass
    raise ValueError(f"`{name}` must return numbers, got {value!r:.60}")


def _number(value: Any) -> float:
    result = _numbers("loss", value)
    if result.size != 1:
        raise ValueError(f"`loss` must return one number, got shape {result.shape}")
    return float(result.item())
