"""Vector fields over weights."""

from gradflow.flows.gradient import GradientFlow
from gradflow.flows.protocol import Flow
from gradflow.flows.relaxation import ThreeTimeScales

__all__ = ["Flow", "GradientFlow", "ThreeTimeScales"]
