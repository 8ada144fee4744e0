"""Runs: `integrate` in continuous time, `descend` in discrete time, one trajectory."""

from gradflow.simulate.descend import descend
from gradflow.simulate.integrate import integrate

__all__ = ["descend", "integrate"]
