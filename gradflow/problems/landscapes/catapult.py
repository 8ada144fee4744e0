"""The two-layer linear network that survives learning rates beyond the stability limit."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from gradflow import validate
from gradflow.kernels import recipes
from gradflow.problems.landscapes.scalar_output import ScalarOutput
from gradflow.types import Array


class Catapult(ScalarOutput):
    """E(u, v) = 1/2 f^2 with f = u.v / sqrt(n): a linear network with n hidden units that should give 0.

    With the tangent kernel ``lambda = (|u|^2 + |v|^2) / n`` descent is exactly the map of two numbers

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
        self.seed = validate.whole("seed", seed)
        self.num_weights = 2 * self.width

    def __repr__(self) -> str:
        return f"Catapult({self.num_weights} weights)"

    def initial_weights(self, seed: int | None = None, scale: float = 1.0) -> Array:
        """Return normal weights, u and then v from one default_rng, shape (2 n,); own seed when None."""
        rng = np.random.default_rng(validate.whole("seed", self.seed if seed is None else seed))
        return validate.positive("scale", scale) * rng.standard_normal(self.num_weights)

    def output(self, w: ArrayLike) -> float:
        """Return f = u.v / sqrt(n)."""
        return self._output(validate.shaped(w, self.num_weights))[0]

    def kernel(self, w: ArrayLike) -> float:
        """Return ``lambda = (|u|^2 + |v|^2) / n``, the curvature along df/dw."""
        weights = validate.shaped(w, self.num_weights)
        return float(weights @ weights) / self.width

    def _output(self, w: Array) -> tuple[float, Array]:
        slope = self._bend(w, w)
        return 0.5 * float(slope @ w), slope

    def recipe(self) -> recipes.Recipe:
        """Return the loss in numbers."""
        return recipes.recipe(recipes.CATAPULT, 0.0, 0.0)

    def _output_columns(self, W: Array, slopes: Array, output: Array, scratch: Array) -> None:  # noqa: ARG002
        u, v = W[: self.width], W[self.width :]
        slopes[: self.width], slopes[self.width :] = v, u
        slopes /= math.sqrt(self.width)
        np.einsum("nl,nl->l", slopes, W, out=output)
        output *= 0.5

    def _bend(self, w: Array, v: Array) -> Array:  # noqa: ARG002
        return np.concatenate([v[self.width :], v[: self.width]]) / math.sqrt(self.width)

    def _twist(self, w: Array, u: Array, v: Array) -> Array:  # noqa: ARG002
        return np.zeros_like(w)
