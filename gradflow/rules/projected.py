"""Descent inside bounds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gradflow.rules.rule import Clocked, LearningRate, UpdateRule
from gradflow.types import Array


@dataclass(frozen=True, eq=False)
class Projected:
    """A rule followed by the projection on the box low <= w <= high: each weight is cut off at its bounds.

    Around plain descent this is projected gradient descent, Euler's method on the gradient flow that
    rests in a bound as long as the gradient presses against it. The memory of a rule that has one is
    not touched. The clock is the rule's own.

    Parameters
    ----------
    inner : UpdateRule
        The rule that moves the weights first.
    low, high : float
        The bounds of every weight; infinite where there is none.

    References
    ----------
    Bertsekas, "On the Goldstein-Levitin-Polyak gradient projection method", IEEE Transactions on
    Automatic Control 21(2), 1976.

    Examples
    --------
    >>> from gradflow.rules import GradientDescent
    >>> Projected(GradientDescent(0.5), 0.0, 1.0).update(np.array([0.9]), np.array([-2.0]), None, 0)[0]
    array([1.])
    """

    inner: UpdateRule
    low: float = -np.inf
    high: float = np.inf

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise ValueError(f"`low` must be below `high`, got {self.low!r:.60} and {self.high!r:.60}")

    @property
    def learning_rate(self) -> LearningRate:
        """That of the inner rule."""
        return self.inner.learning_rate

    @property
    def clock_factor(self) -> float:
        """That of the inner rule."""
        return self.inner.clock_factor if isinstance(self.inner, Clocked) else 1.0

    @property
    def no_limit(self) -> str:
        """At a bound the projection stops what the linear picture lets grow."""
        return "inside whose bounds its inner rule is to be asked"

    def init(self, w: Array) -> Any:
        """Return the inner rule's memory."""
        return self.inner.init(w)

    def update(self, w: Array, gradient: Array, state: Any, step: int) -> tuple[Array, Any]:
        """Return the inner rule's new weights, cut off at the bounds, and its memory."""
        moved, state = self.inner.update(w, gradient, state, step)
        return np.clip(moved, self.low, self.high), state
