"""Discrete update rules: how one step moves the weights, and how long that step is in flow time."""

from gradflow.rules.adaptive import Adam, RMSProp
from gradflow.rules.descent import GradientDescent, HeavyBall, Nesterov
from gradflow.rules.direction import Normalized, RandomSign, SignDescent
from gradflow.rules.projected import Projected
from gradflow.rules.reading import as_rule
from gradflow.rules.rule import (
    Clocked,
    LearningRate,
    LinearLimit,
    LinearStep,
    Preconditioned,
    Schedule,
    Unlimited,
    UpdateRule,
)

__all__ = [
    "Adam",
    "Clocked",
    "GradientDescent",
    "HeavyBall",
    "LearningRate",
    "LinearLimit",
    "LinearStep",
    "Nesterov",
    "Normalized",
    "Preconditioned",
    "Projected",
    "RMSProp",
    "RandomSign",
    "Schedule",
    "SignDescent",
    "Unlimited",
    "UpdateRule",
    "as_rule",
]
