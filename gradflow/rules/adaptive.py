"""Descent that divides by the size the gradient has had."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gradflow import validate
from gradflow.rules.rule import LearningRate, check_decay, scaled, set_learning_rate
from gradflow.types import Array


@dataclass(frozen=True, eq=False)
class RMSProp:
    """s <- d s + (1 - d) g^2, w <- w - eta g / (sqrt(s) + epsilon) (Tieleman and Hinton 2012).

    One step lasts eta / rate. As eta falls at a fixed d the mean covers less and less flow time, and
    the limit is ``dw/dt = -rate g / (|g| + epsilon)``, the sign flow.

    Parameters
    ----------
    learning_rate : float, ndarray (n,), ndarray (n, n) or callable
        eta, see `GradientDescent`.
    decay : float
        d, at least 0 and below 1.
    epsilon : float
        Keeps the division finite.
    """

    learning_rate: LearningRate
    decay: float = 0.99
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        set_learning_rate(self)
        check_decay("decay", self.decay)
        validate.positive("epsilon", self.epsilon)

    @property
    def stable_product(self) -> float:
        """2, of the preconditioned Hessian."""
        return 2.0

    def preconditioner(self, gradient: Array, state: Array | None, step: int) -> Array:  # noqa: ARG002
        """Return 1 / (sqrt(s) + epsilon); at rest s is g^2."""
        root = np.abs(gradient) if state is None else np.sqrt(state)
        return 1.0 / (root + self.epsilon)

    def init(self, w: Array) -> Array:
        """Return the mean square before the first step: zero."""
        return np.zeros_like(w)

    def update(self, w: Array, gradient: Array, state: Array, step: int) -> tuple[Array, Array]:
        """Return the new weights and the mean square."""
        square = self.decay * state + (1 - self.decay) * gradient**2
        return w - scaled(self.learning_rate, gradient / (np.sqrt(square) + self.epsilon), step), square


@dataclass(frozen=True, eq=False)
class Adam:
    """m <- b1 m + (1 - b1) g, s <- b2 s + (1 - b2) g^2, w <- w - eta m^ / (sqrt(s^) + epsilon).

    m^ = m / (1 - b1^(k+1)) and s^ = s / (1 - b2^(k+1)) at step k = 0, 1, ... One step lasts eta / rate;
    as eta falls at fixed b1 and b2 the limit is the sign flow, as for `RMSProp`.

    Parameters
    ----------
    learning_rate : float, ndarray (n,), ndarray (n, n) or callable
        eta, see `GradientDescent`.
    beta1, beta2 : float
        b1 and b2, at least 0 and below 1.
    epsilon : float
        Keeps the division finite.

    References
    ----------
    Kingma and Ba, *Adam: a method for stochastic optimization*, ICLR 2015, algorithm 1.
    """

    learning_rate: LearningRate
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        set_learning_rate(self)
        check_decay("beta1", self.beta1)
        check_decay("beta2", self.beta2)
        validate.positive("epsilon", self.epsilon)

    @property
    def stable_product(self) -> float:
        """(2 + 2 b1) / (1 - b1): its mean of gradients is heavy ball at (1 - b1) times the learning rate."""
        return (2.0 + 2.0 * self.beta1) / (1.0 - self.beta1)

    def preconditioner(self, gradient: Array, state: Array | None, step: int) -> Array:
        """Return 1 / (sqrt(s) + epsilon) with the s^ of the steps taken; at rest s is g^2."""
        root = np.abs(gradient) if state is None else np.sqrt(state[1] / (1 - self.beta2 ** max(step, 1)))
        return 1.0 / (root + self.epsilon)

    def init(self, w: Array) -> Array:
        """Return the two means before the first step: zeros, shape (2, n)."""
        return np.zeros((2, w.size))

    def update(self, w: Array, gradient: Array, state: Array, step: int) -> tuple[Array, Array]:
        """Return the new weights and the two means."""
        mean = self.beta1 * state[0] + (1 - self.beta1) * gradient
        square = self.beta2 * state[1] + (1 - self.beta2) * gradient**2
        direction = mean / (1 - self.beta1 ** (step + 1))
        direction /= np.sqrt(square / (1 - self.beta2 ** (step + 1))) + self.epsilon
        return w - scaled(self.learning_rate, direction, step), np.stack([mean, square])
