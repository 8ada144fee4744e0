"""Following a branch of fixed points while the weights move."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from gradflow.errors import Undefined
from gradflow.problems.recurrent.dynamics import Dynamics
from gradflow.problems.recurrent.fixed_points import CONTRACTING, Picard
from gradflow.problems.recurrent.newton import newton
from gradflow.types import Array

SHORTEST = 1e-6


class Branch:
    """A solver that continues known fixed points to other weights, wherever rest would lead.

    The fixed points at W are those at the end of the straight way from the anchor's weights to W, so
    they are a function of W and of the anchor alone, not of what was asked before. Whoever runs the
    weights moves the anchor along.
    """

    finds_unstable: ClassVar[bool] = False

    def __init__(self, dynamics: Dynamics, states: Array) -> None:
        self.anchor = (dynamics, states)

    def __call__(self, dynamics: Dynamics, rest: Array) -> Array:  # noqa: ARG002
        """Return the branch's fixed points, shape (P, n)."""
        if dynamics.lipschitz() < CONTRACTING:
            return Picard()(dynamics, self.anchor[1])
        return continued(*self.anchor, dynamics)

    def only(self, patterns: NDArray[np.intp]) -> Branch:
        """Return the branch of some of the patterns."""
        dynamics, states = self.anchor
        return Branch(dynamics.only(patterns), states[patterns])


def continued(start: Dynamics, states: Array, end: Dynamics) -> Array:
    """Return the fixed points at `end` that those of `start` become on the straight way.

    Steps are halved until Newton's method contracts by 4 from each to the next and no real
    eigenvalue of 1 - DW changes sign, so the branch is not left.

    Raises
    ------
    Undefined
        If the branch of a pattern ends on the way: there two fixed points meet and vanish (a fold).
    """
    signs = _orientation(start, states)
    share, length = 0.0, 1.0
    while share < 1.0:
        ahead = min(1.0, share + length)
        dynamics = start.toward(end, ahead)
        x, reached = newton(dynamics, states, contraction=0.25)
        reached &= _orientation(dynamics, x) == signs
        if reached.all():
            share, states, length = ahead, x, 2.0 * length
        elif length > SHORTEST:
            length *= 0.5
        else:
            pattern = int(np.argmin(reached))
            raise Undefined(f"the fixed point of pattern {pattern} meets another one and vanishes (a fold)")
    return states


def _orientation(dynamics: Dynamics, x: Array) -> Array:
    """Return the sign of det(1 - DW) of each pattern."""
    return np.linalg.slogdet(np.eye(x.shape[1]) - dynamics.jacobian(x))[0]
