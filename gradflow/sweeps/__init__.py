"""Grids of runs over any executor, with a store that survives."""

from gradflow.sweeps.measures import Group, critical_rates, distances, ends, regimes
from gradflow.sweeps.results import SweepResult
from gradflow.sweeps.store import Row, Store
from gradflow.sweeps.sweep import Sweep
from gradflow.sweeps.workers import Processes

__all__ = [
    "Group",
    "Processes",
    "Row",
    "Store",
    "Sweep",
    "SweepResult",
    "critical_rates",
    "distances",
    "ends",
    "regimes",
]
