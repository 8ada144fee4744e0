"""The passes through a layered network, forward and back, in workspaces that are made once."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradflow.kernels.activations import Activation
from gradflow.problems.layered.architecture import Architecture
from gradflow.types import Array


class Layer:
    """One layer x = [W, b] below, y = f(x), delta = dE/dx; samples run along the last axis.

    `below` is the signal of the layer under it and `rows` the same with one sample a row, `signal` its own:
    y, with a row of ones if the layer above has biases. After a curved pass back, or `write_slope`, `slope`
    is f'(x), and `bend` is f''(x) dE/dy; a plain one writes neither. All are of the precision of its weights.
    """

    below: Array
    rows: Array

    def __init__(self, weights: Array, activation: Activation, num_samples: int, lower: Layer | None) -> None:
        width = weights.shape[0]
        self.weights, self.activation, self.lower = weights, activation, lower
        self.signal = np.ones((width + 1, num_samples), weights.dtype)
        self.y = self.signal[:width]
        self.x = self.y if activation.from_value else np.empty_like(self.y)
        self.delta, self.slope, self.bend = (np.empty_like(self.y) for _ in range(3))
        if lower is not None:
            self.below = lower.signal[: weights.shape[1]]
            self.rows = self.below.T
            self.kernel = weights[:, : lower.y.shape[0]]

    def forward(self) -> None:
        """Write x and y."""
        np.dot(self.weights, self.below, out=self.x)
        self.activation.value(self.x, self.y)

    def backward(self, curved: bool) -> None:
        """Turn `delta` from dE/dy into dE/dx, and write the lower layer's dE/dy = W' delta."""
        self._chain(curved)
        if self.lower is not None:
            np.dot(self.kernel.T, self.delta, out=self.lower.delta)

    def write_slope(self) -> None:
        """Write f'(x), which a plain pass back does without."""
        if self.activation.slope is not None:
            self.activation.slope(self.x, self.y, self.slope)

    def _chain(self, curved: bool) -> None:
        activation = self.activation
        if activation.slope is None:
            return
        if not curved:
            activation.slope.multiply(self.x, self.y, self.delta, scratch=self.slope)
            return
        self.write_slope()
        if activation.second is not None:
            activation.second(self.x, self.y, self.slope, self.bend)
            self.bend *= self.delta
        self.delta *= self.slope


class Plan:
    """One forward and one backward pass at weights of its own, for any data of `num_samples` samples.

    `precision` is that of the passes. The loss on the outputs is in double precision in either case:
    `outputs` and `residual`, the place of dE/dy, are the output layer's own arrays where these are doubles,
    else copies.
    """

    def __init__(self, architecture: Architecture, num_samples: int, precision: type = np.float64) -> None:
        self.architecture, self.num_samples = architecture, num_samples
        # Any: of the precision that was asked for.
        self._w: Any = np.empty(architecture.num_weights, precision)
        self.layers: list[Layer] = []
        for weights, activation in zip(architecture.views(self._w), architecture.activations, strict=True):
            lower = self.layers[-1] if self.layers else None
            self.layers.append(Layer(weights, activation, num_samples, lower))
        self.outputs, self.residual = self.output.y, self.output.delta
        if precision is not np.float64:
            self.outputs, self.residual = np.empty(self.outputs.shape), np.empty(self.residual.shape)

    @property
    def output(self) -> Layer:
        """The last layer."""
        return self.layers[-1]

    def forward(self, w: Array, signal: Array, rows: Array) -> Array:
        """Return the outputs y (c, N) for the signal (d [+ 1], N) of the input layer, and its transpose."""
        np.copyto(self._w, w)
        self.layers[0].below, self.layers[0].rows = signal, rows
        for layer in self.layers:
            layer.forward()
        if self.outputs is not self.output.y:
            np.copyto(self.outputs, self.output.y)
        return self.outputs

    def backward(self, curved: bool = False) -> None:
        """Turn dE/dy in `residual` into dE/dx in every layer's `delta`."""
        if self.residual is not self.output.delta:
            np.copyto(self.output.delta, self.residual)
        for layer in reversed(self.layers):
            layer.backward(curved)

    def gradient(self) -> Array:
        """Return dE/dw, with dE/d[W, b] = delta below' in every block, as a new vector."""
        flat = np.empty_like(self._w)
        for layer, block in zip(self.layers, self.architecture.views(flat), strict=True):
            np.dot(layer.delta, layer.rows, out=block)
        return np.asarray(flat, dtype=np.float64)
