"""Landscapes of one and two weights, and their kin, whose thresholds in the learning rate are known."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq

from gradflow import validate
from gradflow.errors import Undefined
from gradflow.problems.logistic import LogisticRegression
from gradflow.problems.protocol import Product

Array = NDArray[np.float64]


class DoubleWell:
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


class _ScalarOutput(ABC):
    """E(w) = 1/2 (f(w) - T)^2 for one output f, whose derivatives the subclass gives."""

    num_weights: int
    target: float

    def loss(self, w: ArrayLike) -> float:
        """Return 1/2 (f(w) - T)^2."""
        return self.loss_and_gradient(w)[0]

    def gradient(self, w: ArrayLike) -> Array:
        """Return (f - T) df/dw, shape (n,)."""
        return self.loss_and_gradient(w)[1]

    def loss_and_gradient(self, w: ArrayLike) -> tuple[float, Array]:
        """Return the loss and its gradient."""
        output, slope = self._output(validate.shaped(w, self.num_weights))
        miss = output - self.target
        return 0.5 * miss * miss, miss * slope

    def hvp(self, w: ArrayLike, v: ArrayLike) -> Array:
        """Return H(w) v for v of shape (n,) or (n, k)."""
        return self.linearize(w)[2](validate.directions(v, self.num_weights))

    def linearize(self, w: ArrayLike) -> tuple[float, Array, Product]:
        """Return loss, gradient and the product v -> df/dw (df/dw . v) + (f - T) d2f/dw2 v."""
        weights = np.array(validate.shaped(w, self.num_weights))
        output, slope = self._output(weights)
        miss = output - self.target

        def product(v: ArrayLike) -> Array:
            along = validate.directions(v, self.num_weights)
            return np.multiply.outer(slope, slope @ along) + miss * self._bend(weights, along)

        return 0.5 * miss * miss, miss * slope, product

    def third_derivative(self, w: ArrayLike, u: ArrayLike, v: ArrayLike) -> Array:
        """Return the vector with entries sum_jk d3E/dw_i dw_j dw_k u_j v_k, shape (n,)."""
        weights = validate.shaped(w, self.num_weights)
        u, v = validate.shaped(u, self.num_weights), validate.shaped(v, self.num_weights)
        output, slope = self._output(weights)
        bent_u, bent_v = self._bend(weights, u), self._bend(weights, v)
        mixed = (slope @ u) * bent_v + (slope @ v) * bent_u + (bent_u @ v) * slope
        return mixed + (output - self.target) * self._twist(weights, u, v)

    @abstractmethod
    def _output(self, w: Array) -> tuple[float, Array]:
        """Return f and df/dw."""

    @abstractmethod
    def _bend(self, w: Array, v: Array) -> Array:
        """Return d2f/dw2 v for v of shape (n,) or (n, k)."""

    @abstractmethod
    def _twist(self, w: Array, u: Array, v: Array) -> Array:
        """Return the third derivative of f along u and v, shape (n,)."""


class ScalarProduct(_ScalarOutput):
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

    def _bend(self, w: Array, v: Array) -> Array:
        return np.array([_mixed(w, v, v, left_out)[1] for left_out in range(w.size)])

    def _twist(self, w: Array, u: Array, v: Array) -> Array:
        return np.array([_mixed(w, u, v, left_out)[3] for left_out in range(w.size)])


class MinimalistEdge(_ScalarOutput):
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

    def _bend(self, w: Array, v: Array) -> Array:
        x, y = w.tolist()
        return np.array([[2 * y * y, 4 * x * y], [4 * x * y, 2 * x * x]]) @ v

    def _twist(self, w: Array, u: Array, v: Array) -> Array:
        x, y = w.tolist()
        mixed = u[0] * v[1] + u[1] * v[0]
        return 4 * np.array([y * mixed + x * u[1] * v[1], y * u[0] * v[0] + x * mixed])


class Catapult(_ScalarOutput):
    """E(u, v) = 1/2 f^2 with f = u.v / sqrt(n): a linear network with n hidden units that should give 0.

    With the tangent kernel lambda = (|u|^2 + |v|^2) / n descent is exactly the map of two numbers

        f <- (1 - eta lambda + eta^2 f^2 / n) f,    lambda <- lambda + eta f^2 / n (eta lambda - 4).

    At eta lambda < 2 the loss falls and lambda hardly moves; between 2 and 4 the loss rises until lambda
    has come down, the catapult; above 4 descent diverges.

    Parameters
    ----------
    width : int
        n; the 2 n weights are u, then v.
    seed : int
        Of `initial_weights`.

    Raises
    ------
    ValueError
        If an argument is malformed.

    References
    ----------
    Lewkowycz, Bahri, Dyer, Sohl-Dickstein, Gur-Ari, "The large learning rate phase of deep learning:
    the catapult mechanism", 2020, section 2 and appendix.

    Examples
    --------
    >>> problem = Catapult(1)
    >>> problem.loss([2.0, 3.0]), problem.gradient([2.0, 3.0]), problem.kernel([2.0, 3.0])
    (18.0, array([18., 12.]), 13.0)
    """

    target = 0.0

    def __init__(self, width: int, seed: int = 0) -> None:
        self.width = validate.count("width", width)
        self.seed = validate.count("seed", seed, least=0)
        self.num_weights = 2 * self.width

    def __repr__(self) -> str:
        return f"Catapult({self.num_weights} weights)"

    def initial_weights(self, seed: int | None = None, scale: float = 1.0) -> Array:
        """Return normal weights, u and then v from one default_rng, shape (2 n,); own seed when None."""
        rng = np.random.default_rng(validate.count("seed", self.seed if seed is None else seed, least=0))
        return validate.positive("scale", scale) * rng.standard_normal(self.num_weights)

    def output(self, w: ArrayLike) -> float:
        """Return f = u.v / sqrt(n)."""
        return self._output(validate.shaped(w, self.num_weights))[0]

    def kernel(self, w: ArrayLike) -> float:
        """Return lambda = (|u|^2 + |v|^2) / n, the curvature along df/dw."""
        weights = validate.shaped(w, self.num_weights)
        return float(weights @ weights) / self.width

    def _output(self, w: Array) -> tuple[float, Array]:
        slope = self._bend(w, w)
        return 0.5 * float(slope @ w), slope

    def _bend(self, w: Array, v: Array) -> Array:  # noqa: ARG002
        return np.concatenate([v[self.width :], v[: self.width]]) / math.sqrt(self.width)

    def _twist(self, w: Array, u: Array, v: Array) -> Array:  # noqa: ARG002
        return np.zeros_like(w)


def overlapping_logistic(num_ones: int = 2, num_zeros: int = 1) -> LogisticRegression:
    """Return logistic regression of one weight on the input 1, labelled 1 and 0 so many times each.

    With p the share of ones, E(w) = p log(1 + exp(-w)) + (1 - p) log(1 + exp(w)), whose minimum
    w* = log(p / (1 - p)) has the curvature p (1 - p). Descent settles from everywhere for eta up to
    1 / (p (1 - p)); at 2 / (p (1 - p)) a stable 2-cycle is born, and since the slope is bounded nothing
    ever diverges.

    Parameters
    ----------
    num_ones, num_zeros : int
        How many samples have the label 1 and 0, at least one each.

    Raises
    ------
    ValueError
        If an argument is malformed.

    References
    ----------
    Meng, Orvieto, Cao, De Sa, "Gradient Descent on Logistic Regression with Non-Separable Data and Large
    Step Sizes", 2024, arXiv:2406.05033.

    Examples
    --------
    >>> problem = overlapping_logistic(1, 1)
    >>> problem.gradient([0.0]), problem.hvp([0.0], [1.0])
    (array([0.]), array([0.25]))
    """
    ones, zeros = validate.count("num_ones", num_ones), validate.count("num_zeros", num_zeros)
    labels = np.repeat([1, 0], [ones, zeros])
    return LogisticRegression(np.ones((labels.size, 1)), labels, bias=False)


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
