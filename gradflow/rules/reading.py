"""Reading what a user gives as a rule: a rule, a learning rate, or the values of a schedule."""

from __future__ import annotations

from dataclasses import is_dataclass, replace
from typing import Any

import numpy as np

from gradflow.rules.adaptive import Adam, RMSProp
from gradflow.rules.descent import GradientDescent, HeavyBall, Nesterov
from gradflow.rules.direction import Normalized, SignDescent
from gradflow.rules.rule import Schedule, UpdateRule

# What people call them.
_NAMES = {
    "adam": Adam,
    "rmsprop": RMSProp,
    "gd": GradientDescent,
    "sgd": GradientDescent,
    "gradientdescent": GradientDescent,
    "heavyball": HeavyBall,
    "momentum": HeavyBall,
    "nesterov": Nesterov,
    "nag": Nesterov,
    "signdescent": SignDescent,
    "sign": SignDescent,
    "normalized": Normalized,
}
_NEEDED: dict[type, str] = {HeavyBall: ", momentum=0.9", Nesterov: ", momentum=0.9"}


def as_rule(rule: Any, num_weights: int | None = None) -> UpdateRule:
    """Return an update rule as it is, and a learning rate as plain descent.

    A list or vector of numbers is one learning rate per weight where it has as many entries as there are
    weights, else the values of a schedule, one a step; `Schedule` says the latter whatever the numbers.

    Parameters
    ----------
    rule : UpdateRule, float, array_like or callable
    num_weights : int, optional
        n; None where it does not matter.

    Raises
    ------
    ValueError
        If `rule` is none of these; the sentence names what to give instead.
    """
    if isinstance(rule, str):
        raise ValueError(
            f"`rule` must be a learning rate or a rule such as {_example(rule)}, got {rule!r:.60}"
        )
    if isinstance(rule, type):
        given = rule.__name__
        raise ValueError(
            f"`rule` must be a learning rate or a rule such as {_example(given)}, got the class {given}"
        )
    if isinstance(rule, UpdateRule):
        return _read(rule, num_weights)
    try:
        return GradientDescent(_scheduled(rule, num_weights))
    except ValueError as error:
        raise ValueError(
            str(error).replace("`learning_rate`", "`rule`").replace("`values`", "`rule`")
        ) from None


def _read(rule: UpdateRule, num_weights: int | None) -> UpdateRule:
    """Return a rule whose vector of learning rates is read as a schedule where it fits no weights."""
    rate = rule.learning_rate
    read: Any = _scheduled(rate, num_weights)
    return replace(rule, learning_rate=read) if read is not rate and is_dataclass(rule) else rule


def _scheduled(rate: Any, num_weights: int | None) -> Any:
    if num_weights is None or callable(rate) or np.ndim(rate) != 1 or len(rate) == num_weights:
        return rate
    return Schedule(rate)


def _example(name: str) -> str:
    kind: type = _NAMES.get(name.lower().replace("-", "").replace("_", "").replace(" ", ""), GradientDescent)
    return f"gf.rules.{kind.__name__}(0.1{_NEEDED.get(kind, '')})"


def check_schedule(rule: UpdateRule, num_steps: int, num_weights: int) -> None:
    """Raise ValueError unless a schedule that is a list of values reaches to the last step."""
    rate = rule.learning_rate
    if isinstance(rate, Schedule):
        size = np.size(rate.values)
        if size < num_steps:
            raise ValueError(
                f"`learning_rate` must be one for each of the {num_weights} weights or for each of the "
                f"{num_steps:,} steps, got {size:,} of them"
            )
