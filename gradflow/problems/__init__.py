"""What is descended: losses over one flat weight vector."""

from gradflow.problems.associative import AssociativeMemory
from gradflow.problems.callables import from_callables
from gradflow.problems.catapult import Catapult
from gradflow.problems.deep_linear import DeepLinear
from gradflow.problems.feedforward import FeedForward
from gradflow.problems.jumps import fixed_point_jumps, fixed_point_loses_stability
from gradflow.problems.linear import LinearRegression
from gradflow.problems.logistic import LogisticRegression, overlapping_logistic
from gradflow.problems.neuron import SigmoidNeuron
from gradflow.problems.protocol import Batched, Closed, Problem, Sampled, Start, ThirdDerivative
from gradflow.problems.quadratic import Quadratic
from gradflow.problems.recurrent import Recurrent
from gradflow.problems.scalar import DoubleWell, MinimalistEdge, ScalarProduct

__all__ = [
    "AssociativeMemory",
    "Batched",
    "Catapult",
    "Closed",
    "DeepLinear",
    "DoubleWell",
    "FeedForward",
    "LinearRegression",
    "LogisticRegression",
    "MinimalistEdge",
    "Problem",
    "Quadratic",
    "Recurrent",
    "Sampled",
    "ScalarProduct",
    "SigmoidNeuron",
    "Start",
    "ThirdDerivative",
    "fixed_point_jumps",
    "fixed_point_loses_stability",
    "from_callables",
    "overlapping_logistic",
]
