"""Pure functions of problems and trajectories: how far apart two runs are, at which order, how stable."""

from gradflow.analysis import convergence, stability
from gradflow.analysis.convergence import Comparison, compare, path_distance

__all__ = [
    "Comparison",
    "compare",
    "convergence",
    "path_distance",
    "stability",
]
