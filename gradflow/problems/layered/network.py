"""Feed-forward networks of any depth: loss, delta recursion and exact Hessian products."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from copy import copy
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from gradflow import validate
from gradflow.kernels import activations, recipes
from gradflow.problems import batched
from gradflow.problems.initial_weights import random_layers
from gradflow.problems.layered import output_losses
from gradflow.problems.layered.architecture import Architecture, Layers
from gradflow.problems.layered.hessian_products import HessianProduct
from gradflow.problems.layered.lanes import network_lanes
from gradflow.problems.layered.passes import Plan
from gradflow.problems.layered.pool import Pool
from gradflow.problems.layered.rough_products import LEAST_SIGNALS, RoughProduct
from gradflow.problems.layered.targets import class_labels, target_rows
from gradflow.problems.problem import Linearization, Product
from gradflow.types import Array

# For a first layer of at most so many units, packing transposed inputs takes up to a fifth of a gradient.
_NARROW = 16
# Compiled lanes gain up to so many weights.
_MOST_COMPILED = 300


class FeedForward:
    """Mean loss over N samples of the network y_n = f(x_n), x_{n+1} = W_n y_n + b_n.

    Layer 1 is the input (y_1 the input itself, unless `input_activation` says otherwise), layer L the
    output y = y_L, and E = 1/(2N) sum ||y - t||^2 or the mean cross-entropy of softmax(y). With
    delta_n = dE/dx_n, one column a sample,

        delta_L = f'(x_L) dE/dy,        delta_n = f'(x_n) W_n' delta_{n+1},
        dE/dW_n = delta_{n+1} y_n',     dE/db_n = sum over samples of delta_{n+1},

    where dE/dy = (y - t)/N or (softmax(y) - t)/N. The weight vector holds [W_n, b_n] row by row,
    layer after layer. Calls are safe on many threads. `in_single` makes the passes in single precision.

    Parameters
    ----------
    inputs : array_like, shape (N, d)
        One sample a row.
    targets : array_like, shape (N, c) or (N,)
        Target outputs, for "cross_entropy" probabilities. Integers of shape (N,) are class labels
        0 to c - 1 and stand for rows of the unit matrix. Floats of shape (N,) are labels too under
        "cross_entropy", where they must be whole numbers; under "squared" they are the targets of a
        single output, and ``targets.astype(int)`` means labels.
    widths : sequence of int
        Widths of the hidden layers; none for a linear model.
    activation, input_activation, output_activation : str
        f of the hidden layers, of the input and of the output layer: "identity", "tanh", "sigmoid",
        "relu", "softplus", "swish" or "gelu" (with erf).
    loss : str
        "squared" or "cross_entropy".
    bias : bool
        Whether there are b_n.

    Raises
    ------
    ValueError
        If data are empty, not finite or do not fit each other, or an option is unknown.

    Notes
    -----
    The Hessian product is Pearlmutter's R-operator (Neural Computation 6, 1994, section 3). relu has
    slope 0 at its kink and second derivative 0 everywhere.

    Examples
    --------
    A line through two points, E(w) = 5/4 (w - 2)^2:

    >>> line = FeedForward([[1.0], [2.0]], [2.0, 4.0], [], bias=False)
    >>> line.loss_and_gradient(np.zeros(1))
    (5.0, array([-5.]))
    >>> line.hvp(np.zeros(1), np.ones(1))
    array([2.5])
    """

    averaged = True
    _precision: type = np.float64

    def __init__(
        self,
        inputs: ArrayLike,
        targets: ArrayLike,
        widths: Sequence[int],
        *,
        activation: str = "tanh",
        input_activation: str = "identity",
        output_activation: str = "identity",
        loss: str = "squared",
        bias: bool = True,
    ) -> None:
        rows = validate.array("inputs", inputs, 2)
        desired = target_rows(targets, probabilities=loss == "cross_entropy")
        if len(desired) != len(rows):
            raise ValueError(
                f"`targets` must have one row per row of `inputs`, {len(rows)}, got {len(desired)}"
            )
        hidden = activations.choose("activation", activation)
        output = activations.choose("output_activation", output_activation)
        self.widths = _hidden_widths(widths)
        self._network = Architecture(
            (rows.shape[1], *self.widths, desired.shape[1]),
            (hidden,) * len(self.widths) + (output,),
            bool(bias),
        )
        self._input_activation = activations.choose("input_activation", input_activation)
        self._output_loss = output_losses.choose(loss)
        self._pool = Pool()
        self._names = f"{activation}, {loss}"
        self._layer_names, self._loss_name = [activation] * len(self.widths) + [output_activation], loss
        self.num_weights = self._network.num_weights
        signal = self._input_signal(rows)
        narrow = self._network.widths[1] <= _NARROW
        self._hold(signal, np.ascontiguousarray(signal.T) if narrow else signal.T, desired.T.copy())

    def _hold(self, rows: Array, signal: Array, targets: Array) -> None:
        """Take signals of the input layer (N, d [+ 1]), their transpose and targets (c, N) as the data."""
        self._rows, self._signal, self._targets = rows, signal, targets
        self.num_samples = len(rows)

    def __repr__(self) -> str:
        widths = "-".join(map(str, self._network.widths))
        single = "" if self._precision is np.float64 else ", single precision"
        sizes = f"{self.num_samples} samples, {self.num_weights} weights"
        return f"FeedForward({widths}, {self._names}, {sizes}{single})"

    @property
    def gradient_precision(self) -> float:
        """Relative precision of gradients and products: that of the passes."""
        return float(np.finfo(self._precision).eps)

    def in_single(self) -> FeedForward:
        """Return the network with its passes in single precision: gradients and products good to about 1e-6.

        It computes in float32, from weights and inputs rounded to it; only the loss on the outputs and dE/dy
        are made of doubles, so that neither loses digits where outputs come near their targets. Everything is
        handed back as float64. Losses are good to about 1e-7. From about a thousand weights on a gradient
        costs a half to two thirds of one in double precision.
        """
        single = copy(self)
        # Workspaces of another precision.
        single._precision, single._pool = np.float32, Pool()
        rows: Any = np.asarray(self._rows, dtype=np.float32)
        narrow = self._signal.flags.c_contiguous
        single._hold(rows, np.ascontiguousarray(rows.T) if narrow else rows.T, self._targets)
        return single

    @property
    def has_kinks(self) -> bool:
        """Whether the slope of an activation jumps: relu's does."""
        return any(f.slope is not None and f.second is None for f in self._network.activations)

    def loss(self, w: ArrayLike) -> float:
        """Return E(w)."""
        plan, loss = self._forward(w)
        self._release(plan)
        return loss

    def gradient(self, w: ArrayLike) -> Array:
        """Return dE/dw, shape (n,)."""
        return self.loss_and_gradient(w)[1]

    def loss_and_gradient(self, w: ArrayLike) -> tuple[float, Array]:
        """Return E(w) and dE/dw from one forward and one backward pass."""
        plan, loss = self._forward(w)
        plan.backward()
        gradient = plan.gradient()
        self._release(plan)
        return loss, gradient

    def hvp(self, w: ArrayLike, v: ArrayLike) -> Array:
        """Return the exact product H(w) v for v of shape (n,) or (n, k)."""
        plan, _ = self._forward(w)
        return self._product(plan)(v)

    def linearize(self, w: ArrayLike) -> tuple[float, Array, Product]:
        """Return E(w), dE/dw and the product v -> H(w) v, which reuses the passes at w."""
        plan, loss = self._forward(w)
        product = self._product(plan)
        return loss, plan.gradient(), product

    @property
    def lane_bytes(self) -> int:
        """What the workspaces of one lane take."""
        return 8 * 3 * self.num_samples * sum(self._network.widths[1:])

    def lanes(self, num_lanes: int) -> batched.Lanes:
        """Return workspaces for so many weight vectors at once, in double precision."""
        signal = self._rows.T.astype(np.float64, copy=False)
        return network_lanes(self._network, signal, self._targets, self._output_loss, num_lanes)

    def recipe(self) -> recipes.Recipe | None:
        """Return the network in numbers; None for one so large that numpy's products are quicker."""
        if self.num_weights > _MOST_COMPILED:
            return None
        codes = [recipes.ACTIVATIONS.index(name) for name in self._layer_names]
        shape = [len(codes), self._network.bias, recipes.LOSSES.index(self._loss_name)]
        inputs = self._rows[:, : self._network.widths[0]]
        return recipes.recipe(
            recipes.NETWORK, inputs, self._targets.T, [*shape, *self._network.widths, *codes]
        )

    def losses_and_gradients(self, W: ArrayLike) -> tuple[Array, Array]:
        """Return the losses (K,) and the gradients (K, n) at the rows of W (K, n)."""
        return batched.evaluated(self, self.num_weights, W)

    def rough_linearizations(self) -> tuple[Linearization, ...]:
        """Return functions like `linearize` with products in single precision; none for a tiny network.

        The first one's products are those with the Gauss-Newton matrix J' (d2E/dy2) J, the second one's
        those with H, good to about 1e-6 at 0.4 to 0.8 of the cost of a gradient. Loss and gradient are those
        of `loss_and_gradient`.
        """
        if self.num_samples * sum(self._network.widths[1:]) < LEAST_SIGNALS:
            return ()
        return partial(self._roughly, exact=False), partial(self._roughly, exact=True)

    def _roughly(self, w: ArrayLike, *, exact: bool) -> tuple[float, Array, Product]:
        plan, loss = self._forward(w)
        curvature = self._output_loss.curvature(plan.residual.copy(), self._targets)
        plan.backward(curved=exact)
        gradient = plan.gradient()
        return loss, gradient, RoughProduct(plan, self._pool, curvature, exact)

    def deltas(self, w: ArrayLike) -> list[Array]:
        """Return delta_n = dE/dx_n of the layers n = 2, ..., L above the input, each of shape (N, width)."""
        plan, _ = self._forward(w)
        plan.backward()
        deltas = [layer.delta.T.astype(np.float64, order="C") for layer in plan.layers]
        self._release(plan)
        return deltas

    def predict(self, w: ArrayLike, inputs: ArrayLike) -> Array:
        """Return the outputs y (M, c) for `inputs` (M, d); before softmax under "cross_entropy"."""
        rows = validate.array("inputs", inputs, 2)
        if rows.shape[1] != self._network.widths[0]:
            raise ValueError(f"`inputs` must have {self._network.widths[0]} columns, got {rows.shape[1]}")
        weights = validate.shaped(w, self.num_weights)
        plan = self._take(len(rows))
        signal = self._input_signal(rows)
        outputs = plan.forward(weights, signal.T, signal).T.copy()
        self._release(plan)
        return outputs

    def accuracy(self, w: ArrayLike, inputs: ArrayLike, labels: ArrayLike) -> float:
        """Return the share of `inputs` (M, d) whose largest output is the one of its label (M,)."""
        outputs, expected = self.predict(w, inputs), class_labels("labels", labels)
        if outputs.shape[1] == 1:
            raise ValueError(
                "`labels` need a network with one output for each class, got one output; targets that are "
                "integers, `targets.astype(int)`, make such a network"
            )
        if len(expected) != len(outputs):
            raise ValueError(f"`labels` must have one entry per input, {len(outputs)}, got {len(expected)}")
        return float(np.mean(outputs.argmax(axis=1) == expected))

    def subset(self, indices: ArrayLike) -> FeedForward:
        """Return the network on the samples `indices` alone, repeats allowed; its loss is their mean.

        It shares everything but the data, so it may be made at every step.
        """
        chosen = validate.indices("indices", indices, self.num_samples)
        # As `copy` does, in a fifth of its time.
        part = object.__new__(type(self))
        part.__dict__ = vars(self).copy()
        rows = self._rows.take(chosen, axis=0)
        part._hold(rows, rows.T, self._targets.take(chosen, axis=1))
        return part

    def initial_weights(self, seed: int, scale: float = 1.0) -> Array:
        """Return weights drawn layer by layer from normal(0, scale / sqrt(fan_in)), with biases 0.

        All come from one ``numpy.random.default_rng(seed)``; the biases draw nothing.
        """
        kernels = random_layers(seed, scale, self._network.shapes)
        biases = [np.zeros(len(kernel)) if self._network.bias else None for kernel in kernels]
        return self._network.join(zip(kernels, biases, strict=True))

    def unflatten(self, w: ArrayLike) -> Layers:
        """Return copies of (W_n, b_n) of every layer, W_n of shape (out, in); b_n is None without biases."""
        return self._network.split(validate.shaped(w, self.num_weights))

    def flatten(self, layers: Iterable[tuple[ArrayLike, ArrayLike | None]]) -> Array:
        """Return the weight vector of the (W_n, b_n), the inverse of `unflatten`."""
        return self._network.join(layers)

    def _forward(self, w: ArrayLike) -> tuple[Plan, float]:
        """Return a plan gone forward, dE/dy in its `residual`, and E."""
        weights = validate.shaped(w, self.num_weights)
        plan = self._take(self.num_samples)
        y = plan.forward(weights, self._signal, self._rows)
        return plan, self._output_loss.residual(y, self._targets, out=plan.residual)

    def _take(self, num_samples: int) -> Plan:
        return self._pool.take(num_samples, partial(Plan, self._network, num_samples, self._precision))

    def _release(self, plan: Plan) -> None:
        self._pool.give(plan.num_samples, plan)

    def _product(self, plan: Plan) -> HessianProduct:
        """Go backward and return the Hessian product there, which owns the plan."""
        curvature = self._output_loss.curvature(plan.residual, self._targets)
        plan.backward(curved=True)
        return HessianProduct(plan, self._pool, curvature)

    def _input_signal(self, rows: Array) -> Array:
        """Return y_1 = f(inputs), with a column of ones if there are biases."""
        signal = np.ones((len(rows), rows.shape[1] + self._network.bias))
        self._input_activation.value(rows, signal[:, : rows.shape[1]])
        return signal.astype(self._precision, copy=False)


def _hidden_widths(widths: Any) -> tuple[int, ...]:
    if not isinstance(widths, Iterable) or isinstance(widths, str):
        raise ValueError(f"`widths` must be a sequence of whole numbers, got {widths!r:.60}")
    return tuple(validate.count(f"widths[{n}]", width) for n, width in enumerate(widths))
