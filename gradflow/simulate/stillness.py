"""Noticing that a flow stood still within its tolerance, and left again."""

from __future__ import annotations

import warnings

import numpy as np

from gradflow.errors import ToleranceWarning
from gradflow.types import Array

# At its pace a flow that stands still would move less than so many tolerances to the end of the run.
STILL = 10.0
# One that moved more than so many has left.
LEFT = 1e4


class Stillness:
    """Warns at the end of a run that rests on growth out of its tolerance.

    Beside a saddle a flow may be slower than its tolerance can tell from rest. What grows from there is
    what it had, or what the integrator was allowed to add: nobody can say which. A flow that merely passes
    a saddle at some speed is not noticed.
    """

    def __init__(self, end_time: float, rtol: float, atol: float) -> None:
        self._end_time, self._rtol, self._atol = end_time, rtol, atol
        self._rest: tuple[float, Array] | None = None

    def look(self, t: float, y: Array, velocity: Array) -> None:
        """Take note of an accepted point."""
        speed = float(np.linalg.norm(velocity))
        if speed * (self._end_time - t) < STILL * self._tolerance(y) and speed > 0:
            self._rest = t, y

    def judge(self, t: float, y: Array) -> None:
        """Warn if the run stood still and is far from there at its end."""
        if self._rest is None:
            return
        time, place = self._rest
        if np.linalg.norm(y - place) > LEFT * max(self._tolerance(y), self._tolerance(place)):
            warnings.warn(
                f"at t = {time:.6g} the flow was slower than its tolerance can tell from rest, and by "
                f"t = {t:.6g} it had left: how it left may be the tolerance's doing. Give a smaller `atol`, "
                "or a start further from rest.",
                ToleranceWarning,
                stacklevel=6,
            )

    def _tolerance(self, y: Array) -> float:
        return self._atol * y.size**0.5 + self._rtol * float(np.linalg.norm(y))
