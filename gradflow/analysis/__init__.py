"""Pure functions of problems and trajectories: how far apart two runs are, at which order, how stable."""

from gradflow.analysis import comparison, convergence, differences, patterns, stability, steps
from gradflow.analysis.comparison import Comparison, compare, path_distance

__all__ = [
    "Comparison",
    "compare",
    "comparison",
    "convergence",
    "differences",
    "path_distance",
    "patterns",
    "stability",
    "steps",
]
