"""Pineda's and Almeida's networks, whose outputs are fixed points."""

from gradflow.problems.recurrent.memory import AssociativeMemory
from gradflow.problems.recurrent.network import Recurrent

__all__ = [
    "AssociativeMemory",
    "Recurrent",
]
