"""Events of runs on recurrent networks: a fixed point jumps to another branch, or loses its stability."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gradflow.errors import Undefined
from gradflow.events import Event
from gradflow.problems.recurrent.branch import continued
from gradflow.problems.recurrent.dynamics import Dynamics
from gradflow.problems.recurrent.network import Recurrent
from gradflow.types import Array

# Fixed points further apart than this are different ones.
APART = 1e-6
# A jump is located to this share of its flow time.
LOCATED = 1e-7


def fixed_point_jumps(problem: Recurrent, *, terminal: bool = True) -> Event:
    """Return the event that the fixed points found by `problem` leave the branch they were on.

    It compares them with those continued from the last place they agreed. After a jump it watches the
    new branch, so every jump of a run that goes on is among its crossings.

    Parameters
    ----------
    problem : Recurrent
        The network whose fixed points are found from rest.
    terminal : bool
        Whether a jump ends the run; its message then says which patterns jumped and when.

    Notes
    -----
    The gradient of `problem` is discontinuous where its fixed points jump, and no integrator passes a
    place where the flow leads back on the other side. The flow of ``problem.following(w0)`` is the same
    up to the jump and smooth across it: with a terminal event it ends there, else it stays on its branch.
    """
    jumps = _Jumps(problem)
    return Event(jumps, direction=-1, terminal=terminal, looks=0, sentence=jumps.sentence)


def fixed_point_loses_stability(problem: Recurrent, *, margin: float = 0.0, terminal: bool = True) -> Event:
    """Return the event that the largest real part of the relaxation rates rises to -`margin`.

    Parameters
    ----------
    problem : Recurrent
        The problem of the run; the branch is seen to its end by one that is followed.
    margin : float
        In units of 1 / (time scale of the activations). Where a branch ends in a fold its rate only
        approaches 0, so a small positive margin sees it before.
    terminal : bool
        Whether it ends the run; its message then says which pattern and when.
    """

    def largest_rate(t: float, w: Array) -> float:  # noqa: ARG001
        return float(problem.relaxation_rates(w)[:, 0].real.max())

    def sentence(t: float, w: Array) -> str:  # noqa: ARG001
        rates = problem.relaxation_rates(w)[:, 0].real
        pattern = int(rates.argmax())
        return (
            f"the fixed point of pattern {pattern} loses stability, its slowest rate is {rates[pattern]:.3g}"
        )

    return Event(largest_rate, levels=-margin, direction=1, terminal=terminal, looks=0, sentence=sentence)


class _Jumps:
    """1 while the fixed points at w are those continued from the anchor, -1 where they are not."""

    def __init__(self, problem: Recurrent) -> None:
        self._problem = problem
        self._anchor: tuple[float, Dynamics, Array] | None = None
        self._beyond: tuple[float, Dynamics, Array] | None = None
        self._patterns: list[int] = []

    def __call__(self, t: float, w: Array) -> float:
        try:
            here = (t, *self._problem.free_fixed_points(w))
        except Undefined:
            # Next to a fold a pattern takes forever to come to rest; what it left, it left.
            return self._beyond_by(t)
        if self._beyond is not None and t > self._beyond[0]:
            self._anchor, self._beyond = self._beyond, None
        if self._anchor is None or t <= self._anchor[0]:
            self._anchor, self._beyond = here, None
            return 1.0
        jumped = self._jumped(here)
        if jumped.any():
            self._patterns = np.flatnonzero(jumped).tolist()
            self._beyond = self._beyond or here
            return self._beyond_by(t)
        self._anchor = here
        return 1.0

    def _beyond_by(self, t: float) -> float:
        """Return -1, or 0 once the jump is located: closer to a fold relaxing takes ever longer."""
        located = self._anchor is not None and t - self._anchor[0] <= LOCATED * abs(t)
        return 0.0 if located else -1.0

    def sentence(self, t: float, w: Array) -> str:  # noqa: ARG002
        """Return which patterns jumped last."""
        names = ", ".join(map(str, self._patterns))
        one = len(self._patterns) == 1
        return (
            f"the fixed point of pattern {names} jumped"
            if one
            else f"the fixed points of patterns {names} jumped"
        )

    def _jumped(self, here: tuple[float, Dynamics, Array]) -> NDArray[np.bool_]:
        assert self._anchor is not None
        _, start, states = self._anchor
        _, end, found = here
        try:
            return np.abs(continued(start, states, end) - found).max(axis=1) > APART
        except Undefined:
            return np.array([_left(start, states, end, found, p) for p in range(len(found))])


def _left(start: Dynamics, states: Array, end: Dynamics, found: Array, pattern: int) -> bool:
    """Return whether one pattern's branch ends on the way or elsewhere than where it was found."""
    one = np.array([pattern])
    try:
        return bool(np.abs(continued(start.only(one), states[one], end.only(one)) - found[one]).max() > APART)
    except Undefined:
        return True
