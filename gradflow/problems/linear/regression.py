"""Linear regression: least squares whose cost does not grow with the number of samples."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from gradflow import validate
from gradflow.problems import batched
from gradflow.problems.initial_weights import random_layers
from gradflow.problems.problem import Product
from gradflow.types import Array


class LinearRegression:
    """E(W) = 1/(2N) sum_p ||W x_p - t_p||^2, with gradient W S - C and Hessian I (x) S.

    S = mean(x x') and C = mean(t x') are the second moments, kept as the triangular factor of the
    samples, so an evaluation costs the same for every N, and the loss keeps its digits near the
    minimum (see `compress`). The weights lie as in a network without hidden layer: W row by row,
    shape (c, d + 1), whose last column is the bias; (c, d) without bias.

    Parameters
    ----------
    inputs : array_like, shape (N, d)
        One sample a row.
    targets : array_like, shape (N, c) or (N,)
        One target a row; a vector is one output.
    bias : bool
        Whether each output has a bias.

    Raises
    ------
    ValueError
        If the samples are empty, not finite, or do not fit each other.

    Examples
    --------
    >>> line = LinearRegression([[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0])
    >>> line.minimizer.round(12)
    array([2., 1.])
    >>> line.gradient([2.0, 2.0]).round(12)
    array([1., 1.])
    """

    averaged = True

    def __init__(self, inputs: ArrayLike, targets: ArrayLike, *, bias: bool = True) -> None:
        samples, goals = least_squares_samples(inputs, targets)
        self.bias = bool(bias)
        self._fill(np.column_stack([samples, np.ones(len(samples))]) if bias else samples, goals)

    def _fill(self, samples: Array, goals: Array) -> None:
        self._samples, self._goals = samples, goals
        self._factor, self._image, self._floor = compress(samples, goals)
        self.num_samples: int = len(samples)
        self._shape = (goals.shape[1], samples.shape[1])
        self.num_weights: int = goals.shape[1] * samples.shape[1]

    def __repr__(self) -> str:
        outputs, inputs = self._shape
        return f"LinearRegression({self.num_samples} samples, {inputs - self.bias} inputs, {outputs} outputs)"

    def loss(self, w: ArrayLike) -> float:
        """Return 1/(2N) sum_p ||W x_p - t_p||^2."""
        return self._half_square(self._residual(w))

    def gradient(self, w: ArrayLike) -> Array:
        """Return 1/N sum_p (W x_p - t_p) x_p' row by row, shape (n,)."""
        return (self._residual(w) @ self._factor).ravel()

    def loss_and_gradient(self, w: ArrayLike) -> tuple[float, Array]:
        """Return the loss and its gradient from one residual."""
        residual = self._residual(w)
        return self._half_square(residual), (residual @ self._factor).ravel()

    def losses_and_gradients(self, W: ArrayLike) -> tuple[Array, Array]:
        """Return the losses (K,) and the gradients (K, n) at the rows of W (K, n)."""
        rows = batched.rows(W, self.num_weights)
        residuals = rows.reshape(-1, *self._shape) @ self._factor.T - self._image.T
        losses = 0.5 * np.einsum("kcr,kcr->k", residuals, residuals) + self._floor
        return losses, (residuals @ self._factor).reshape(rows.shape)

    def hvp(self, w: ArrayLike, v: ArrayLike) -> Array:
        """Return (I (x) S) v for v of shape (n,) or (n, k)."""
        validate.shaped(w, self.num_weights)
        return self._product(v)

    def linearize(self, w: ArrayLike) -> tuple[float, Array, Product]:
        """Return loss, gradient and the product v -> (I (x) S) v."""
        return *self.loss_and_gradient(w), self._product

    def third_derivative(self, w: ArrayLike, u: ArrayLike, v: ArrayLike) -> Array:
        """Return zeros: the loss is quadratic."""
        for vector in (w, u, v):
            validate.shaped(vector, self.num_weights)
        return np.zeros(self.num_weights)

    def subset(self, indices: ArrayLike) -> LinearRegression:
        """Return the regression on the samples `indices` alone; repeats count again."""
        rows = validate.indices("indices", indices, self.num_samples)
        part = object.__new__(LinearRegression)
        part.bias = self.bias
        part._fill(self._samples[rows], self._goals[rows])
        return part

    def initial_weights(self, seed: int, scale: float = 1.0) -> Array:
        """Return W with entries normal(0, scale / sqrt(d)) and biases zero, shape (n,)."""
        outputs, inputs = self._shape
        weights = np.zeros(self._shape)
        weights[:, : inputs - self.bias] = random_layers(seed, scale, [(outputs, inputs - self.bias)])[0]
        return weights.ravel()

    @property
    def minimizer(self) -> Array:
        """The weights of least loss, the shortest such vector where there are many, shape (n,)."""
        return self._minimizer.copy()

    @property
    def eigenvalues(self) -> Array:
        """The eigenvalues of S, ascending; each is an eigenvalue of the Hessian once per output."""
        return self._modes[0][::-1].copy()

    @property
    def sharpness(self) -> float:
        """The largest eigenvalue of the Hessian, the same at all weights."""
        return float(self._modes[0][0])

    def flow(self, w0: ArrayLike, t: ArrayLike) -> Array:
        """Return W(t) = W* + (W0 - W*) exp(-S t) of dW/dt = -dE/dW, shape t.shape + (n,)."""
        eigenvalues, vectors = self._modes
        best = self._minimizer.reshape(self._shape)
        modes = (validate.shaped(w0, self.num_weights).reshape(self._shape) - best) @ vectors
        times = np.asarray(t, dtype=np.float64)
        decay = np.exp(-np.multiply.outer(times, eigenvalues))[..., np.newaxis, :]
        return (best + (decay * modes) @ vectors.T).reshape(*times.shape, self.num_weights)

    @cached_property
    def _minimizer(self) -> Array:
        solution, *_ = np.linalg.lstsq(self._factor, self._image, rcond=None)
        return np.asarray(solution.T.ravel(), dtype=np.float64)

    @cached_property
    def _modes(self) -> tuple[Array, Array]:
        """Eigenvalues, descending, and eigenvectors of S from the singular values of its factor."""
        _, singular, rows = np.linalg.svd(self._factor)
        eigenvalues = np.zeros(len(rows))
        eigenvalues[: len(singular)] = singular**2
        return eigenvalues, rows.T

    def _residual(self, w: ArrayLike) -> Array:
        weights = validate.shaped(w, self.num_weights).reshape(self._shape)
        return weights @ self._factor.T - self._image.T

    def _half_square(self, residual: Array) -> float:
        return 0.5 * float(np.vdot(residual, residual)) + self._floor

    def _product(self, v: ArrayLike) -> Array:
        block = validate.directions(v, self.num_weights)
        stacked = block.reshape(*self._shape, -1)
        return (self._factor.T @ (self._factor @ stacked)).reshape(block.shape)


def least_squares_samples(inputs: ArrayLike, targets: ArrayLike) -> tuple[Array, Array]:
    """Return `inputs` (N, d) and `targets` (N, c), where targets may be given as (N,)."""
    samples = validate.array("inputs", inputs, 2)
    goals = validate.array("targets", targets, 1 if np.ndim(targets) == 1 else 2)
    if len(goals) != len(samples):
        raise ValueError(f"`targets` must have {len(samples)} rows like `inputs`, got {len(goals)}")
    return samples, goals.reshape(len(goals), -1)


def compress(inputs: Array, targets: Array) -> tuple[Array, Array, float]:
    """Return (R, Q, floor): at most d samples with the same squared loss of every linear map.

    1/(2N) sum_p ||P x_p - t_p||^2 = 1/2 ||P R' - Q'||^2 + floor for every P. R and Q are the triangular
    factor of the samples [X T] / sqrt(N), so R'R = X'X/N and R'Q = X'T/N are the sufficient statistics.
    Sums of squared residuals keep the digits that differences of the moments themselves would lose.

    Parameters
    ----------
    inputs : ndarray, shape (N, d)
        X, one sample a row.
    targets : ndarray, shape (N, c)
        T, one target a row.

    Returns
    -------
    tuple of (ndarray of shape (r, d), ndarray of shape (r, c), float)
        R and Q with r = min(N, d) rows, and the part of the loss that no linear map reaches.
    """
    num_samples, width = inputs.shape
    samples = np.hstack([inputs, targets]) / np.sqrt(num_samples)
    if num_samples > width:
        samples = np.linalg.qr(samples, mode="r")
    reached, rest = samples[:width], samples[width:]
    return reached[:, :width].copy(), reached[:, width:].copy(), 0.5 * float(np.vdot(rest, rest))
