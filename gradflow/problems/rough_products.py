"""Products in single precision from the passes of a gradient: rough, but at a half to two thirds of its cost.

Same recursions as in `hessian_products`, for one direction at a time. The Gauss-Newton product leaves out the
terms with the residual: f''(x) dE/dy Rx, V' delta and delta R(below)'.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradflow.problems.plan import Layer, Plan
from gradflow.problems.pool import Pool

Array = NDArray[np.float64]
Single = NDArray[Any]

KINDS = ("hessian", "gauss-newton")

# Signals (units times samples) below which a call costs more than its arithmetic, in either precision.
LEAST_SIGNALS = 1_000


class RoughProduct:
    """v -> H(w) v, or G(w) v, of the weights where `plan` went forward and backward.

    It copies what it needs from the plan, which is free at once; its own workspace goes to the pool
    when it is dropped.
    """

    def __init__(
        self, plan: Plan, pool: Pool, output_curvature: Callable[[Array], None], exact: bool
    ) -> None:
        self._pool, self._key = pool, ("single", plan.num_samples, exact)
        self._layers: list[SingleLayer] = pool.take(self._key, lambda: _copies(plan, exact))
        self._architecture, self._output_curvature = plan.architecture, output_curvature
        for copy, layer in zip(self._layers, plan.layers, strict=True):
            copy.load(layer)

    def __del__(self) -> None:
        self._pool.give(self._key, self._layers)

    def __call__(self, v: Array) -> Array:
        """Return the product as float64, for v of shape (n,)."""
        direction: Any = np.asarray(v, dtype=np.float32)
        result: Any = np.empty_like(direction)
        blocks = self._architecture.views(direction)
        for layer, block in zip(self._layers, blocks, strict=True):
            layer.forward(block)
        output = self._layers[-1]
        np.copyto(output.tangent_delta, output.tangent_y)
        output_directions: Any = output.tangent_delta[:, np.newaxis]
        self._output_curvature(output_directions)
        products = self._architecture.views(result)
        for layer, block, product in zip(
            reversed(self._layers), reversed(blocks), reversed(products), strict=True
        ):
            layer.backward(block, product)
        return np.asarray(result, dtype=np.float64)


class SingleLayer:
    """Single-precision copies of one layer, and its derivatives Rx, Ry, R(delta) along a direction."""

    def __init__(self, layer: Layer, lower: SingleLayer | None, exact: bool) -> None:
        self.lower, self._exact = lower, exact
        self._linear = layer.activation.slope is None
        self._bent = exact and layer.activation.second is not None
        self._below: Single = np.empty(layer.below.shape, dtype=np.float32)
        self._copied: list[tuple[str, Single]] = []
        names = ["slope"] * (not self._linear) + ["bend"] * self._bent + ["delta"] * exact
        for name in names:
            self._copied.append((name, np.empty(layer.y.shape, dtype=np.float32)))
        self._parts = dict(self._copied)
        self._kernel: Single = np.empty((0, 0), dtype=np.float32)
        self._source: Any = None
        self.tangent_x, self.tangent_delta, self.scratch = (
            np.empty(layer.y.shape, dtype=np.float32) for _ in range(3)
        )
        self.tangent_y = self.tangent_x if self._linear else np.empty_like(self.tangent_x)

    def load(self, layer: Layer) -> None:
        """Copy what the products need; the inputs of the network only if they are others than before."""
        if self.lower is not None:
            self._below[...] = layer.below
            self._kernel = layer.kernel.astype(np.float32)
        elif self._source is not layer.below.base:
            self._below[...] = layer.below
            self._source = layer.below.base
        for name, copy in self._copied:
            copy[...] = getattr(layer, name)

    def forward(self, block: Single) -> None:
        """Write Rx and Ry."""
        np.dot(block, self._below, out=self.tangent_x)
        if self.lower is not None:
            np.dot(self._kernel, self.lower.tangent_y, out=self.scratch)
            self.tangent_x += self.scratch
        if not self._linear:
            np.multiply(self.tangent_x, self._parts["slope"], out=self.tangent_y)

    def backward(self, block: Single, product: Single) -> None:
        """Turn R(dE/dy) into R(dE/dx), write the product's block and the lower layer's R(dE/dy)."""
        if not self._linear:
            self.tangent_delta *= self._parts["slope"]
        if self._bent:
            np.multiply(self.tangent_x, self._parts["bend"], out=self.scratch)
            self.tangent_delta += self.scratch
        np.dot(self.tangent_delta, self._below.T, out=product)
        if self.lower is None:
            return
        np.dot(self._kernel.T, self.tangent_delta, out=self.lower.tangent_delta)
        if self._exact:
            delta, width = self._parts["delta"], len(self.lower.tangent_y)
            np.dot(block[:, :width].T, delta, out=self.lower.scratch)
            self.lower.tangent_delta += self.lower.scratch
            product[:, :width] += delta @ self.lower.tangent_y.T


def _copies(plan: Plan, exact: bool) -> list[SingleLayer]:
    layers: list[SingleLayer] = []
    for layer in plan.layers:
        layers.append(SingleLayer(layer, layers[-1] if layers else None, exact))
    return layers
