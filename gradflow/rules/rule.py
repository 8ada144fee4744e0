"""What an update rule is, what may be known of it, and what all of them do with their learning rate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real
from typing import Any, Protocol, runtime_checkable

from numpy.typing import ArrayLike

from gradflow import scaling, validate
from gradflow.types import Array

LearningRate = float | Array | Callable[[int], float]


@runtime_checkable
class UpdateRule(Protocol):
    """One step of a discrete method; the gradient is the one at the stored weights.

    These members are all that a run asks for. What is known of a rule beyond them it says itself, by the
    small protocols below; nobody else keeps a list of rules.
    """

    @property
    def learning_rate(self) -> LearningRate:
        """A number, one per weight, an SPD matrix, or a schedule (a function of the step)."""

    def init(self, w: Array) -> Any:
        """Return the memory before the first step: None or an array."""

    def update(self, w: Array, gradient: Array, state: Any, step: int) -> tuple[Array, Any]:
        """Return new weights and new memory; what is given is left as it is."""


@runtime_checkable
class Clocked(Protocol):
    """A rule whose step lasts learning_rate * clock_factor / rate in flow time, not learning_rate / rate."""

    @property
    def clock_factor(self) -> float:
        """How many times as long as plain descent's a step is."""


@runtime_checkable
class LinearLimit(Protocol):
    """A rule that is linearly stable below a learning rate: `stable_product` over the sharpness."""

    @property
    def stable_product(self) -> float:
        """The largest stable learning rate times the sharpness, 2 for plain descent."""


@runtime_checkable
class LinearStep(Protocol):
    """A rule whose step is linear in weights, gradient and memory, so that multipliers tell all of it."""

    @property
    def is_linear(self) -> bool:
        """True."""


@runtime_checkable
class Preconditioned(Protocol):
    """A rule that divides the gradient by something of its own: its limit is that of M^1/2 H M^1/2."""

    def preconditioner(self, gradient: Array, state: Any, step: int) -> Array:
        """Return the diagonal of M, without the learning rate.

        Parameters
        ----------
        gradient : ndarray, shape (n,)
            At the weights.
        state : ndarray or None
            The memory; None for the one it tends to while the weights rest.
        step : int
            The step about to be taken.
        """


@runtime_checkable
class Unlimited(Protocol):
    """A rule that has no linear limit, and says why."""

    @property
    def no_limit(self) -> str:
        """The reason, as the end of a sentence behind the rule's name."""


@dataclass(frozen=True, eq=False)
class Schedule:
    """A learning rate for each step: ``Schedule([0.1, 0.1, 0.05])`` is 0.1 at steps 0 and 1, 0.05 at step 2.

    Parameters
    ----------
    values : array_like, shape (m,)
        Positive. A run may take m steps.

    Raises
    ------
    ValueError
        If a value is not positive; from a call, beyond the last step.

    Examples
    --------
    >>> Schedule([0.5, 0.25])(1)
    0.25
    """

    values: ArrayLike

    def __post_init__(self) -> None:
        values = validate.array("values", self.values, 1)
        if not (values > 0).all():
            raise ValueError(f"`values` must be positive, got a least value {values.min():g}")
        values.flags.writeable = False
        object.__setattr__(self, "values", values)

    def __call__(self, step: int) -> float:
        """Return the learning rate of a step."""
        values: Any = self.values
        if step >= values.size:
            raise ValueError(
                f"`learning_rate` must have a value for step {step:,}, got {values.size:,} of them"
            )
        return float(values[step])


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
