"""Losses 1/2 (f(w) - T)^2 of one output, from the derivatives of that output."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
from numpy.typing import ArrayLike

from gradflow import validate
from gradflow.problems.batched import ByColumns
from gradflow.problems.problem import Product
from gradflow.types import Array


class ScalarOutput(ByColumns):
    """E(w) = 1/2 (f(w) - T)^2 for one output f, whose derivatives the subclass gives."""

    num_weights: int
    target: float

    def loss(self, w: ArrayLike) -> float:
        """Return 1/2 (f(w) - T)^2."""
        return self.loss_and_gradient(w)[0]

    def gradient(self, w: ArrayLike) -> Array:
        """Return (f - T) df/dw, shape (n,)."""
        return self.loss_and_gradient(w)[1]

    def loss_and_gradient(self, w: ArrayLike) -> tuple[float, Array]:
        """Return the loss and its gradient."""
        output, slope = self._output(validate.shaped(w, self.num_weights))
        miss = output - self.target
        return 0.5 * miss * miss, miss * slope

    def hvp(self, w: ArrayLike, v: ArrayLike) -> Array:
        """Return H(w) v for v of shape (n,) or (n, k)."""
        return self.linearize(w)[2](validate.directions(v, self.num_weights))

    def linearize(self, w: ArrayLike) -> tuple[float, Array, Product]:
        """Return loss, gradient and the product v -> df/dw (df/dw . v) + (f - T) d2f/dw2 v."""
        weights = np.array(validate.shaped(w, self.num_weights))
        output, slope = self._output(weights)
        miss = output - self.target

        def product(v: ArrayLike) -> Array:
            along = validate.directions(v, self.num_weights)
            return np.multiply.outer(slope, slope @ along) + miss * self._bend(weights, along)

        return 0.5 * miss * miss, miss * slope, product

    def third_derivative(self, w: ArrayLike, u: ArrayLike, v: ArrayLike) -> Array:
        """Return the vector with entries sum_jk d3E/dw_i dw_j dw_k u_j v_k, shape (n,)."""
        weights = validate.shaped(w, self.num_weights)
        u, v = validate.shaped(u, self.num_weights), validate.shaped(v, self.num_weights)
        output, slope = self._output(weights)
        bent_u, bent_v = self._bend(weights, u), self._bend(weights, v)
        mixed = (slope @ u) * bent_v + (slope @ v) * bent_u + (bent_u @ v) * slope
        return mixed + (output - self.target) * self._twist(weights, u, v)

    def _columns(self, W: Array, out: Array, losses: Array | None, scratch: Array) -> None:
        miss = scratch[0]
        self._output_columns(W, out, miss, scratch[1])
        miss -= self.target
        out *= miss
        if losses is not None:
            np.multiply(miss, miss, out=losses)
            losses *= 0.5

    @abstractmethod
    def _output_columns(self, W: Array, slopes: Array, output: Array, scratch: Array) -> None:
        """Write df/dw (n, L) and f (L,) at W (n, L); `scratch` (L,) may be written over."""

    @abstractmethod
    def _output(self, w: Array) -> tuple[float, Array]:
        """Return f and df/dw."""

    @abstractmethod
    def _bend(self, w: Array, v: Array) -> Array:
        """Return d2f/dw2 v for v of shape (n,) or (n, k)."""

    @abstractmethod
    def _twist(self, w: Array, u: Array, v: Array) -> Array:
        """Return the third derivative of f along u and v, shape (n,)."""
