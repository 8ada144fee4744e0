"""Descent that takes the direction from the gradient, but not the amount."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gradflow import validate
from gradflow.rules.rule import LearningRate, scaled, set_learning_rate
from gradflow.types import Array


@dataclass(frozen=True, eq=False)
class SignDescent:
    """w <- w - eta sign(g): every weight moves by the same amount, whatever the gradient's size.

    One step lasts eta / rate on the clock of dw/dt = -rate sign(g). A weight whose gradient is 0 stays.
    """

    learning_rate: LearningRate

    def __post_init__(self) -> None:
        set_learning_rate(self)

    @property
    def no_limit(self) -> str:
        """Its steps do not shrink with the gradient."""
        return "whose steps do not shrink with g"

    def init(self, w: Array) -> None:
        """Return None: nothing is remembered."""

    def update(self, w: Array, gradient: Array, state: None, step: int) -> tuple[Array, None]:
        """Return w - eta sign(g)."""
        return w - scaled(self.learning_rate, np.sign(gradient), step), state


@dataclass(frozen=True, eq=False)
class RandomSign:
    """w <- w - eta u sign(g): only the signs are the gradient's, the amounts u are drawn at random.

    u has one entry per weight and step, uniform between 0 and 2, so that a weight moves by eta on
    average. One step lasts eta / rate on the clock of dw/dt = -rate sign(g), as for `SignDescent`.

    Parameters
    ----------
    learning_rate : float, ndarray (n,), ndarray (n, n) or callable
        eta, see `GradientDescent`.
    amount_seed : int
        Of the amounts; step k draws from ``default_rng([amount_seed, k])``, whatever was drawn before.
    """

    learning_rate: LearningRate
    amount_seed: int = 0

    def __post_init__(self) -> None:
        set_learning_rate(self)
        validate.whole("amount_seed", self.amount_seed)

    @property
    def no_limit(self) -> str:
        """Its steps do not shrink with the gradient."""
        return "whose steps do not shrink with g"

    def init(self, w: Array) -> None:
        """Return None: nothing is remembered."""

    def update(self, w: Array, gradient: Array, state: None, step: int) -> tuple[Array, None]:
        """Return w - eta u sign(g)."""
        amounts = np.random.default_rng([self.amount_seed, step]).uniform(0.0, 2.0, w.size)
        return w - scaled(self.learning_rate, amounts * np.sign(gradient), step), state


@dataclass(frozen=True, eq=False)
class Normalized:
    """``w <- w - eta g / |g|``: every step travels the distance eta; at g = 0 the weights stay.

    One step lasts eta / rate on the clock of ``dw/dt = -rate g / |g|``.
    """

    learning_rate: LearningRate

    def __post_init__(self) -> None:
        set_learning_rate(self)

    @property
    def no_limit(self) -> str:
        """Its steps do not shrink with the gradient."""
        return "whose steps do not shrink with g"

    def init(self, w: Array) -> None:
        """Return None: nothing is remembered."""

    def update(self, w: Array, gradient: Array, state: None, step: int) -> tuple[Array, None]:
        """Return ``w - eta g / |g|``."""
        norm = float(np.linalg.norm(gradient))
        return w - scaled(self.learning_rate, gradient / norm if norm > 0 else gradient, step), state
