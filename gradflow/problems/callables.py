"""Any loss the user has, as a problem."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gradflow import validate
from gradflow.problems.completed import ByDifferences, Exact
from gradflow.problems.members import Members
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
) -> Exact | ByDifferences:
    """Return the problem whose loss and derivatives are the given functions.

    Each function gets copies of the weights that it may change, and may return anything that
    ``numpy.asarray`` takes. Without `hvp` the product with the Hessian is the central difference
    (g(w + h v) - g(w - h v)) / (2 h): two gradients a product, and about eight at its first in
    every place, to measure the length |h v| where the gradient's bends and its rounding leave the same
    error. In float64 nine to ten digits are right, in float32 (or where the functions convert to it) about
    four.

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
    members = Members(size, loss, gradient, loss_and_gradient, hvp)
    name = f"Callables({'any number of' if size is None else size} weights, hvp "
    if hvp is None:
        return ByDifferences(members, name + "by differences of gradients)")
    return Exact(members, name + "given)")
