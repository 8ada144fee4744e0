"""Models that are linear in their inputs: regression, logistic regression, deep linear networks."""

from gradflow.problems.linear.deep import DeepLinear
from gradflow.problems.linear.logistic import LogisticRegression, overlapping_logistic
from gradflow.problems.linear.regression import LinearRegression

__all__ = [
    "DeepLinear",
    "LinearRegression",
    "LogisticRegression",
    "overlapping_logistic",
]
