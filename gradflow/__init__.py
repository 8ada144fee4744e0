"""Gradient flow and gradient descent side by side.

``integrate`` follows dW/dt = -mu dE/dW, ``descend`` takes the discrete steps beside it, both leave
the same `Trajectory` on the same clock, and ``compare`` measures the difference.
"""

from gradflow import (
    analysis,
    cases,
    curvature,
    datasets,
    events,
    flows,
    plots,
    problems,
    records,
    rules,
    solvers,
)
from gradflow.analysis import Comparison, compare
from gradflow.errors import CostWarning, RecordWarning, ToleranceWarning, Undefined
from gradflow.events import Event
from gradflow.flows import Flow, GradientFlow
from gradflow.simulate import Checkpoint, Place, descend, every, integrate, resume
from gradflow.trajectory import Outcome, Sketch, Trajectory

__version__ = "0.1.0"

__all__ = [
    "Checkpoint",
    "Comparison",
    "CostWarning",
    "Event",
    "Flow",
    "GradientFlow",
    "Outcome",
    "Place",
    "RecordWarning",
    "Sketch",
    "ToleranceWarning",
    "Trajectory",
    "Undefined",
    "analysis",
    "cases",
    "compare",
    "curvature",
    "datasets",
    "descend",
    "events",
    "every",
    "flows",
    "integrate",
    "plots",
    "problems",
    "records",
    "resume",
    "rules",
    "solvers",
]
