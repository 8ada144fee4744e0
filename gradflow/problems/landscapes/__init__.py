"""Losses of few weights whose flow or thresholds are known in closed form."""

from gradflow.problems.landscapes.catapult import Catapult
from gradflow.problems.landscapes.neuron import SigmoidNeuron
from gradflow.problems.landscapes.quadratic import Quadratic
from gradflow.problems.landscapes.scalar import DoubleWell, MinimalistEdge, ScalarProduct

__all__ = [
    "Catapult",
    "DoubleWell",
    "MinimalistEdge",
    "Quadratic",
    "ScalarProduct",
    "SigmoidNeuron",
]
