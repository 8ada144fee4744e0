"""Landscapes of one and two weights, and their kin, whose thresholds in the learning rate are known."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq

from gradflow import validate
from gradflow.errors import Undefined
from gradflow.kernels import recipes
from gradflow.problems.batched import ByColumns
from gradflow.problems.landscapes.scalar_output import ScalarOutput
from gradflow.problems.problem import Product
from gradflow.types import Array


class DoubleWell(ByColumns):
    """E(x) = 1/4 (x^2 - 1)^2, one weight, with minima at -1 and 1 of curvature 2.

    Descent is the cubic map x <- (1 + eta) x - eta x^3. The minima are stable up to eta = 1, the
    2-cycles around them up to sqrt(5) - 1, the 4-cycles up to 1.28803; chaos sets in about 1.305.
    Beyond 3 sqrt(3) / 2 - 1 the two attractors are one, beyond 2 the weight escapes.

    References
    ----------
    With x = sqrt((1 + eta) / eta) z it is z <- r z (1 - z^2) for r = 1 + eta, the odd cubic map.

    Examples
    --------
    >>> well = DoubleWell()
    >>> well.loss([0.0]), well.gradient([2.0]), well.hvp([1.0], [1.0])
    (0.25, array([6.]), array([2.]))
    """

    num_weights = 1

    def __repr__(self) -> str:
        return "DoubleWell(1 weight)"

    def loss(self, w: ArrayLike) -> float:
        """Return 1/4 (x^2 - 1)^2."""
        return self.loss_and_gradient(w)[0]

    def gradient(self, w: ArrayLike) -> Array:
        """Return x^3 - x, shape (1,)."""
        return self.loss_and_gradient(w)[1]

    def loss_and_gradient(self, w: ArrayLike) -> tuple[float, Array]:
        """Return the loss and its gradient."""
        x = validate.shaped(w, 1)
        excess = x * x - 1
        return 0.25 * float(excess[0] * excess[0]), x * excess

    def hvp(self, w: ArrayLike, v: ArrayLike) -> Array:
        """Return (3 x^2 - 1) v for v of shape (1,) or (1, k)."""
        return _curvature_of_well(w) * validate.directions(v, 1)

    def linearize(self, w: ArrayLike) -> tuple[float, Array, Product]:
        """Return loss, gradient and the product v -> (3 x^2 - 1) v."""
        curvature = _curvature_of_well(w)
        return *self.loss_and_gradient(w), lambda v: curvature * validate.directions(v, 1)

    def third_derivative(self, w: ArrayLike, u: ArrayLike, v: ArrayLike) -> Array:
        """Return 6 x u v, shape (1,)."""
        return 6 * validate.shaped(w, 1) * validate.shaped(u, 1) * validate.shaped(v, 1)

    def recipe(self) -> recipes.Recipe:
        """Return the loss in numbers."""
        return recipes.recipe(recipes.WELL, 0.0, 0.0)

    def _columns(self, W: Array, out: Array, losses: Array | None, scratch: Array) -> None:
        excess = np.multiply(W[0], W[0], out=scratch[0])
        excess -= 1.0
        np.multiply(W[0], excess, out=out[0])
        if losses is not None:
            np.multiply(excess, excess, out=losses)
            losses *= 0.25


class ScalarProduct(ScalarOutput):
    """E(w) = 1/2 (w_1 w_2 ... w_d - T)^2: the linear network of d layers of width 1.

    At a minimum the sharpness is sum_i (T / w_i)^2, least at the balanced one, where it is
    d T^(2 - 2/d) (T > 0): descent can settle only below eta = 2 / (d T^(2 - 2/d)). The flow keeps
    every w_i^2 - w_j^2.

    Parameters
    ----------
    depth : int
        d, the number of weights.
    target : float
        T.

    Raises
    ------
    ValueError
        If an argument is malformed.

    References
    ----------
    Kreisler, Shpigel Nacson, Soudry, Carmon, "Gradient Descent Monotonically Decreases the Sharpness
    of Gradient Flow Solutions in Scalar Networks and Beyond", ICML 2023.

    Examples
    --------
    >>> problem = ScalarProduct(2)
    >>> problem.loss([2.0, 1.0]), problem.gradient([2.0, 1.0])
    (0.5, array([1., 2.]))
    """

    def __init__(self, depth: int, target: float = 1.0) -> None:
        self.num_weights = validate.count("depth", depth)
        self.target = float(validate.array("target", target, 0))

    def __repr__(self) -> str:
        return f"ScalarProduct({self.num_weights} weights, target {self.target:g})"

    def flow_limit(self, w: ArrayLike) -> Array:
        """Return the minimum that the gradient flow from `w` reaches, shape (d,).

        The weights sign(w_i) sqrt(w_i^2 + s) with the s that makes their product T.

        Raises
        ------
        Undefined
            If the product of `w` is zero or has not the sign of T: the flow may end in a saddle.
        """
        weights = validate.weight_vector("w", w, self.num_weights)
        if not np.prod(weights) * self.target > 0:
            raise Undefined("the limit of the flow is known where the product has the sign of the target")
        squares = weights**2
        low, width = -squares.min(), abs(self.target) ** (2 / self.num_weights)

        def excess(s: float) -> float:
            return float(np.prod(np.sqrt(np.maximum(squares + s, 0.0)))) - abs(self.target)

        shift = brentq(excess, low, width, xtol=1e-300, rtol=4 * np.finfo(float).eps)
        return np.sign(weights) * np.sqrt(squares + shift)

    def _output(self, w: Array) -> tuple[float, Array]:
        factors = w.tolist()
        slope = [math.prod(factors[:i]) * math.prod(factors[i + 1 :]) for i in range(len(factors))]
        return math.prod(factors), np.array(slope)

    def recipe(self) -> recipes.Recipe:
        """Return the loss in numbers."""
        return recipes.recipe(recipes.PRODUCT, 0.0, self.target)

    def _output_columns(self, W: Array, slopes: Array, output: Array, scratch: Array) -> None:
        last = len(W) - 1
        if last == 0:
            output[...], slopes[...] = W[0], 1.0
            return
        # Products of the weights before each, then times those behind it.
        slopes[1] = W[0]
        for i in range(1, last):
            np.multiply(slopes[i], W[i], out=slopes[i + 1])
        np.multiply(slopes[last], W[last], out=output)
        behind = scratch
        behind[...] = W[last]
        for i in range(last - 1, 0, -1):
            slopes[i] *= behind
            behind *= W[i]
        slopes[0] = behind

    def _bend(self, w: Array, v: Array) -> Array:
        return np.array([_mixed(w, v, v, left_out)[1] for left_out in range(w.size)])

    def _twist(self, w: Array, u: Array, v: Array) -> Array:
        return np.array([_mixed(w, u, v, left_out)[3] for left_out in range(w.size)])


class MinimalistEdge(ScalarOutput):
    """E(x, y) = 1/2 (1 - x^2 y^2)^2: descent settles where the sharpness is just below 2 / eta.

    At the minimum (x, 1/x) the sharpness is 4 (x^2 + 1/x^2), at least 8, so that descent can settle only
    below eta = 1/4. The flow keeps x^2 - y^2.

    References
    ----------
    Zhu, Wang, Wang, Zhou, Ge, "Understanding Edge-of-Stability Training Dynamics with a Minimalist
    Example", ICLR 2023.

    Examples
    --------
    >>> problem = MinimalistEdge()
    >>> problem.loss([1.0, 1.0]), problem.hvp([1.0, 1.0], [1.0, 1.0])
    (0.0, array([8., 8.]))
    """

    num_weights = 2
    target = 1.0

    def __repr__(self) -> str:
        return "MinimalistEdge(2 weights)"

    def edge(self, learning_rate: float) -> Array:
        """Return the minimum (x, 1/x), x >= 1, whose sharpness is 2 / eta, shape (2,).

        Raises
        ------
        ValueError
            If `learning_rate` exceeds 1/4, where no minimum is flat enough.
        """
        rate = validate.positive("learning_rate", learning_rate)
        if rate > 0.25:
            raise ValueError(f"`learning_rate` must be at most 1/4, got {rate:g}: no minimum is flat enough")
        half = 0.25 / rate
        x = math.sqrt(half + math.sqrt(half**2 - 1.0))
        return np.array([x, 1.0 / x])

    def flow_limit(self, w: ArrayLike) -> Array:
        """Return the minimum that the gradient flow from `w` reaches, shape (2,).

        Raises
        ------
        Undefined
            If a weight is zero: the flow then ends at a saddle.
        """
        x, y = validate.weight_vector("w", w, 2)
        if x * y == 0:
            raise Undefined("the flow from weights of which one is zero does not reach a minimum")
        kept = (x**2 - y**2) / 2
        larger = abs(kept) + math.hypot(kept, 1.0)
        squares = (larger, 1 / larger) if kept > 0 else (1 / larger, larger)
        return np.sign([x, y]) * np.sqrt(squares)

    def _output(self, w: Array) -> tuple[float, Array]:
        x, y = w.tolist()
        return x * y * x * y, np.array([2 * x * y * y, 2 * x * x * y])

    def recipe(self) -> recipes.Recipe:
        """Return the loss in numbers."""
        return recipes.recipe(recipes.EDGE, 0.0, 0.0)

    def _output_columns(self, W: Array, slopes: Array, output: Array, scratch: Array) -> None:
        x, y = W
        product = np.multiply(x, y, out=scratch)
        np.multiply(product, x, out=output)
        np.multiply(output, 2.0, out=slopes[1])
        output *= y
        np.multiply(product, y, out=slopes[0])
        slopes[0] *= 2.0

    def _bend(self, w: Array, v: Array) -> Array:
        x, y = w.tolist()
        return np.array([[2 * y * y, 4 * x * y], [4 * x * y, 2 * x * x]]) @ v

    def _twist(self, w: Array, u: Array, v: Array) -> Array:
        x, y = w.tolist()
        mixed = u[0] * v[1] + u[1] * v[0]
        return 4 * np.array([y * mixed + x * u[1] * v[1], y * u[0] * v[0] + x * mixed])


def _curvature_of_well(w: ArrayLike) -> float:
    x = float(validate.shaped(w, 1)[0])
    return 3 * x * x - 1


def _mixed(w: Array, u: Array, v: Array, left_out: int) -> tuple[float, Array, Array, Array]:
    """Return the coefficients of 1, s, t and s t in the product of w_j + s u_j + t v_j, one j left out."""
    one, s, t, st = 1.0, 0 * u[0], 0 * v[0], 0 * u[0]
    for j in range(w.size):
        if j != left_out:
            st = st * w[j] + s * v[j] + t * u[j]
            s, t = s * w[j] + one * u[j], t * w[j] + one * v[j]
            one = one * float(w[j])
    return one, s, t, st
