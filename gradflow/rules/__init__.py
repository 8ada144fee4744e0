"""Discrete update rules: how one step moves the weights, and how long that step is in flow time."""

from gradflow.rules.adaptive import Adam, RMSProp
from gradflow.rules.descent import GradientDescent, HeavyBall, Nesterov, as_rule
from gradflow.rules.direction import Normalized, RandomSign, SignDescent
from gradflow.rules.projected import Projected
from gradflow.rules.rule import LearningRate, UpdateRule

__all__ = [
    "Adam",
    "GradientDescent",
    "HeavyBall",
    "LearningRate",
    "Nesterov",
    "Normalized",
    "Projected",
    "RMSProp",
    "RandomSign",
    "SignDescent",
    "UpdateRule",
    "as_rule",
]
