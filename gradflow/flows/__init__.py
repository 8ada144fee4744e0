"""Vector fields over weights."""

from gradflow.flows.gradient import GradientFlow
from gradflow.flows.protocol import Flow

__all__ = ["Flow", "GradientFlow"]
