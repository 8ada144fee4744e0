"""Why a run stopped, and whether it diverged."""

from __future__ import annotations

from enum import Enum

import numpy as np

# A loss of so many times its start is on its way to infinity: no run of the experiments came back from there.
GROWN = 30.0


class Outcome(Enum):
    """Why a run stopped; the value is the sentence a person reads."""

    FINISHED = "the run reached its end"
    CONVERGED = "the gradient norm fell to the tolerance"
    EVENT = "an event or the callback stopped the run"
    DIVERGED = "the weights, the loss or its gradient left the finite numbers"
    BUDGET = "the budget of gradient evaluations was spent"
    FAILED = "the run could not go on"
    INTERRUPTED = "the run was interrupted from the keyboard"


def highest_loss(first_loss: float) -> float:
    """Return the loss beyond which a run has left for good; unknown where it does not start above 0."""
    return GROWN * first_loss if first_loss > 0 else np.inf
