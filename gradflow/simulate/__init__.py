"""Runs: `integrate` in continuous time, `descend` in discrete time, one trajectory."""

from gradflow.simulate.checkpoint import Checkpoint
from gradflow.simulate.descend import descend
from gradflow.simulate.integrate import integrate
from gradflow.simulate.iteration import Iterate, iterates
from gradflow.simulate.lanes import ManyRuns, descend_many, integrate_many
from gradflow.simulate.place import Place
from gradflow.simulate.recording import every
from gradflow.simulate.resume import resume

__all__ = [
    "Checkpoint",
    "Iterate",
    "ManyRuns",
    "Place",
    "descend",
    "descend_many",
    "every",
    "integrate",
    "integrate_many",
    "iterates",
    "resume",
]
