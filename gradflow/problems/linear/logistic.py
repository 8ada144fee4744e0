"""Logistic regression on two classes: convex, and without a minimum where the classes separate."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit

from gradflow import validate
from gradflow.problems import batched
from gradflow.problems.initial_weights import random_layers
from gradflow.problems.problem import Product
from gradflow.types import Array


class LogisticRegression:
    """E(w) = 1/N sum_p log(1 + exp(-s_p w.x_p)), s_p = 1 for label 1 and -1 for label 0.

    With margins m = s w.x the gradient is -mean(sigma(-m) s x) and the Hessian
    mean(sigma(m) sigma(-m) x x'). Where a hyperplane separates the classes the flow grows like ln t.

    Parameters
    ----------
    inputs : array_like, shape (N, d)
        One sample a row.
    labels : array_like, shape (N,)
        The classes, 0 or 1.
    bias : bool
        Whether there is a bias; it is the last of the d + 1 weights.

    Raises
    ------
    ValueError
        If the samples are empty, not finite, or do not fit each other, or a label is not 0 or 1.

    Examples
    --------
    >>> problem = LogisticRegression([[1.0]], [1], bias=False)
    >>> problem.loss([0.0]) - float(np.log(2.0))
    0.0
    >>> problem.gradient([0.0])
    array([-0.5])
    """

    averaged = True
    _precision: type = np.float64

    def __init__(self, inputs: ArrayLike, labels: ArrayLike, *, bias: bool = True) -> None:
        samples = validate.array("inputs", inputs, 2)
        classes = validate.array("labels", labels, 1)
        if classes.size != len(samples):
            raise ValueError(f"`labels` must have {len(samples)} entries like `inputs`, got {classes.size}")
        if not np.isin(classes, (0.0, 1.0)).all():
            other = classes[~np.isin(classes, (0.0, 1.0))][0]
            raise ValueError(f"`labels` must be 0 or 1, got {other:g}")
        self.bias = bool(bias)
        if bias:
            samples = np.column_stack([samples, np.ones(len(samples))])
        self._fill((2 * classes - 1)[:, np.newaxis] * samples)

    def _fill(self, signed: Array) -> None:
        # Any: of the precision of the passes.
        self._signed: Any = signed.astype(self._precision, copy=False)
        self.num_samples: int
        self.num_weights: int
        self.num_samples, self.num_weights = signed.shape

    def __repr__(self) -> str:
        single = "" if self._precision is np.float64 else ", single precision"
        inputs = self.num_weights - self.bias
        return f"LogisticRegression({self.num_samples} samples, {inputs} inputs{single})"

    @property
    def gradient_precision(self) -> float:
        """Relative precision of gradients and products: that of the passes."""
        return float(np.finfo(self._precision).eps)

    def in_single(self) -> LogisticRegression:
        """Return the regression with sums over inputs and over samples in single precision.

        Margins and gradients are products in float32; what is made of the margins is in double precision.
        """
        single = object.__new__(LogisticRegression)
        single.bias, single._precision = self.bias, np.float32
        single._fill(self._signed)
        return single

    def loss(self, w: ArrayLike) -> float:
        """Return the mean of log(1 + exp(-m)) over the margins m."""
        return float(np.logaddexp(0.0, -self._margins(w)).mean())

    def gradient(self, w: ArrayLike) -> Array:
        """Return -mean(sigma(-m) s x), shape (n,)."""
        return self._gradient(self._margins(w))

    def loss_and_gradient(self, w: ArrayLike) -> tuple[float, Array]:
        """Return the loss and its gradient from one set of margins."""
        margins = self._margins(w)
        return float(np.logaddexp(0.0, -margins).mean()), self._gradient(margins)

    def losses_and_gradients(self, W: ArrayLike) -> tuple[Array, Array]:
        """Return the losses (K,) and the gradients (K, n) at the rows of W (K, n)."""
        margins = self._along(batched.rows(W, self.num_weights).T).T
        return np.logaddexp(0.0, -margins).mean(axis=1), self._back(-expit(-margins)) / self.num_samples

    def hvp(self, w: ArrayLike, v: ArrayLike) -> Array:
        """Return H(w) v for v of shape (n,) or (n, k)."""
        return self._product(self._margins(w))(validate.directions(v, self.num_weights))

    def linearize(self, w: ArrayLike) -> tuple[float, Array, Product]:
        """Return loss, gradient and the product v -> H(w) v."""
        margins = self._margins(w)
        return float(np.logaddexp(0.0, -margins).mean()), self._gradient(margins), self._product(margins)

    def third_derivative(self, w: ArrayLike, u: ArrayLike, v: ArrayLike) -> Array:
        """Return mean(sigma(m) sigma(-m) (1 - 2 sigma(m)) (s u.x) (s v.x) s x), shape (n,)."""
        p = expit(self._margins(w))
        along = (self._along(validate.shaped(vector, self.num_weights)) for vector in (u, v))
        bend = p * (1 - p) * (1 - 2 * p) * next(along) * next(along)
        return self._back(bend) / self.num_samples

    def subset(self, indices: ArrayLike) -> LogisticRegression:
        """Return the regression on the samples `indices` alone; repeats count again."""
        part = object.__new__(LogisticRegression)
        part.bias, part._precision = self.bias, self._precision
        part._fill(self._signed[validate.indices("indices", indices, self.num_samples)])
        return part

    def initial_weights(self, seed: int, scale: float = 1.0) -> Array:
        """Return weights normal(0, scale / sqrt(d)) and a bias of zero, shape (n,)."""
        weights = np.zeros(self.num_weights)
        inputs = self.num_weights - self.bias
        weights[:inputs] = random_layers(seed, scale, [(1, inputs)])[0]
        return weights

    def _margins(self, w: ArrayLike) -> Array:
        return self._along(validate.shaped(w, self.num_weights))

    def _gradient(self, margins: Array) -> Array:
        return self._back(-expit(-margins)) / self.num_samples

    def _along(self, v: Array) -> Array:
        """Return s v.x of all samples, for v (n,) or (n, k)."""
        products = self._signed @ v.astype(self._precision, copy=False)
        return np.asarray(products, dtype=np.float64)

    def _back(self, shares: Array) -> Array:
        """Return sum_p shares_p s_p x_p, for shares (N,) or (k, N)."""
        products = shares.astype(self._precision, copy=False) @ self._signed
        return np.asarray(products, dtype=np.float64)

    def _product(self, margins: Array) -> Product:
        curvature = expit(margins) * expit(-margins) / self.num_samples

        def product(v: ArrayLike) -> Array:
            along = self._along(validate.directions(v, self.num_weights))
            return self._back(curvature * along.T).T

        return product


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
