"""Products in single precision from the passes of a gradient: rough, but at a half to two thirds of its cost.

Same recursions as in `hessian_products`, for one direction at a time. The Gauss-Newton product leaves out the
terms with the residual: f''(x) dE/dy Rx, V' delta and delta R(below)'.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradflow.problems.layered.passes import Layer, Plan
from gradflow.problems.layered.pool import Pool
from gradflow.types import Array

Single = NDArray[Any]

# Signals (units times samples) below which a call costs more than its arithmetic, in either precision.
LEAST_SIGNALS = 1_000


class RoughProduct:
    """v -> H(w) v, or G(w) v, of the weights where `plan` went forward and backward.

    The first product copies what all need from the plan, which goes to the pool then, as the copies do when
    the product is dropped: a solve that needs no product pays for none.
    """

    _layers: list[SingleLayer]

    def __init__(
        self, plan: Plan, pool: Pool, output_curvature: Callable[[Array], None], exact: bool
    ) -> None:
        self._pool, self._exact, self._key = pool, exact, ("single", plan.num_samples, exact)
        self._architecture, self._output_curvature = plan.architecture, output_curvature
        self._plan: Plan | None = plan

    def _load(self, plan: Plan) -> None:
        self._layers = self._pool.take(self._key, lambda: _copies(plan, self._exact))
        for copy, layer in zip(self._layers, plan.layers, strict=True):
            copy.load(layer)
        self._pool.give(plan.num_samples, plan)
        self._plan = None

    def __del__(self) -> None:
        if self._plan is not None:
            self._pool.give(self._plan.num_samples, self._plan)
        else:
            self._pool.give(self._key, self._layers)

    def __call__(self, v: Array) -> Array:
        """Return the product as float64, for v of shape (n,)."""
        if self._plan is not None:
            self._load(self._plan)
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
    """Single-precision copies of one layer, and its derivatives Rx, Ry, R(delta) along a direction.

    The signal of the layer below lies on top of its derivative, and the layer's kernel beside the
    direction's block, so that V below + W R(below) is one matrix product; the same goes for
    W' R(delta) + V' delta.
    """

    width: int

    def __init__(self, layer: Layer, lower: SingleLayer | None, exact: bool) -> None:
        self.lower, self._exact = lower, exact
        self._linear = layer.activation.slope is None
        self._bent = exact and layer.activation.second is not None
        (width, num_samples), inputs = layer.y.shape, len(layer.below)
        self._num_inputs, lower_width = inputs, 0 if lower is None else lower.width
        self.width = width
        self._signals = _single(inputs + lower_width, num_samples)
        self._blocks = _single(width, inputs + lower_width)
        self._rows: Single = self._signals[:inputs].T
        if lower is None:
            self._rows = _single(num_samples, inputs)
        else:
            lower.put_tangent(self._signals[inputs:])
        self._deltas = _single((1 + exact) * width, num_samples)
        self._kernels = _single((1 + exact) * width, lower_width)
        self.tangent_delta, self._delta = self._deltas[:width], self._deltas[width:]
        self._slope, self._bend, self._scratch = (_single(width, num_samples) for _ in range(3))
        self._source: Any = None
        self.tangent_x = _single(width, num_samples)
        self.tangent_y = self.tangent_x if self._linear else np.empty_like(self.tangent_x)

    def put_tangent(self, place: Single) -> None:
        """Write Ry there from now on."""
        self.tangent_y = place
        if self._linear:
            self.tangent_x = place

    def load(self, layer: Layer) -> None:
        """Copy what the products need; the inputs of the network only if they are others than before."""
        inputs = self._num_inputs
        if self.lower is not None:
            self._signals[:inputs] = layer.below
            self._blocks[:, inputs:] = self._kernels[: self.width] = layer.kernel
        elif self._source is not layer.rows:
            self._signals[...] = layer.below
            self._rows[...] = layer.rows
            self._source = layer.rows
        if not self._linear:
            if not self._exact:
                layer.write_slope()
            self._slope[...] = layer.slope
        if self._bent:
            self._bend[...] = layer.bend
        if self._exact:
            self._delta[...] = layer.delta

    def forward(self, block: Single) -> None:
        """Write Rx and Ry."""
        self._blocks[:, : self._num_inputs] = block
        np.dot(self._blocks, self._signals, out=self.tangent_x)
        if not self._linear:
            np.multiply(self.tangent_x, self._slope, out=self.tangent_y)

    def backward(self, block: Single, product: Single) -> None:
        """Turn R(dE/dy) into R(dE/dx), write the product's block and the lower layer's R(dE/dy)."""
        if not self._linear:
            self.tangent_delta *= self._slope
        if self._bent:
            np.multiply(self.tangent_x, self._bend, out=self._scratch)
            self.tangent_delta += self._scratch
        np.dot(self.tangent_delta, self._rows, out=product)
        if self.lower is None:
            return
        if self._exact:
            lower_width = self.lower.width
            self._kernels[self.width :] = block[:, :lower_width]
            product[:, :lower_width] += self._delta @ self.lower.tangent_y.T
        np.dot(self._kernels.T, self._deltas, out=self.lower.tangent_delta)


def _single(*shape: int) -> Single:
    return np.empty(shape, dtype=np.float32)


def _copies(plan: Plan, exact: bool) -> list[SingleLayer]:
    layers: list[SingleLayer] = []
    for layer in plan.layers:
        layers.append(SingleLayer(layer, layers[-1] if layers else None, exact))
    return layers
