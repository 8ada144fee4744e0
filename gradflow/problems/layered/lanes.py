"""A feed-forward network at many weight vectors at once, in two layouts.

With few weights every sum is written out over arrays whose last axis are the lanes, so that a lane's numbers
do not depend on the others to the last bit. With more, each layer is a block (L, out, in + 1): the first one,
whose inputs all lanes share, makes one wide product (L out, in + 1) (in + 1, N), the others one a lane.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gradflow.kernels.activations import Activation
from gradflow.problems.batched import LEAST_COLUMNS, Chosen, ColumnLanes, Entries, Flags
from gradflow.problems.layered.architecture import Architecture
from gradflow.problems.layered.output_losses import OutputLoss
from gradflow.types import Array

# Up to so many weights all lanes lie side by side.
MOST_IN_COLUMNS = 64


class Signals:
    """One layer of all lanes: x, y = f(x), delta = dE/dx and a workspace, each (out, N, L) or (L, out, N)."""

    def __init__(self, activation: Activation, shape: tuple[int, ...]) -> None:
        self.activation = activation
        self.y, self.delta, self.scratch = (np.empty(shape) for _ in range(3))
        self.x = self.y if activation.from_value else np.empty(shape)

    def value(self) -> None:
        """Write y."""
        self.activation.value(self.x, self.y)

    def chain(self) -> None:
        """Turn `delta` from dE/dy into dE/dx."""
        if self.activation.slope is not None:
            self.activation.slope.multiply(self.x, self.y, self.delta, scratch=self.scratch)


class NetworkColumns:
    """The network with the lanes last: weights (n, L), signals (width, N, L)."""

    def __init__(
        self, network: Architecture, signal: Array, targets: Array, loss: OutputLoss, num_lanes: int
    ) -> None:
        self._network, self._signal, self._loss = network, signal, loss
        self._targets = targets[:, :, np.newaxis]
        num_samples = signal.shape[1]
        self._layers = [
            Signals(activation, (width, num_samples, num_lanes))
            for width, activation in zip(network.widths[1:], network.activations, strict=True)
        ]

    def __call__(self, W: Array, out: Array, losses: Array | None, scratch: Array) -> None:  # noqa: ARG002
        """Write the gradients, and the losses where they are asked for."""
        blocks = self._network.views(W)
        self._forward(blocks)
        last = self._layers[-1]
        self._loss.residuals(last.y, self._targets, last.delta, losses, (0, 1))
        self._backward(blocks, self._network.views(out))

    def _forward(self, blocks: list[Array]) -> None:
        below: Array | None = None
        for layer, block in zip(self._layers, blocks, strict=True):
            sources = self._signal[..., np.newaxis] if below is None else below
            _first_product(block, sources, layer.x)
            for i in range(1, len(sources)):
                np.multiply(block[:, i, np.newaxis], sources[i], out=layer.scratch)
                layer.x += layer.scratch
            if below is not None and self._network.bias:
                layer.x += block[:, -1, np.newaxis]
            layer.value()
            below = layer.y

    def _backward(self, blocks: list[Array], parts: list[Array]) -> None:
        for n in reversed(range(len(blocks))):
            layer, lower = self._layers[n], self._layers[n - 1] if n else None
            layer.chain()
            sources = self._signal[..., np.newaxis] if lower is None else lower.y
            for i, source in enumerate(sources):
                np.multiply(layer.delta, source, out=layer.scratch)
                np.add.reduce(layer.scratch, axis=1, out=parts[n][:, i])
            if lower is None:
                continue
            if self._network.bias:
                np.add.reduce(layer.delta, axis=1, out=parts[n][:, -1])
            _first_product(blocks[n].swapaxes(0, 1)[: len(lower.y)], layer.delta, lower.delta)
            for o in range(1, len(layer.delta)):
                np.multiply(blocks[n][o, : len(lower.y), np.newaxis], layer.delta[o], out=lower.scratch)
                lower.delta += lower.scratch


def _first_product(block: Array, sources: Array, out: Array) -> None:
    np.multiply(block[:, 0, np.newaxis], sources[0], out=out)


class NetworkBlocks:
    """The network with the lanes first: blocks of weights (L, out, in [+ 1]), signals (L, width, N).

    In the flat arrays the blocks follow one another; those above the first have their biases behind them.
    """

    def __init__(
        self, network: Architecture, signal: Array, targets: Array, loss: OutputLoss, num_lanes: int
    ) -> None:
        self._network, self._targets, self._loss, self._num_lanes = network, targets, loss, num_lanes
        self._signal, self._rows = np.ascontiguousarray(signal), np.ascontiguousarray(signal.T)
        self.size = network.num_weights * num_lanes
        self._layers = [
            Signals(activation, (num_lanes, width, signal.shape[1]))
            for width, activation in zip(network.widths[1:], network.activations, strict=True)
        ]

    def put(self, flat: Entries, lanes: Chosen, rows: Entries) -> None:
        """Write rows into the entries of the lanes."""
        for (kernel, bias), block in zip(self._parts(flat), self._row_blocks(rows), strict=True):
            kernel[lanes] = block[..., : kernel.shape[2]]
            if bias is not None:
                bias[lanes] = block[..., -1]

    def take(self, flat: Array, lanes: Chosen) -> Array:
        """Return the entries of the lanes as rows."""
        parts = []
        for kernel, bias in self._parts(flat):
            chosen = kernel[lanes]
            if bias is not None:
                chosen = np.concatenate([chosen, bias[lanes][..., np.newaxis]], axis=2)
            parts.append(chosen.reshape(len(chosen), chosen.shape[1] * chosen.shape[2]))
        return np.concatenate(parts, axis=1)

    def total(self, flat: Array) -> Array:
        """Return for each lane the sum of its entries."""
        sums = np.zeros(self._num_lanes)
        for kernel, bias in self._parts(flat):
            sums += kernel.sum(axis=(1, 2))
            if bias is not None:
                sums += bias.sum(axis=1)
        return sums

    def some(self, flags: Flags) -> Flags:
        """Return for each lane whether one of its entries is true."""
        found = np.zeros(self._num_lanes, dtype=bool)
        for kernel, bias in self._parts(flags):
            found |= kernel.any(axis=(1, 2))
            if bias is not None:
                found |= bias.any(axis=1)
        return found

    def evaluate(self, weights: Array, gradients: Array, losses: Array | None) -> None:
        """Write the gradients, and the losses where they are asked for."""
        parts = self._parts(weights)
        first, last = self._layers[0], self._layers[-1]
        np.matmul(_tall(parts[0][0]), self._signal, out=_tall(first.x))
        first.value()
        for lower, layer, (kernel, bias) in zip(self._layers, self._layers[1:], parts[1:], strict=False):
            np.matmul(kernel, lower.y, out=layer.x)
            if bias is not None:
                layer.x += bias[..., np.newaxis]
            layer.value()
        self._loss.residuals(last.y, self._targets, last.delta, losses, (1, 2))
        self._backward(parts, self._parts(gradients))

    def _backward(self, parts: list[Any], out: list[Any]) -> None:
        for n in reversed(range(1, len(parts))):
            layer, lower = self._layers[n], self._layers[n - 1]
            layer.chain()
            np.matmul(layer.delta, lower.y.swapaxes(1, 2), out=out[n][0])
            if out[n][1] is not None:
                np.add.reduce(layer.delta, axis=2, out=out[n][1])
            np.matmul(parts[n][0].swapaxes(1, 2), layer.delta, out=lower.delta)
        self._layers[0].chain()
        np.matmul(_tall(self._layers[0].delta), self._rows, out=_tall(out[0][0]))

    def _parts(self, flat: Any) -> list[tuple[Any, Any]]:
        """Return the kernels (L, out, in) and biases (L, out); the first kernel has its biases inside."""
        parts: list[tuple[Any, Any]] = []
        start, lanes = 0, self._num_lanes
        for n, (rows, columns) in enumerate(self._network.shapes):
            joined = self._network.bias and n == 0
            stop = start + lanes * rows * (columns + joined)
            kernel, bias = flat[start:stop].reshape(lanes, rows, columns + joined), None
            if self._network.bias and n > 0:
                start, stop = stop, stop + lanes * rows
                bias = flat[start:stop].reshape(lanes, rows)
            parts.append((kernel, bias))
            start = stop
        return parts

    def _row_blocks(self, rows: Entries) -> list[Entries]:
        """Return views (k, out, in [+ 1]) of rows (k, n), or of one number a lane (k, 1)."""
        if rows.shape[1] == 1 and self._network.num_weights > 1:
            return [rows[:, :, np.newaxis]] * len(self._network.shapes)
        blocks, start = [], 0
        for height, columns in self._network.shapes:
            width = columns + self._network.bias
            stop = start + height * width
            blocks.append(rows[:, start:stop].reshape(len(rows), height, width))
            start = stop
        return blocks


def _tall(block: Array) -> Array:
    """Return (a, b, c) as (a b, c)."""
    return block.reshape(-1, block.shape[2])


def network_lanes(
    network: Architecture, signal: Array, targets: Array, loss: OutputLoss, num_lanes: int
) -> ColumnLanes | NetworkBlocks:
    """Return lanes of a network for the signal (d [+ 1], N) of its input and targets (c, N)."""
    if network.num_weights > MOST_IN_COLUMNS:
        return NetworkBlocks(network, signal, targets, loss, num_lanes)
    columns = NetworkColumns(network, signal, targets, loss, max(num_lanes, LEAST_COLUMNS))
    return ColumnLanes(network.num_weights, num_lanes, 0, columns)
