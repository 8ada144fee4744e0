"""What an update rule is, and what all of them do with their learning rate."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Real
from typing import Any, Protocol

from gradflow import scaling, validate
from gradflow.types import Array

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


def set_learning_rate(rule: UpdateRule) -> None:
    """Check the learning rate of a new rule, and keep it in the form the code works with."""
    if not callable(rule.learning_rate):
        object.__setattr__(rule, "learning_rate", validate.scale("learning_rate", rule.learning_rate))


def scaled(learning_rate: LearningRate, direction: Array, step: int) -> Array:
    """Return eta times a direction, for the eta of this step."""
    return scaling.apply(learning_rate(step) if callable(learning_rate) else learning_rate, direction)


def check_decay(name: str, value: float) -> None:
    """Raise unless the value is at least 0 and below 1."""
    if isinstance(value, bool) or not isinstance(value, Real) or not 0 <= value < 1:
        raise ValueError(f"`{name}` must be at least 0 and below 1, got {validate.shown(value)}")
