"""Many runs of one problem at once: each in a lane, and finished ones make place for the next."""

from gradflow.simulate.lanes.descents import descend_many
from gradflow.simulate.lanes.flows import integrate_many
from gradflow.simulate.lanes.many_runs import ManyRuns, Recorded

__all__ = ["ManyRuns", "Recorded", "descend_many", "integrate_many"]
