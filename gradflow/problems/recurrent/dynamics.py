"""The activations of the free units of a recurrent network, all patterns at once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from gradflow.kernels.activations import Activation
from gradflow.types import Array


@dataclass(frozen=True, eq=False)
class Dynamics:
    """dx/dt = -x + F(x) with F(x) = g(W x + inner) + outer, one pattern a row.

    Attributes
    ----------
    weights : ndarray, shape (n, n)
        W, from column to row.
    inner, outer : ndarray, shape (P, n)
        What clamped units and the drive add inside and outside the nonlinearity.
    activation : Activation
        g.
    """

    weights: Array
    inner: Array
    outer: Array
    activation: Activation

    def image(self, x: Array) -> Array:
        """Return F(x), shape (P, n)."""
        net = x @ self.weights.T
        net += self.inner
        value = np.empty_like(net)
        self.activation.value(net, value)
        value += self.outer
        return value

    def velocity(self, x: Array) -> Array:
        """Return F(x) - x, shape (P, n)."""
        return self.image(x) - x

    def jacobian(self, x: Array) -> Array:
        """Return F'(x) = D W of each pattern, shape (P, n, n)."""
        _, slope, _ = evaluated(self.activation, x @ self.weights.T + self.inner)
        return slope[:, :, None] * self.weights

    def lipschitz(self) -> float:
        """Return a bound on |F(a) - F(b)| / |a - b|: the steepest slope of g times the norm of W."""
        return steepest(self.activation) * float(np.linalg.norm(self.weights, 2))

    def only(self, rows: NDArray[np.bool_] | NDArray[np.intp]) -> Dynamics:
        """Return the dynamics of some of the patterns."""
        return replace(self, inner=self.inner[rows], outer=self.outer[rows])

    def toward(self, other: Dynamics, share: float) -> Dynamics:
        """Return the dynamics a share of the straight way to another one's weights and drive."""
        mixed = {
            name: (1.0 - share) * getattr(self, name) + share * getattr(other, name)
            for name in ("weights", "inner", "outer")
        }
        return replace(self, **mixed)


@cache
def steepest(activation: Activation) -> float:
    """Return the largest |g'|, to three digits."""
    return float(np.abs(evaluated(activation, np.linspace(-12.0, 12.0, 961))[1]).max())


def evaluated(activation: Activation, net: Array) -> tuple[Array, Array, Array]:
    """Return g, g' and g'' at net inputs, which stay as they are."""
    net = net.copy()
    value, slope, second = np.empty_like(net), np.ones_like(net), np.zeros_like(net)
    activation.value(net, value)
    if activation.slope is not None:
        activation.slope(net, value, slope)
    if activation.second is not None:
        activation.second(net, value, slope, second)
    return value, slope, second
