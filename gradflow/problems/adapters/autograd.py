"""A loss written with autograd.numpy as a problem."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gradflow import validate
from gradflow.problems.completed import Exact
from gradflow.problems.members import Members
from gradflow.types import Array

NO_AUTOGRAD = 'from_autograd needs autograd, which is not installed: pip install "gradflow-sim[autograd]"'


def from_autograd(loss: Callable[[Array], Any], num_weights: int | None = None) -> Exact:
    """Return the problem of a loss written with ``autograd.numpy``.

    Parameters
    ----------
    loss : callable
        ``loss(w)``, one number for w of shape (n,).
    num_weights : int, optional
        n. By default a weight vector of any length is passed on.

    Raises
    ------
    ImportError
        If autograd is not installed.
    ValueError
        If the loss cannot be called; from the problem, if it returns something of the wrong shape.

    See Also
    --------
    from_jax, from_callables

    Examples
    --------
    >>> import autograd.numpy as anp
    >>> hill = from_autograd(lambda w: anp.sum(w**4), 2)
    >>> hill.loss_and_gradient([1.0, 2.0])
    (17.0, array([ 4., 32.]))
    >>> hill.hvp([1.0, 2.0], [1.0, 1.0])
    array([12., 48.])
    """
    try:
        import autograd
        from autograd.differential_operators import make_hvp
    except ImportError:
        raise ImportError(NO_AUTOGRAD) from None
    validate.function("loss", loss)
    size = None if num_weights is None else validate.count("num_weights", num_weights)
    both, products = autograd.value_and_grad(loss), make_hvp(loss)

    def linearize(w: Array) -> tuple[Any, Any, Any]:
        # Loss and gradient to the last bit those of `both`, which the kept graph does not give.
        return *both(w), products(w)[0]

    members = Members(size, loss, autograd.grad(loss), both, lambda w, v: products(w)[0](v), linearize)
    problem = Exact(members, f"Autograd({'any number of' if size is None else size} weights)")
    # The gradient is right by construction, but only if the loss is a function of the weights alone.
    problem.is_doubted = True
    return problem
