"""Vector fields over weights."""

from gradflow.flows.flow import Flow
from gradflow.flows.gradient import GradientFlow
from gradflow.flows.relaxation import ThreeTimeScales

__all__ = ["Flow", "GradientFlow", "ThreeTimeScales"]
