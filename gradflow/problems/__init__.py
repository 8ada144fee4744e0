"""What is descended: losses over one flat weight vector."""

from gradflow.problems.adapters.autograd import from_autograd
from gradflow.problems.adapters.jax import from_jax
from gradflow.problems.adapters.torch import from_torch
from gradflow.problems.callables import from_callables
from gradflow.problems.completed import as_problem
from gradflow.problems.contract import check_problem
from gradflow.problems.landscapes import (
    Catapult,
    DoubleWell,
    MinimalistEdge,
    Quadratic,
    ScalarProduct,
    SigmoidNeuron,
)
from gradflow.problems.layered import FeedForward
from gradflow.problems.linear import DeepLinear, LinearRegression, LogisticRegression, overlapping_logistic
from gradflow.problems.problem import (
    Closed,
    Differenced,
    Doubted,
    Kinked,
    Problem,
    RoughlyLinearized,
    Sampled,
    Start,
    ThirdDerivative,
)
from gradflow.problems.recurrent import AssociativeMemory, Recurrent

__all__ = [
    "AssociativeMemory",
    "Catapult",
    "Closed",
    "DeepLinear",
    "Differenced",
    "DoubleWell",
    "Doubted",
    "FeedForward",
    "Kinked",
    "LinearRegression",
    "LogisticRegression",
    "MinimalistEdge",
    "Problem",
    "Quadratic",
    "Recurrent",
    "RoughlyLinearized",
    "Sampled",
    "ScalarProduct",
    "SigmoidNeuron",
    "Start",
    "ThirdDerivative",
    "as_problem",
    "check_problem",
    "from_autograd",
    "from_callables",
    "from_jax",
    "from_torch",
    "overlapping_logistic",
]
