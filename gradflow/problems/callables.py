"""Any loss the user has, as a problem."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import ArrayLike

from gradflow import validate
from gradflow.problems.problem import Product
from gradflow.types import Array

NO_GRADIENT = (
    "`gradient` must be given, or `loss_and_gradient`: there is none for this loss. An extra provides one, "
    'for example `pip install "gradflow-sim[autograd]"` (or [jax], [torch]) '
    "and from_callables(loss, autograd.grad(loss)) for a loss written with autograd.numpy"
)


def from_callables(
    loss: Callable[[Array], Any] | None,
    gradient: Callable[[Array], Any] | None = None,
    num_weights: int | None = None,
    *,
    loss_and_gradient: Callable[[Array], Any] | None = None,
    hvp: Callable[[Array, Array], Any] | None = None,
) -> Callables:
    """Return the problem whose loss and derivatives are the given functions.

    Each function gets copies of the weights that it may change, and may return anything that
    ``numpy.asarray`` takes. Without `hvp` the product with the Hessian is the central difference
    (g(w + h v) - g(w - h v)) / (2 h), h = eps^(1/3) (1 + |w|) / |v|: two gradients a product, about
    ten correct digits.

    Parameters
    ----------
    loss : callable or None
        ``loss(w)``, one number for w of shape (n,). None if `loss_and_gradient` is given.
    gradient : callable, optional
        ``gradient(w)``, shape (n,).
    num_weights : int, optional
        n. By default a weight vector of any length is passed on.
    loss_and_gradient : callable, optional
        ``loss_and_gradient(w)``, the pair of both; used wherever both are wanted.
    hvp : callable, optional
        ``hvp(w, v)``, the product with the Hessian at w, for one v of shape (n,).

    Raises
    ------
    ValueError
        If there is no loss or no gradient, or a function cannot be called; from the problem, if a
        function returns something of the wrong shape.

    Examples
    --------
    >>> quartic = from_callables(lambda w: (w**4).sum(), lambda w: 4 * w**3)
    >>> quartic.loss_and_gradient([1.0, 2.0])
    (17.0, array([ 4., 32.]))
    >>> quartic.hvp([1.0, 2.0], [1.0, 0.0]).round(6)
    array([12.,  0.])
    """
    functions = {"loss": loss, "gradient": gradient, "loss_and_gradient": loss_and_gradient, "hvp": hvp}
    for name, function in functions.items():
        if function is not None and not callable(function):
            raise ValueError(f"`{name}` must be a function, got {function!r:.60}")
    if loss is None and loss_and_gradient is None:
        raise ValueError("`loss` must be a function, or `loss_and_gradient` must be given, got neither")
    if gradient is None and loss_and_gradient is None:
        raise ValueError(NO_GRADIENT)
    size = None if num_weights is None else validate.count("num_weights", num_weights)
    return Callables(size, loss, gradient, loss_and_gradient, hvp)


@final
@dataclass(eq=False, repr=False)
class Callables:
    """A problem made of the user's functions; see `from_callables`, which checks them."""

    num_weights: Any  # an int, or None where any length will do
    loss_function: Callable[[Array], Any] | None
    gradient_function: Callable[[Array], Any] | None
    joint_function: Callable[[Array], Any] | None
    hvp_function: Callable[[Array, Array], Any] | None

    def __repr__(self) -> str:
        size = "any number of" if self.num_weights is None else self.num_weights
        kind = "by differences of gradients" if self.hvp_function is None else "given"
        return f"Callables({size} weights, hvp {kind})"

    def loss(self, w: ArrayLike) -> float:
        """Return the loss at w."""
        if self.loss_function is None:
            return self.loss_and_gradient(w)[0]
        return _number(self.loss_function(self._own(w)))

    def gradient(self, w: ArrayLike) -> Array:
        """Return the gradient at w, shape (n,)."""
        if self.gradient_function is None:
            return self.loss_and_gradient(w)[1]
        own = self._own(w)
        return _vector("gradient", self.gradient_function(own), own.size)

    def loss_and_gradient(self, w: ArrayLike) -> tuple[float, Array]:
        """Return the loss and its gradient at w."""
        if self.joint_function is None:
            return self.loss(w), self.gradient(w)
        own = self._own(w)
        pair = self.joint_function(own)
        try:
            loss, gradient = pair
        except (TypeError, ValueError):
            raise ValueError(f"`loss_and_gradient` must return a pair, got {pair!r:.60}") from None
        return _number(loss), _vector("loss_and_gradient", gradient, own.size)

    def hvp(self, w: ArrayLike, v: ArrayLike) -> Array:
        """Return the product with the Hessian at w for v of shape (n,) or (n, k), column by column."""
        own = self._own(w)
        block = validate.directions(v, own.size)
        if block.ndim == 1:
            return self._product(own, block)
        result = np.empty(block.shape)
        for j, column in enumerate(block.T):
            result[:, j] = self._product(own, column)
        return result

    def linearize(self, w: ArrayLike) -> tuple[float, Array, Product]:
        """Return loss, gradient and the product v -> H(w) v."""
        own = self._own(w)
        return *self.loss_and_gradient(own), lambda v: self.hvp(own, v)

    def _own(self, w: ArrayLike) -> Array:
        """Return a copy of w, so that what a function does to it stays with the function."""
        own = np.array(w, dtype=np.float64)
        size = own.size if self.num_weights is None else self.num_weights
        if own.shape != (size,):
            raise ValueError(f"`w` must have shape ({self.num_weights or 'n'},), got {own.shape}")
        return own

    def _product(self, w: Array, v: Array) -> Array:
        if self.hvp_function is not None:
            return _vector("hvp", self.hvp_function(w.copy(), v.copy()), w.size)
        length = np.linalg.norm(v)
        if length == 0:
            return np.zeros(w.size)
        step = np.cbrt(np.finfo(np.float64).eps) * (1 + np.linalg.norm(w)) / length
        return (self.gradient(w + step * v) - self.gradient(w - step * v)) / (2 * step)


def _numbers(name: str, value: Any) -> Array:
    try:
        result = np.asarray(value)
        if result.dtype.kind not in "OUSc":  # None and text would pass for NaN and numbers
            return result.astype(np.float64)
    except (TypeError, ValueError):
        pass
    raise ValueError(f"`{name}` must return numbers, got {value!r:.60}")


def _number(value: Any) -> float:
    result = _numbers("loss", value)
    if result.size != 1:
        raise ValueError(f"`loss` must return one number, got shape {result.shape}")
    return float(result.item())


def _vector(name: str, value: Any, size: int) -> Array:
    result = _numbers(name, value)
    if result.shape != (size,):
        raise ValueError(f"`{name}` must return an array of shape ({size},), got {result.shape}")
    return result
