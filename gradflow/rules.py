"""Discrete update rules: how one step moves the weights, and how long that step is in flow time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from gradflow import scaling, validate

Array = NDArray[np.float64]
LearningRate = float | Array | Callable[[int], float]


class UpdateRule(Protocol):
    """One step of a discrete method; the gradient is the one at the stored weights.

    A rule may also have `clock_factor`: one step lasts learning_rate * clock_factor / rate in flow
    time (1 where the attribute is missing).
    """

    @property
    def learning_rate(self) -> LearningRate:
        """A number, one per weight, an SPD matrix, or a schedule (a function of the step)."""

    def init(self, w: Array) -> Any:
        """Return the memory before the first step."""

    def update(self, w: Array, gradient: Array, state: Any, step: int) -> tuple[Array, Any]:
        """Return new weights and new memory; `w` and `gradient` are left as they are."""


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
        _set_learning_rate(self)

    def init(self, w: Array) -> None:
        """Return None: plain descent remembers nothing."""

    def update(self, w: Array, gradient: Array, state: None, step: int) -> tuple[Array, None]:
        """Return w - eta g."""
        return w - _scaled(self.learning_rate, gradient, step), state


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
        _set_learning_rate(self)
        _check_decay("momentum", self.momentum)

    @property
    def clock_factor(self) -> float:
        """1 / (1 - b): under a constant force a step is that much longer than plain descent's."""
        return 1.0 / (1.0 - self.momentum)

    def init(self, w: Array) -> Array:
        """Return the velocity before the first step: zero."""
        return np.zeros_like(w)

    def update(self, w: Array, gradient: Array, state: Array, step: int) -> tuple[Array, Array]:
        """Return w + v and v."""
        velocity = self.momentum * state - _scaled(self.learning_rate, gradient, step)
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
        _set_learning_rate(self)
        _check_decay("momentum", self.momentum)

    @property
    def clock_factor(self) -> float:
        """1 / (1 - b): under a constant force a step is that much longer than plain descent's."""
        return 1.0 / (1.0 - self.momentum)

    def init(self, w: Array) -> Array:
        """Return the velocity before the first step: zero."""
        return np.zeros_like(w)

    def update(self, w: Array, gradient: Array, state: Array, step: int) -> tuple[Array, Array]:
        """Return the new point ahead and v."""
        pull = _scaled(self.learning_rate, gradient, step)
        velocity = self.momentum * state - pull
        return w + self.momentum * velocity - pull, velocity


@dataclass(frozen=True, eq=False)
class SignDescent:
    """w <- w - eta sign(g): every weight moves by the same amount, whatever the gradient's size.

    One step lasts eta / rate on the clock of dw/dt = -rate sign(g). A weight whose gradient is 0 stays.
    """

    learning_rate: LearningRate

    def __post_init__(self) -> None:
        _set_learning_rate(self)

    def init(self, w: Array) -> None:
        """Return None: nothing is remembered."""

    def update(self, w: Array, gradient: Array, state: None, step: int) -> tuple[Array, None]:
        """Return w - eta sign(g)."""
        return w - _scaled(self.learning_rate, np.sign(gradient), step), state


@dataclass(frozen=True, eq=False)
class Normalized:
    """w <- w - eta g / |g|: every step travels the distance eta; at g = 0 the weights stay.

    One step lasts eta / rate on the clock of dw/dt = -rate g / |g|.
    """

    learning_rate: LearningRate

    def __post_init__(self) -> None:
        _set_learning_rate(self)

    def init(self, w: Array) -> None:
        """Return None: nothing is remembered."""

    def update(self, w: Array, gradient: Array, state: None, step: int) -> tuple[Array, None]:
        """Return w - eta g / |g|."""
        norm = float(np.linalg.norm(gradient))
        return w - _scaled(self.learning_rate, gradient / norm if norm > 0 else gradient, step), state


@dataclass(frozen=True, eq=False)
class RMSProp:
    """s <- d s + (1 - d) g^2, w <- w - eta g / (sqrt(s) + epsilon) (Tieleman and Hinton 2012).

    One step lasts eta / rate. As eta falls at a fixed d the mean covers less and less flow time, and
    the limit is dw/dt = -rate g / (|g| + epsilon), the sign flow.

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
        _set_learning_rate(self)
        _check_decay("decay", self.decay)
        validate.positive("epsilon", self.epsilon)

    def init(self, w: Array) -> Array:
        """Return the mean square before the first step: zero."""
        return np.zeros_like(w)

    def update(self, w: Array, gradient: Array, state: Array, step: int) -> tuple[Array, Array]:
        """Return the new weights and the mean square."""
        square = self.decay * state + (1 - self.decay) * gradient**2
        return w - _scaled(self.learning_rate, gradient / (np.sqrt(square) + self.epsilon), step), square


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
        _set_learning_rate(self)
        _check_decay("beta1", self.beta1)
        _check_decay("beta2", self.beta2)
        validate.positive("epsilon", self.epsilon)

    def init(self, w: Array) -> Array:
        """Return the two means before the first step: zeros, shape (2, n)."""
        return np.zeros((2, w.size))

    def update(self, w: Array, gradient: Array, state: Array, step: int) -> tuple[Array, Array]:
        """Return the new weights and the two means."""
        mean = self.beta1 * state[0] + (1 - self.beta1) * gradient
        square = self.beta2 * state[1] + (1 - self.beta2) * gradient**2
        direction = mean / (1 - self.beta1 ** (step + 1))
        direction /= np.sqrt(square / (1 - self.beta2 ** (step + 1))) + self.epsilon
        return w - _scaled(self.learning_rate, direction, step), np.stack([mean, square])


def _set_learning_rate(rule: UpdateRule) -> None:
    if not callable(rule.learning_rate):
        object.__setattr__(rule, "learning_rate", validate.scale("learning_rate", rule.learning_rate))


def _scaled(learning_rate: LearningRate, direction: Array, step: int) -> Array:
    return scaling.apply(learning_rate(step) if callable(learning_rate) else learning_rate, direction)


def _check_decay(name: str, value: float) -> None:
    if isinstance(value, bool) or not 0 <= value < 1:
        raise ValueError(f"`{name}` must be at least 0 and below 1, got {value!r:.60}")
