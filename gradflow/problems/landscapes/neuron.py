"""The network of one weight that should learn f(x) = x, and its flow in closed form."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize.elementwise import find_root
from scipy.special import expit

from gradflow import validate
from gradflow.errors import Undefined
from gradflow.kernels import recipes
from gradflow.problems.batched import ByColumns
from gradflow.problems.problem import Product
from gradflow.types import Array


class SigmoidNeuron(ByColumns):
    """E(w) = 1/2 sum_p (sigma(w x_p) - T_p)^2, one weight, sigma(u) = 1 / (1 + exp(-u)).

    By default the network that should learn f(x) = x on {0, 1}: E = 1/8 + 1/2 (sigma(w) - 1)^2, which
    falls towards 1/8 as w grows and has no minimum. From sigma(u) = 1 in float64 on (u > 37) the
    gradient is exactly 0.

    Parameters
    ----------
    inputs : array_like, shape (P,)
        The inputs x_p.
    targets : array_like, shape (P,)
        The targets T_p.

    Raises
    ------
    ValueError
        If the data are not finite vectors of equal length.

    Examples
    --------
    >>> neuron = SigmoidNeuron()
    >>> neuron.loss([0.0]), neuron.gradient([0.0])
    (0.25, array([-0.125]))
    >>> neuron.flow([0.0], neuron.flow_time([0.0], [2.0])).round(12)
    array([2.])
    """

    averaged = False
    num_weights = 1

    def __init__(self, inputs: ArrayLike = (0.0, 1.0), targets: ArrayLike = (0.0, 1.0)) -> None:
        self.inputs: Array = validate.array("inputs", inputs, 1)
        self.targets: Array = validate.array("targets", targets, 1)
        self.num_samples: int = self.inputs.size
        if self.targets.size != self.num_samples:
            raise ValueError(f"`targets` must have {self.num_samples} entries, got {self.targets.size}")

    def __repr__(self) -> str:
        return f"SigmoidNeuron({self.num_samples} patterns)"

    def loss(self, w: ArrayLike) -> float:
        """Return 1/2 sum_p (sigma(w x_p) - T_p)^2."""
        return self.loss_and_gradient(w)[0]

    def gradient(self, w: ArrayLike) -> Array:
        """Return sum_p (y_p - T_p) x_p (1 - y_p) y_p with y_p = sigma(w x_p), shape (1,)."""
        return self.loss_and_gradient(w)[1]

    def loss_and_gradient(self, w: ArrayLike) -> tuple[float, Array]:
        """Return the loss and its gradient from one pass over the patterns."""
        y = self._outputs(w)
        miss = y - self.targets
        return 0.5 * float(miss @ miss), np.atleast_1d((miss * self.inputs) @ (y * (1 - y)))

    def hvp(self, w: ArrayLike, v: ArrayLike) -> Array:
        """Return E''(w) v for v of shape (1,) or (1, k)."""
        return self._curvature(self._outputs(w)) * validate.directions(v, 1)

    def linearize(self, w: ArrayLike) -> tuple[float, Array, Product]:
        """Return loss, gradient and the product v -> E''(w) v."""
        curvature = self._curvature(self._outputs(w))
        return *self.loss_and_gradient(w), lambda v: curvature * validate.directions(v, 1)

    def third_derivative(self, w: ArrayLike, u: ArrayLike, v: ArrayLike) -> Array:
        """Return E'''(w) u v, shape (1,)."""
        y = self._outputs(w)
        slope = y * (1 - y)
        bend = slope * (1 - 2 * y)
        third = 3 * slope * bend + (y - self.targets) * slope * (1 - 6 * slope)
        return float(third @ self.inputs**3) * validate.shaped(u, 1) * validate.shaped(v, 1)

    def subset(self, indices: ArrayLike) -> SigmoidNeuron:
        """Return the neuron on the patterns `indices` alone; repeats count again."""
        rows = validate.indices("indices", indices, self.num_samples)
        return SigmoidNeuron(self.inputs[rows], self.targets[rows])

    def flow_time(self, w0: ArrayLike, w: ArrayLike) -> float | Array:
        """Return the flow time from w0 to w along dw/dt = -dE/dw, negative if w lies before w0.

        For one pattern x with target 1 and p = sigma(w x), x^2 t = F(p) - F(p0), where
        F(p) = 3 ln(p / (1 - p)) - 1/p + 2 / (1 - p) + 1 / (2 (1 - p)^2).

        Parameters
        ----------
        w0 : array_like, shape (1,)
            The starting weight; a number will do.
        w : array_like, shape (1,) or (..., 1)
            The weights to be reached; a number will do.

        Returns
        -------
        float or ndarray
            Flow time, of the shape of `w` without its last axis; infinite beyond the largest float.

        Raises
        ------
        Undefined
            If the patterns that move the weight do not all amount to one input with target 1
            (an input x with target 0 amounts to -x with target 1, and x = 0 never moves the weight).
        """
        x, repeats = self._single_pattern()
        start, ends = x * _weight("w0", w0), x * _weights("w", w)
        elapsed = _elapsed(np.minimum(start, ends), np.abs(ends - start), np.zeros_like(ends))
        elapsed = np.where(elapsed < 1e300, elapsed, np.inf)
        times = np.copysign(elapsed, ends - start) / (repeats * x * x)
        return times if times.ndim else float(times)

    def flow(self, w0: ArrayLike, t: ArrayLike) -> Array:
        """Return w(t) of dw/dt = -dE/dw from w(0) = w0, shape t.shape + (1,).

        Inverts the time of `flow_time` to machine precision; negative times run backwards.

        Raises
        ------
        Undefined
            Where `flow_time` is.
        """
        x, repeats = self._single_pattern()
        start, times = x * _weight("w0", w0), validate.numbers("t", t)
        if not np.isfinite(times).all():
            raise ValueError("`t` must be finite, got NaN or infinite times")
        with np.errstate(divide="ignore"):
            log_time = np.log(np.abs(times)) + np.log(repeats * x * x)
        gap = _gap(start, times > 0, log_time)
        return ((start + np.copysign(gap, times)) / x)[..., np.newaxis]

    def recipe(self) -> recipes.Recipe:
        """Return the loss in numbers."""
        return recipes.recipe(recipes.NEURON, self.inputs[:, np.newaxis], self.targets[:, np.newaxis])

    @property
    def _num_scratch(self) -> int:
        return 3

    def _columns(self, W: Array, out: Array, losses: Array | None, scratch: Array) -> None:
        y, miss, square = scratch
        out.fill(0.0)
        if losses is not None:
            losses.fill(0.0)
        for x, target in zip(self.inputs.tolist(), self.targets.tolist(), strict=True):
            np.multiply(W[0], -x, out=y)
            np.exp(y, out=y)
            y += 1.0
            np.reciprocal(y, out=y)
            np.subtract(y, target, out=miss)
            if losses is not None:
                losses += np.multiply(miss, miss, out=square)
            np.subtract(1.0, y, out=square)
            y *= square
            y *= miss
            y *= x
            out[0] += y
        if losses is not None:
            losses *= 0.5

    def _outputs(self, w: ArrayLike) -> Array:
        return expit(validate.shaped(w, 1) * self.inputs)

    def _curvature(self, y: Array) -> float:
        slope = y * (1 - y)
        return float((slope**2 + (y - self.targets) * slope * (1 - 2 * y)) @ self.inputs**2)

    def _single_pattern(self) -> tuple[float, int]:
        """Return x and how often it occurs if every pattern that moves the weight is (x, 1) or (-x, 0)."""
        moving = self.inputs != 0
        x, targets = self.inputs[moving], self.targets[moving]
        mirrored = np.where(targets == 1, x, -x)
        if not x.size or not np.isin(targets, (0.0, 1.0)).all() or (mirrored != mirrored[0]).any():
            raise Undefined(
                "the closed-form flow needs patterns that amount to one nonzero input x with target 1 "
                "(or -x with target 0); integrate the flow of this neuron instead"
            )
        return float(mirrored[0]), x.size


def _weight(name: str, w: ArrayLike) -> float:
    values = validate.numbers(name, w)
    return float(validate.weight_vector(name, values if values.ndim else values[np.newaxis], 1)[0])


def _weights(name: str, w: ArrayLike) -> Array:
    values = validate.numbers(name, w)
    if not np.isfinite(values).all() or (values.ndim and values.shape[-1] != 1):
        raise ValueError(f"`{name}` must be finite weights of shape (..., 1), got shape {values.shape}")
    return values[..., 0] if values.ndim else values


def _exp(exponent: Array) -> Array:
    """Return exp, cut off below overflow so that it times 0 stays 0."""
    return np.exp(np.minimum(exponent, 700.0))


def _elapsed(low: Array, gap: Array, log_time: Array) -> Array:
    """Return (F(low + gap) - F(low)) / exp(log_time) with F in u = ln(p / (1 - p)), for gap >= 0.

    F(u) = 3 u - exp(-u) + 3 exp(u) + 1/2 exp(2 u) + const; every difference is positive, so nothing cancels.
    """
    high = low + gap
    once, twice = -np.expm1(-gap), -np.expm1(-2 * gap)
    return (
        3 * gap * _exp(-log_time)
        + once * (_exp(-low - log_time) + 3 * _exp(high - log_time))
        + 0.5 * twice * _exp(2 * high - log_time)
    )


def _gap(start: float, forward: NDArray[np.bool_], log_time: Array) -> Array:
    """Return how far u = w x moves from `start` in a time of given logarithm."""

    def excess(gap: Array, log_time: Array, forward: NDArray[np.bool_]) -> Array:
        return _elapsed(np.where(forward, start, start - gap), gap, log_time) - 1

    moving = np.isfinite(log_time)
    log_time = np.where(moving, log_time, 0.0)
    # One term of F alone bounds the gap; the margin covers its rounding.
    bound = np.where(
        forward, 0.5 * np.logaddexp(0, log_time + np.log(2) - 2 * start), np.logaddexp(0, log_time + start)
    )
    root = find_root(
        excess,
        (np.zeros_like(bound), bound + 1e-9),
        args=(log_time, forward),
        tolerances={"xatol": 1e-17, "xrtol": 4e-16},
    )
    return np.where(moving, root.x, 0.0)
