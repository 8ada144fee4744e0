"""The shape of a layered network, and how its matrices lie in one flat weight vector."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from gradflow.kernels.activations import Activation
from gradflow.types import Array

Layers = list[tuple[Array, Array | None]]


@dataclass(frozen=True, eq=False)
class Architecture:
    """A network without its data; its weight vector holds [W, b] row by row, layer after layer.

    Attributes
    ----------
    widths : tuple of int
        From the input to the output.
    activations : tuple of Activation
        Of every layer above the input.
    bias : bool
        Whether there is a b.
    """

    widths: tuple[int, ...]
    activations: tuple[Activation, ...]
    bias: bool

    @cached_property
    def shapes(self) -> list[tuple[int, int]]:
        """Shapes (out, in) of the matrices W."""
        return [(above, below) for below, above in pairwise(self.widths)]

    @cached_property
    def num_weights(self) -> int:
        """Number of entries of the weight vector."""
        return self._blocks[-1][0].stop

    def views(self, flat: Array) -> list[Array]:
        """Return the blocks [W, b] of `flat` (n, ...), of shape (out, in [+ 1], ...)."""
        return [flat[part].reshape(shape + flat.shape[1:]) for part, shape in self._blocks]

    def split(self, w: Array) -> Layers:
        """Return copies of (W, b) of every layer; b is None without biases."""
        return [
            (block[:, :inputs].copy(), block[:, inputs].copy() if self.bias else None)
            for block, (_, inputs) in zip(self.views(w), self.shapes, strict=True)
        ]

    def join(self, layers: Iterable[tuple[Any, Any]]) -> Array:
        """Return the weight vector of the (W, b), the inverse of `split`."""
        given = list(layers)
        if len(given) != len(self.shapes):
            raise ValueError(f"`layers` must be {len(self.shapes)} pairs (W, b), got {len(given)}")
        w = np.empty(self.num_weights)
        for n, (block, (kernel, bias)) in enumerate(zip(self.views(w), given, strict=True)):
            self._check_shapes(n, kernel, bias)
            block[:, : self.widths[n]] = kernel
            if bias is not None:
                block[:, -1] = bias
        return w

    def _check_shapes(self, n: int, kernel: Any, bias: Any) -> None:
        wanted = self.shapes[n], self.shapes[n][:1] if self.bias else None
        given = np.shape(kernel), None if bias is None else np.shape(bias)
        if given != wanted:
            raise ValueError(f"`layers[{n}]` must have shapes {wanted}, got {given}")

    @cached_property
    def _blocks(self) -> list[tuple[slice, tuple[int, int]]]:
        blocks, start = [], 0
        for rows, columns in self.shapes:
            stop = start + rows * (columns + self.bias)
            blocks.append((slice(start, stop), (rows, columns + self.bias)))
            start = stop
        return blocks
