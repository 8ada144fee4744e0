"""Elementwise functions of networks: activations with their slopes and second derivatives."""

from gradflow.kernels.switch import Choice, choice, use

__all__ = ["Choice", "choice", "use"]
