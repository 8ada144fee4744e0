"""Runs that are whole, or nothing: who goes on with a part of a run must not take it for the run."""

from __future__ import annotations

from gradflow.trajectory import Outcome, Trajectory

PARTS = (Outcome.INTERRUPTED, Outcome.FAILED, Outcome.BUDGET)


class Unfinished(Exception):
    """A run that was interrupted, failed or spent its budget, where only a whole one is of use.

    Attributes
    ----------
    run : Trajectory
        What was reached.
    """

    def __init__(self, run: Trajectory) -> None:
        reason = "" if run.outcome is Outcome.INTERRUPTED else f": {run.message}"
        steps = max(len(run.step_times) - 1, 0)
        super().__init__(f"{run.outcome.name.lower()} after {steps:,} steps of {run.method}{reason}")
        self.run = run

    @property
    def is_interrupt(self) -> bool:
        """Whether a person stopped it."""
        return self.run.outcome is Outcome.INTERRUPTED


def whole(run: Trajectory) -> Trajectory:
    """Return a run that came to an end of its own; one that diverged is whole.

    Parameters
    ----------
    run : Trajectory

    Returns
    -------
    Trajectory
        The same.

    Raises
    ------
    Unfinished
        If it was interrupted, failed or spent its budget.

    Examples
    --------
    >>> from gradflow.flows import GradientFlow
    >>> from gradflow.problems import Quadratic
    >>> from gradflow.simulate import descend, integrate
    >>> whole(descend(Quadratic(1.0), [1.0], 0.5, 2)).final_loss
    0.03125
    >>> flow = GradientFlow(Quadratic(1.0))
    >>> whole(integrate(flow, [1.0], 9.0, method="RK45", max_evaluations=1))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    gradflow.simulate.whole.Unfinished: budget after 0 steps of RK45: the budget of 1 gradients ...
    """
    if run.outcome in PARTS:
        raise Unfinished(run)
    return run
