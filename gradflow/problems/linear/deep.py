"""Deep linear networks: a linear map made of layers, a loss of degree 2 L in the weights."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from gradflow import validate
from gradflow.problems import batched
from gradflow.problems.initial_weights import random_layers
from gradflow.problems.linear.regression import compress, least_squares_samples
from gradflow.problems.problem import Product
from gradflow.types import Array


class DeepLinear:
    """E = 1/(2N) sum_p ||W_L ... W_1 x_p - t_p||^2, no biases.

    The samples enter through their second moments only (see `linear.compress`), so an evaluation costs
    the same for every N. The gradient flow keeps W_l W_l' - W_{l+1}' W_{l+1} for all l.

    Parameters
    ----------
    inputs : array_like, shape (N, d)
        One sample a row.
    targets : array_like, shape (N, c) or (N,)
        One target a row; a vector is one output.
    widths : sequence of int
        The widths of the hidden layers, from the input side; empty for one layer.

    Raises
    ------
    ValueError
        If the samples are empty, not finite, or do not fit each other, or a width is not positive.

    References
    ----------
    Saxe, McClelland and Ganguli, "Exact solutions to the nonlinear dynamics of learning in deep linear
    neural networks", ICLR 2014.

    Examples
    --------
    Two layers of one weight, E = 1/2 (w_2 w_1 - 3)^2:

    >>> problem = DeepLinear.from_map([[3.0]], widths=[1])
    >>> problem.loss_and_gradient([1.0, 2.0])
    (0.5, array([-2., -1.]))
    """

    averaged = True
    _precision: type = np.float64

    def __init__(self, inputs: ArrayLike, targets: ArrayLike, widths: Sequence[int]) -> None:
        samples, goals = least_squares_samples(inputs, targets)
        if np.ndim(widths) != 1:
            raise ValueError(f"`widths` must be a sequence of whole numbers, got {widths!r:.60}")
        hidden = tuple(validate.count(f"widths[{n}]", width) for n, width in enumerate(widths))
        self._fill(samples, goals, (samples.shape[1], *hidden, goals.shape[1]))

    @classmethod
    def from_map(cls, target_map: ArrayLike, widths: Sequence[int]) -> DeepLinear:
        """Return the problem on whitened inputs: E = 1/2 ||W_L ... W_1 - M||^2.

        Its d samples are sqrt(d) times the unit vectors, whose second moment is the identity.

        Parameters
        ----------
        target_map : array_like, shape (c, d)
            M.
        widths : sequence of int
            The widths of the hidden layers, from the input side.
        """
        goal = validate.array("target_map", target_map, 2)
        size = np.sqrt(goal.shape[1])
        return cls(size * np.eye(goal.shape[1]), size * goal.T, widths)

    def _fill(self, samples: Array, goals: Array, widths: tuple[int, ...]) -> None:
        self._samples, self._goals, self._widths = samples, goals, widths
        factor, image, self._floor = compress(samples, goals)
        # Any: of the precision of the passes.
        self._inputs: Any = factor.T.astype(self._precision, order="C")
        self._targets = image.T.copy()
        self._shapes = [(fan_out, fan_in) for fan_in, fan_out in pairwise(widths)]
        self._cuts = np.cumsum([fan_out * fan_in for fan_out, fan_in in self._shapes]).tolist()
        self.num_samples: int = len(samples)
        self.num_weights: int = self._cuts[-1]

    def __repr__(self) -> str:
        single = "" if self._precision is np.float64 else ", single precision"
        return f"DeepLinear({'-'.join(map(str, self._widths))}, {self.num_samples} samples{single})"

    @property
    def gradient_precision(self) -> float:
        """Relative precision of gradients and products: that of the passes."""
        return float(np.finfo(self._precision).eps)

    def in_single(self) -> DeepLinear:
        """Return the problem with its products in single precision; outputs less targets are doubles."""
        single = object.__new__(DeepLinear)
        single._precision = np.float32
        single._fill(self._samples, self._goals, self._widths)
        return single

    def loss(self, w: ArrayLike) -> float:
        """Return 1/(2N) sum_p ||W_L ... W_1 x_p - t_p||^2."""
        return self._half_square(self._forward(self._layers(w))[-1])

    def gradient(self, w: ArrayLike) -> Array:
        """Return dE/dw, layer by layer, each row by row, shape (n,)."""
        return self.loss_and_gradient(w)[1]

    def loss_and_gradient(self, w: ArrayLike) -> tuple[float, Array]:
        """Return the loss and its gradient from one forward and one backward pass."""
        layers = self._layers(w)
        outputs = self._forward(layers)
        return self._half_square(outputs[-1]), _flat_gradient(self._backward(layers, outputs), outputs)

    def losses_and_gradients(self, W: ArrayLike) -> tuple[Array, Array]:
        """Return the losses (K,) and the gradients (K, n) at the rows of W (K, n)."""
        rows: Any = batched.rows(W, self.num_weights).astype(self._precision, copy=False)
        layers = self._split(rows)
        outputs = self._forward(layers)
        misses = outputs[-1] - self._targets
        losses = 0.5 * np.einsum("kcr,kcr->k", misses, misses) + self._floor
        delta: Any = misses.astype(self._precision, copy=False)
        parts = []
        for layer, output in zip(reversed(layers), reversed(outputs[:-1]), strict=True):
            parts.append((delta @ _transposed(output)).reshape(len(rows), -1))
            delta = _transposed(layer) @ delta
        return losses, np.concatenate(parts[::-1], axis=1, dtype=np.float64)

    def hvp(self, w: ArrayLike, v: ArrayLike) -> Array:
        """Return the exact product H(w) v for v of shape (n,) or (n, k)."""
        return self.linearize(w)[2](validate.directions(v, self.num_weights))

    def linearize(self, w: ArrayLike) -> tuple[float, Array, Product]:
        """Return loss, gradient and the product v -> H(w) v that reuses the passes at w."""
        layers = self._layers(validate.shaped(w, self.num_weights).copy())
        outputs = self._forward(layers)
        deltas = self._backward(layers, outputs)

        def product(v: ArrayLike) -> Array:
            block = validate.directions(v, self.num_weights)
            rows: Any = block.reshape(self.num_weights, -1).T.astype(self._precision, copy=False)
            return self._product(layers, outputs, deltas, rows).T.reshape(block.shape)

        return self._half_square(outputs[-1]), _flat_gradient(deltas, outputs), product

    def subset(self, indices: ArrayLike) -> DeepLinear:
        """Return the problem on the samples `indices` alone; repeats count again."""
        rows = validate.indices("indices", indices, self.num_samples)
        part = object.__new__(DeepLinear)
        part._precision = self._precision
        part._fill(self._samples[rows], self._goals[rows], self._widths)
        return part

    def initial_weights(self, seed: int, scale: float = 1.0) -> Array:
        """Return layers with entries normal(0, scale / sqrt(fan_in)), shape (n,)."""
        return self.flatten(random_layers(seed, scale, self._shapes))

    def unflatten(self, w: ArrayLike) -> list[Array]:
        """Return the layers [W_1, ..., W_L], each of shape (out, in)."""
        return [layer.copy() for layer in self._split(validate.shaped(w, self.num_weights))]

    def flatten(self, layers: Sequence[ArrayLike]) -> Array:
        """Return the weights of the layers [W_1, ..., W_L], shape (n,)."""
        arrays = [validate.array("layers", layer, 2) for layer in layers]
        shapes = [array.shape for array in arrays]
        if shapes != self._shapes:
            raise ValueError(f"`layers` must have shapes {self._shapes}, got {shapes}")
        return np.concatenate([array.ravel() for array in arrays])

    def product(self, w: ArrayLike) -> Array:
        """Return the linear map W_L ... W_1, shape (c, d)."""
        result, *rest = self.unflatten(w)
        for layer in rest:
            result = layer @ result
        return result

    def _layers(self, w: ArrayLike) -> list[Array]:
        weights = validate.shaped(w, self.num_weights)
        return self._split(weights.astype(self._precision, copy=False))

    def _split(self, vectors: Array) -> list[Array]:
        """Return the last axis of `vectors` as one (..., out, in) array for each layer."""
        parts = np.split(vectors, self._cuts[:-1], axis=-1)
        return [p.reshape(*vectors.shape[:-1], *shape) for p, shape in zip(parts, self._shapes, strict=True)]

    def _forward(self, layers: list[Array]) -> list[Array]:
        outputs = [self._inputs]
        for layer in layers:
            outputs.append(layer @ outputs[-1])
        return outputs

    def _half_square(self, output: Array) -> float:
        miss = output - self._targets
        return 0.5 * float(np.vdot(miss, miss)) + self._floor

    def _backward(self, layers: list[Array], outputs: list[Array]) -> list[Array]:
        """Return delta_l = dE/d(output of layer l) for l = 1 ... L."""
        deltas: list[Any] = [(outputs[-1] - self._targets).astype(self._precision, copy=False)]
        for layer in reversed(layers[1:]):
            deltas.append(layer.T @ deltas[-1])
        return deltas[::-1]

    def _product(self, layers: list[Array], outputs: list[Array], deltas: list[Array], rows: Array) -> Array:
        """Return H v for each row v (k, n): the passes at w, differentiated along v."""
        directions = self._split(rows)
        moves: list[Any] = [np.zeros((1, *self._inputs.shape), self._precision)]
        for layer, direction, output in zip(layers, directions, outputs, strict=False):
            moves.append(direction @ output + layer @ moves[-1])
        bend, parts = moves[-1], []
        for l in reversed(range(len(layers))):
            if l + 1 < len(layers):
                bend = layers[l + 1].T @ bend + _transposed(directions[l + 1]) @ deltas[l + 1]
            part = bend @ outputs[l].T + deltas[l] @ _transposed(moves[l])
            parts.append(part.reshape(len(rows), layers[l].size))
        return np.concatenate(parts[::-1], axis=1, dtype=np.float64)


def _flat_gradient(deltas: list[Array], outputs: list[Array]) -> Array:
    products = [(d @ y.T).ravel() for d, y in zip(deltas, outputs, strict=False)]
    return np.concatenate(products, dtype=np.float64)


def _transposed(stack: Array) -> Array:
    return np.swapaxes(stack, -1, -2)
