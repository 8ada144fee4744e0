"""Exact Hessian products of a layered network: the R-operator on the forward and the backward pass.

Along a direction V, with R = d/d(step): Rx = V below + W R(below), Ry = f'(x) Rx,
R(dE/dx) = f'(x) R(dE/dy) + f''(x) dE/dy Rx, lower R(dE/dy) = W' R(delta) + V' delta and
R(dE/dW) = R(delta) below' + delta R(below)'. Pearlmutter, Neural Computation 6 (1994), section 3.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from gradflow import validate
from gradflow.problems.layered.architecture import Architecture
from gradflow.problems.layered.passes import Layer, Plan
from gradflow.problems.layered.pool import Pool
from gradflow.types import Array

# Directions go through the layers in chunks whose workspaces stay within so many bytes.
_CHUNK_BYTES = 4_000_000


class HessianProduct:
    """The product v -> H(w) v at the weights where `plan` went forward and, curved, backward.

    It works in the precision of the plan, and owns it until it is dropped; then the plan goes to the pool.
    `output_curvature` turns directions (c, k, N) in the outputs into d2E/dy2 times them, in place.
    """

    def __init__(self, plan: Plan, pool: Pool, output_curvature: Callable[[Array], None]) -> None:
        self._plan, self._pool, self._output_curvature = plan, pool, output_curvature
        self._precision = plan.output.y.dtype

    def __del__(self) -> None:
        self._pool.give(self._plan.num_samples, self._plan)

    def __call__(self, v: ArrayLike) -> Array:
        """Return H v for v of shape (n,) or (n, k)."""
        num_weights = self._plan.architecture.num_weights
        given = validate.directions(v, num_weights)
        result = np.empty(given.shape)
        num_directions = given.size // num_weights
        own = given.astype(self._precision, copy=False)
        columns, products = (a.reshape(num_weights, num_directions) for a in (own, result))
        chunk = self._chunk()
        for start in range(0, num_directions, chunk):
            part = np.s_[:, start : start + chunk]
            self._multiply(columns[part], products[part])
        return result

    def _chunk(self) -> int:
        num_signals = self._plan.num_samples * sum(self._plan.architecture.widths[1:])
        bytes_per_direction = 4 * self._precision.itemsize * num_signals
        return max(1, _CHUNK_BYTES // bytes_per_direction)

    def _multiply(self, directions: Array, out: Array) -> None:
        architecture, sizes = self._plan.architecture, (directions.shape[1], self._plan.num_samples)
        tangents = self._pool.take(sizes, partial(_tangents, architecture, *sizes, self._precision))
        blocks = [block.transpose(0, 2, 1) for block in architecture.views(directions)]
        steps = list(zip(tangents, self._plan.layers, blocks, architecture.views(out), strict=True))
        for tangent, layer, block, _ in steps:
            tangent.forward(layer, block)
        np.copyto(tangents[-1].delta, tangents[-1].y)
        self._output_curvature(tangents[-1].delta)
        for tangent, layer, block, product in reversed(steps):
            tangent.backward(layer, block)
            product[...] = tangent.gradient(layer).transpose(0, 2, 1)
        self._pool.give(sizes, tangents)


class Tangent:
    """Derivatives of one layer's x, y and delta along k directions, each of shape (width, k, N)."""

    def __init__(
        self, shape: tuple[int, int, int], precision: Any, linear: bool, lower: Tangent | None
    ) -> None:
        self.lower = lower
        self.x, self.delta, self.scratch = (np.empty(shape, precision) for _ in range(3))
        self.y = self.x if linear else np.empty(shape, precision)

    def forward(self, layer: Layer, directions: Array) -> None:
        """Write Rx and Ry for the directions (width, k, columns) of the layer's block."""
        np.dot(_tall(directions), layer.below, out=_tall(self.x))
        if self.lower is not None:
            np.dot(layer.kernel, _wide(self.lower.y), out=_wide(self.scratch))
            self.x += self.scratch
        if self.y is not self.x:
            np.multiply(self.x, layer.slope[:, np.newaxis], out=self.y)

    def backward(self, layer: Layer, directions: Array) -> None:
        """Turn `delta` from R(dE/dy) into R(dE/dx), and write the lower layer's R(dE/dy)."""
        if self.y is not self.x:
            self.delta *= layer.slope[:, np.newaxis]
        if layer.activation.second is not None:
            np.multiply(self.x, layer.bend[:, np.newaxis], out=self.scratch)
            self.delta += self.scratch
        if self.lower is not None:
            np.dot(layer.kernel.T, _wide(self.delta), out=_wide(self.lower.delta))
            kernels = directions[:, :, : len(self.lower.y)].transpose(2, 1, 0)
            np.dot(_tall(kernels), layer.delta, out=_tall(self.lower.scratch))
            self.lower.delta += self.lower.scratch

    def gradient(self, layer: Layer) -> Array:
        """Return R(dE/d[W, b]), shape (width, k, columns)."""
        result = np.dot(_tall(self.delta), layer.rows).reshape(*self.delta.shape[:2], -1)
        if self.lower is not None:
            kernels = np.dot(_tall(self.lower.y), layer.delta.T).reshape(*self.lower.y.shape[:2], -1)
            result[:, :, : len(kernels)] += kernels.transpose(2, 1, 0)
        return result


def _tangents(
    architecture: Architecture, num_directions: int, num_samples: int, precision: Any
) -> list[Tangent]:
    tangents: list[Tangent] = []
    for width, activation in zip(architecture.widths[1:], architecture.activations, strict=True):
        lower = tangents[-1] if tangents else None
        shape = width, num_directions, num_samples
        tangents.append(Tangent(shape, precision, activation.slope is None, lower))
    return tangents


def _tall(block: Array) -> Array:
    """Return (a, b, c) as (a b, c)."""
    return block.reshape(-1, block.shape[2])


def _wide(block: Array) -> Array:
    """Return (a, b, c) as (a, b c)."""
    return block.reshape(block.shape[0], -1)
