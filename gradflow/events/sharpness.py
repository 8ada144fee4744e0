"""What a run can watch for in the curvature."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gradflow.curvature.tracking.tracker import SharpnessTracker
from gradflow.events.event import Event
from gradflow.problems.problem import Problem
from gradflow.types import Array

if TYPE_CHECKING:
    from gradflow.simulate.place import Place


def sharpness_reaches(
    problem: Problem,
    levels: Sequence[float] | float,
    *,
    direction: int = 1,
    terminal: bool = False,
    tol: float = 1e-6,
) -> Event:
    """Return the event that the sharpness lambda_max(H(w)) meets a level.

    Descent at learning rate eta stays near the flow until the sharpness of the flow has reached 2 / eta:
    with the levels 2 / eta of several learning rates one flow tells when each of them will leave it.

    Parameters
    ----------
    problem : Problem
    levels : float or sequence of float
        In loss per squared weight.
    direction : {-1, 0, 1}
        Only falling, any, or only rising crossings, the default.
    terminal : bool
        Whether the first crossing ends the run.
    tol : float
        Relative tolerance of the sharpness.

    Raises
    ------
    ValueError
        If an argument is malformed.

    References
    ----------
    Cohen, Kaur, Li, Kolter, Talwalkar, "Gradient Descent on Neural Networks Typically Occurs at the Edge
    of Stability", ICLR 2021, section 3.

    Examples
    --------
    The flow of E = 1/4 (x^2 - 1)^2 has u = 1 / x^2 - 1 falling like exp(-2 t), and the sharpness 3 x^2 - 1:

    >>> import numpy as np
    >>> from gradflow import GradientFlow, integrate
    >>> from gradflow.problems import DoubleWell
    >>> well = DoubleWell()
    >>> event = {"edge": sharpness_reaches(well, 1.5)}
    >>> run = integrate(GradientFlow(well), [0.5], 3.0, rtol=1e-9, events=event)
    >>> (run.crossings["edge"][1] - 0.5 * np.log(3.0 / 0.2)).round(7) + 0.0
    array([0.])
    """
    return Event(_Sharpness(SharpnessTracker(problem, tol)), levels, direction, terminal, looks=0)


@dataclass(frozen=True, eq=False)
class _Sharpness:
    """The function of the event: the tracker's value as a number, at a place of a run or at (t, w)."""

    tracker: SharpnessTracker

    def __call__(self, t: float, w: Array) -> float:
        return float(self.tracker(t, w))

    @property
    def takes_product(self) -> bool:
        """Whether the tracker asks for the product."""
        return self.tracker.takes_product

    def at_place(self, place: Place) -> float:
        """Return the value from what the run has at the place."""
        return float(self.tracker.at_place(place))
