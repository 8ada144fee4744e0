"""The quadratic loss: closed forms for everything, the yardstick of every method."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from gradflow import validate
from gradflow.kernels import recipes
from gradflow.problems.batched import ByColumns
from gradflow.problems.problem import Product
from gradflow.types import Array


class Quadratic(ByColumns):
    """E(w) = 1/2 (w - w*)' H (w - w*), with gradient H (w - w*) and Hessian H.

    Its gradient flow is w* + exp(-H t) (w0 - w*); descent at learning rate eta is
    w* + (1 - eta H)^k (w0 - w*), which shrinks for eta < 2 / lambda_max(H).

    Parameters
    ----------
    hessian : array_like, shape (n, n), (n,) or ()
        Symmetric H; a vector is its diagonal, a number a loss of one weight. It may be indefinite.
    minimizer : array_like, shape (n,), optional
        w*, the stationary point; the origin by default.

    Raises
    ------
    ValueError
        If `hessian` is not symmetric and finite, or `minimizer` does not fit it.

    Examples
    --------
    >>> problem = Quadratic([1.0, 4.0])
    >>> problem.loss(np.array([2.0, 1.0]))
    4.0
    >>> problem.flow(np.array([2.0, 1.0]), np.log(2.0))
    array([1.    , 0.0625])
    """

    def __init__(self, hessian: ArrayLike, minimizer: ArrayLike | None = None) -> None:
        ndim = np.ndim(hessian)
        given = validate.array("hessian", hessian, min(ndim, 2))
        matrix = np.diag(np.atleast_1d(given)) if ndim < 2 else given
        if matrix.shape[0] != matrix.shape[1] or not np.allclose(matrix, matrix.T, rtol=1e-12, atol=0.0):
            raise ValueError(
                f"`hessian` must be a symmetric matrix, got shape {matrix.shape} or unequal halves"
            )
        self.hessian: Array = (matrix + matrix.T) / 2
        self.num_weights: int = matrix.shape[0]
        self.minimizer: Array = (
            np.zeros(self.num_weights)
            if minimizer is None
            else validate.weight_vector("minimizer", minimizer, self.num_weights)
        )
        self.eigenvalues, self._vectors = np.linalg.eigh(self.hessian)

    def __repr__(self) -> str:
        low, high = self.eigenvalues[[0, -1]]
        return f"Quadratic({self.num_weights} weights, eigenvalues {low:.3g} to {high:.3g})"

    def loss(self, w: ArrayLike) -> float:
        """Return 1/2 (w - w*)' H (w - w*)."""
        return self.loss_and_gradient(w)[0]

    def gradient(self, w: ArrayLike) -> Array:
        """Return H (w - w*), shape (n,)."""
        return self.loss_and_gradient(w)[1]

    def loss_and_gradient(self, w: ArrayLike) -> tuple[float, Array]:
        """Return the loss and its gradient from one product with H."""
        offset = self._weights(w) - self.minimizer
        gradient = self.hessian @ offset
        return 0.5 * float(offset @ gradient), gradient

    def hvp(self, w: ArrayLike, v: ArrayLike) -> Array:
        """Return H v for v of shape (n,) or (n, k)."""
        self._weights(w)
        return self.hessian @ validate.directions(v, self.num_weights)

    def linearize(self, w: ArrayLike) -> tuple[float, Array, Product]:
        """Return loss, gradient and the product v -> H v."""
        loss, gradient = self.loss_and_gradient(w)
        return loss, gradient, lambda v: self.hessian @ validate.directions(v, self.num_weights)

    def third_derivative(self, w: ArrayLike, u: ArrayLike, v: ArrayLike) -> Array:
        """Return zeros: a quadratic has no third derivative."""
        self._weights(w), validate.directions(u, self.num_weights), validate.directions(v, self.num_weights)
        return np.zeros(self.num_weights)

    def flow(self, w0: ArrayLike, t: ArrayLike) -> Array:
        """Return w(t) = w* + exp(-H t) (w0 - w*) of dw/dt = -dE/dw, shape t.shape + (n,)."""
        modes = (self._weights(w0) - self.minimizer) @ self._vectors
        decay = np.exp(-np.multiply.outer(np.asarray(t, dtype=np.float64), self.eigenvalues))
        return self.minimizer + (decay * modes) @ self._vectors.T

    def recipe(self) -> recipes.Recipe:
        """Return the loss in numbers."""
        return recipes.recipe(recipes.QUADRATIC, self.hessian, self.minimizer)

    @property
    def _num_scratch(self) -> int:
        return self.num_weights

    def _columns(self, W: Array, out: Array, losses: Array | None, scratch: Array) -> None:
        np.subtract(W, self.minimizer[:, np.newaxis], out=scratch)
        np.matmul(self.hessian, scratch, out=out)
        if losses is not None:
            np.einsum("nl,nl->l", scratch, out, out=losses)
            losses *= 0.5

    def _weights(self, w: ArrayLike) -> Array:
        return validate.shaped(w, self.num_weights)
