"""Gradient flow and gradient descent side by side.

``integrate`` follows dW/dt = -mu dE/dW, ``descend`` takes the discrete steps beside it, both leave
the same `Trajectory` on the same clock, and ``compare`` measures the difference.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gradflow import (
        analysis,
        cases,
        curvature,
        datasets,
        events,
        explorer,
        flows,
        kernels,
        plots,
        problems,
        records,
        rules,
        simulate,
        solvers,
        sweeps,
    )
    from gradflow.analysis import Comparison, compare
    from gradflow.configuration import show_config
    from gradflow.errors import CostWarning, RecordWarning, ToleranceWarning, Undefined
    from gradflow.events import Event
    from gradflow.explorer import explore
    from gradflow.flows import Flow, GradientFlow
    from gradflow.problems.contract import check_problem
    from gradflow.simulate.checkpoint import Checkpoint
    from gradflow.simulate.descend import descend
    from gradflow.simulate.integrate import integrate
    from gradflow.simulate.lanes import ManyRuns, descend_many, integrate_many
    from gradflow.simulate.place import Place
    from gradflow.simulate.recording import every
    from gradflow.simulate.resume import resume
    from gradflow.studies import Study, study
    from gradflow.trajectory import Outcome, Sketch, Trajectory

__version__ = "0.1.0"

# Where each name is. It is imported when it is first asked for, so that a command line that only prints
# its help does not wait for scipy.
_ROOMS = (
    *("analysis", "cases", "curvature", "datasets", "events", "explorer", "flows", "kernels", "plots"),
    *("problems", "records", "rules", "simulate", "solvers", "sweeps"),
)
_PLACES = {
    "Checkpoint": "simulate",
    "Comparison": "analysis",
    "CostWarning": "errors",
    "Event": "events",
    "Flow": "flows",
    "GradientFlow": "flows",
    "ManyRuns": "simulate",
    "Outcome": "trajectory",
    "Place": "simulate",
    "RecordWarning": "errors",
    "Sketch": "trajectory",
    "Study": "studies",
    "ToleranceWarning": "errors",
    "Trajectory": "trajectory",
    "Undefined": "errors",
    "check_problem": "problems",
    "compare": "analysis",
    "descend": "simulate",
    "descend_many": "simulate",
    "every": "simulate",
    "explore": "explorer",
    "integrate": "simulate",
    "integrate_many": "simulate",
    "resume": "simulate",
    "show_config": "configuration",
    "study": "studies",
}

__all__ = [
    "Checkpoint",
    "Comparison",
    "CostWarning",
    "Event",
    "Flow",
    "GradientFlow",
    "ManyRuns",
    "Outcome",
    "Place",
    "RecordWarning",
    "Sketch",
    "Study",
    "ToleranceWarning",
    "Trajectory",
    "Undefined",
    "analysis",
    "cases",
    "check_problem",
    "compare",
    "curvature",
    "datasets",
    "descend",
    "descend_many",
    "events",
    "every",
    "explore",
    "explorer",
    "flows",
    "integrate",
    "integrate_many",
    "kernels",
    "plots",
    "problems",
    "records",
    "resume",
    "rules",
    "show_config",
    "simulate",
    "solvers",
    "study",
    "sweeps",
]

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        if name in _ROOMS:
            return importlib.import_module(f"gradflow.{name}")
        if name not in _PLACES:
            raise AttributeError(f"module 'gradflow' has no attribute {name!r}")
        value = getattr(importlib.import_module(f"gradflow.{_PLACES[name]}"), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
