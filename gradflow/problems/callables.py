"""Any loss the user has, as a problem."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradflow import validate
from gradflow.problems.completed import ByDifferences, Exact, SampledByDifferences
from gradflow.problems.members import Members
from gradflow.problems.precision import Evidence
from gradflow.types import Array

NO_GRADIENT = (
    "`gradient` must be given, or `loss_and_gradient`: there is none for this loss. An extra provides one: "
    '`pip install "gradflow-sim[autograd]"` and from_autograd(loss) for a loss written with autograd.numpy, '
    "[frameworks] and from_jax(loss, params) for one written with JAX"
)


def from_callables(
    loss: Callable[[Array], Any] | None,
    gradient: Callable[[Array], Any] | None = None,
    num_weights: int | None = None,
    *,
    loss_and_gradient: Callable[..., Any] | None = None,
    hvp: Callable[[Array, Array], Any] | None = None,
    linearize: Callable[[Array], Any] | None = None,
    num_samples: int | None = None,
    averaged: bool = True,
    gradient_precision: float | None = None,
    check: bool = True,
) -> Exact | ByDifferences:
    """Return the problem whose loss and derivatives are the given functions.

    Each function gets copies of the weights that it may change, and may return anything that
    ``numpy.asarray`` takes. Without `hvp` the product with the Hessian is the central difference
    (g(w + h v) - g(w - h v)) / (2 h): two gradients a product, and about eight at its first in
    every place, to measure the length ``|h v|`` where the gradient's bends and its rounding leave the same
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
        ``loss_and_gradient(w)``, the pair of both; used wherever both are wanted. With `num_samples` it is
        ``loss_and_gradient(w, indices)``, that of the samples `indices`, a vector of whole numbers.
    hvp : callable, optional
        ``hvp(w, v)``, the product with the Hessian at w, for one v of shape (n,).
    linearize : callable, optional
        ``linearize(w)``: loss, gradient and the function v -> H(w) v, where that reuses the passes at w.
    num_samples : int, optional
        N: the loss is one of the samples 0 to N - 1. Then `loss_and_gradient` alone is given.
    averaged : bool
        Whether the loss of samples is their mean, else it is their sum.
    gradient_precision : float, optional
        Relative precision of gradients and products, where it is coarser than their numbers show: of float32
        results that were converted, added up or scaled in float64, of a solver's tolerance. By default that
        of float32 if that is what their numbers are, else that of float64. Curvature is vouched for to what
        it allows, and a flow followed.
    check : bool
        Whether the first run looks at its start whether the loss is the same twice and the gradient's slope
        that of differences of the loss: two gradients, one of which a flow takes over, and two losses;
        up to fifty losses where they disagree. The gradients count as the run's, and so do losses that come
        with a gradient alone. What a function raises there, and what is not finite, is left to the run. A run
        with a `max_evaluations` below 100 does not look, nor does `resume`.

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
    functions["linearize"] = linearize
    for name, function in functions.items():
        if function is not None and not callable(function):
            raise ValueError(f"`{name}` must be a function, got {function!r:.60}")
    if loss is None and loss_and_gradient is None:
        raise ValueError("`loss` must be a function, or `loss_and_gradient` must be given, got neither")
    if gradient is None and loss_and_gradient is None:
        raise ValueError(NO_GRADIENT)
    size = None if num_weights is None else validate.count("num_weights", num_weights)
    if num_samples is not None:
        if any(each is not None for each in (loss, gradient, hvp, linearize)) or loss_and_gradient is None:
            raise ValueError(
                "`num_samples` must come with `loss_and_gradient(w, indices)` alone, got other functions"
            )
        count = validate.count("num_samples", num_samples)
        sampled = _sampled(_Samples(loss_and_gradient, size, np.arange(count), averaged, gradient_precision))
        sampled.is_doubted = check
        return sampled
    evidence = Evidence(gradient_precision)
    members = Members(size, loss, gradient, loss_and_gradient, hvp, linearize, evidence)
    name = f"Callables({'any number of' if size is None else size} weights, hvp "
    is_exact = hvp is not None or linearize is not None
    problem: Exact | ByDifferences
    if is_exact:
        problem = Exact(members, name + "given)")
    else:
        problem = ByDifferences(members, name + "by differences of gradients)")
    problem.is_doubted = check
    return problem


@dataclass(frozen=True, eq=False)
class _Samples:
    """A loss of samples, by a function of the weights and of which samples: those of `indices`."""

    function: Callable[[Array, NDArray[np.intp]], Any]
    num_weights: int | None
    indices: NDArray[np.intp]
    averaged: bool
    gradient_precision: float | None

    @property
    def num_samples(self) -> int:
        return self.indices.size

    def __repr__(self) -> str:
        size = "any number of" if self.num_weights is None else self.num_weights
        return f"Callables({size} weights, {self.num_samples} samples, hvp by differences of gradients)"

    def loss_and_gradient(self, w: Array) -> Any:
        return self.function(w, self.indices.copy())

    def subset(self, indices: NDArray[np.intp]) -> _Samples:
        return replace(self, indices=self.indices[indices])


def _sampled(samples: _Samples) -> SampledByDifferences:
    evidence = Evidence(samples.gradient_precision)
    return SampledByDifferences(
        Members(samples.num_weights, joint=samples.loss_and_gradient, evidence=evidence), samples
    )
