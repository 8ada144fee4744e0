"""Descent that moves by an amount proportional to the gradient, with or without momentum."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gradflow.rules.rule import LearningRate, check_decay, scaled, set_learning_rate
from gradflow.types import Array


@dataclass(frozen=True, eq=False)
class GradientDescent:
    """w <- w - eta g: Euler's method on the gradient flow, with step size eta / rate in flow time.

    Parameters
    ----------
    learning_rate : float, ndarray (n,), ndarray (n, n) or callable
        eta: a number, one per weight, an SPD matrix, or a schedule, a function of the step 0, 1, 2, ...

    Examples
    --------
    >>> GradientDescent(0.5).update(np.array([1.0]), np.array([2.0]), None, 0)[0]
    array([0.])
    """

    learning_rate: LearningRate

    def __post_init__(self) -> None:
        set_learning_rate(self)

    @property
    def stable_product(self) -> float:
        """2: 1 - eta lambda stays above -1."""
        return 2.0

    @property
    def is_linear(self) -> bool:
        """A step is linear in weights, gradient and memory."""
        return True

    def init(self, w: Array) -> None:
        """Return None: plain descent remembers nothing."""

    def update(self, w: Array, gradient: Array, state: None, step: int) -> tuple[Array, None]:
        """Return w - eta g."""
        return w - scaled(self.learning_rate, gradient, step), state


@dataclass(frozen=True, eq=False)
class HeavyBall:
    """v <- b v - eta g, w <- w + v (Polyak 1964).

    On the clock of the gradient flow one step lasts eta / (1 - b), the default; on the clock of the
    heavy-ball equation it lasts sqrt(eta), to be passed as `step_size`.

    Parameters
    ----------
    learning_rate : float, ndarray (n,), ndarray (n, n) or callable
        eta, see `GradientDescent`.
    momentum : float
        b, at least 0 and below 1.

    References
    ----------
    Kovachki and Stuart, *Continuous time analysis of momentum methods*, JMLR 22(17), 2021, theorem 2.
    """

    learning_rate: LearningRate
    momentum: float

    def __post_init__(self) -> None:
        set_learning_rate(self)
        check_decay("momentum", self.momentum)

    @property
    def clock_factor(self) -> float:
        """1 / (1 - b): under a constant force a step is that much longer than plain descent's."""
        return 1.0 / (1.0 - self.momentum)

    @property
    def stable_product(self) -> float:
        """2 + 2 b, where a multiplier of the companion matrix passes -1."""
        return 2.0 + 2.0 * self.momentum

    @property
    def is_linear(self) -> bool:
        """A step is linear in weights, gradient and memory."""
        return True

    def init(self, w: Array) -> Array:
        """Return the velocity before the first step: zero."""
        return np.zeros_like(w)

    def update(self, w: Array, gradient: Array, state: Array, step: int) -> tuple[Array, Array]:
        """Return w + v and v."""
        velocity = self.momentum * state - scaled(self.learning_rate, gradient, step)
        return w + velocity, velocity


@dataclass(frozen=True, eq=False)
class Nesterov:
    """v <- b v - eta g, w <- w + b v - eta g, with a constant momentum b.

    The stored w is the point ahead where the gradient is taken: in the usual two sequences,
    x_{k+1} = w_k - eta g(w_k) and w_{k+1} = x_{k+1} + b (x_{k+1} - x_k). One step lasts
    eta / (1 - b) on the clock of the gradient flow, the default.

    Parameters
    ----------
    learning_rate : float, ndarray (n,), ndarray (n, n) or callable
        eta, see `GradientDescent`.
    momentum : float
        b, at least 0 and below 1.

    References
    ----------
    Nesterov, *Introductory lectures on convex optimization*, 2004, section 2.2.1, scheme (2.2.11).
    """

    learning_rate: LearningRate
    momentum: float

    def __post_init__(self) -> None:
        set_learning_rate(self)
        check_decay("momentum", self.momentum)

    @property
    def clock_factor(self) -> float:
        """1 / (1 - b): under a constant force a step is that much longer than plain descent's."""
        return 1.0 / (1.0 - self.momentum)

    @property
    def stable_product(self) -> float:
        """(2 + 2 b) / (1 + 2 b)."""
        return (2.0 + 2.0 * self.momentum) / (1.0 + 2.0 * self.momentum)

    @property
    def is_linear(self) -> bool:
        """A step is linear in weights, gradient and memory."""
        return True

    def init(self, w: Array) -> Array:
        """Return the velocity before the first step: zero."""
        return np.zeros_like(w)

    def update(self, w: Array, gradient: Array, state: Array, step: int) -> tuple[Array, Array]:
        """Return the new point ahead and v."""
        pull = scaled(self.learning_rate, gradient, step)
        velocity = self.momentum * state - pull
        return w + self.momentum * velocity - pull, velocity
