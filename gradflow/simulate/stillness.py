"""Noticing that a flow stood still within its tolerance, and left again."""

from __future__ import annotations

import warnings

from gradflow.errors import ToleranceWarning
from gradflow.numerics.vectors import norm
from gradflow.simulate.recorder import Point
from gradflow.types import Array

# At its pace a flow that stands still would move less than so many tolerances to the end of the run.
STILL = 10.0
# So many times e-fold growth from the start to the end could have made something of nothing.
ENOUGH = 3.0
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
        self._start: Point | None = None
        self._growth: float | None = None
        self._rest: Point | None = None
        self._departure: tuple[float, float] | None = None
        self._has_moved = False

    def look(self, point: Point) -> None:
        """Take note of an accepted point."""
        assert point.state_velocity is not None
        if self._growth is None:
            self._measure_growth(point)
        speed = norm(point.state_velocity)
        if speed == 0:
            return
        if speed * (self._end_time - point.time) < STILL * self._tolerance(point.state):
            self._rest = point
        else:
            self._has_moved = True
            if self._departure is None and self._rest is not None and self._is_far(point, self._rest):
                self._departure = self._rest.time, point.time

    def judge(self) -> None:
        """Warn if the run stood still and left again, or never was faster than that."""
        if self._departure is not None:
            rest, moving = self._departure
            sentence = (
                f"at t = {rest:.6g} the flow was slower than its tolerance can tell from rest, and at "
                f"t = {moving:.6g} it had left: how may be the tolerance's doing"
            )
        elif self._rest is not None and not self._has_moved and self._may_leave():
            sentence = (
                "from its start to its end the flow was slower than its tolerance can tell from rest: beside "
                "a saddle it may have left"
            )
        else:
            return
        advice = "Give a smaller `atol`, or a start further from rest."
        warnings.warn(f"{sentence}. {advice}", ToleranceWarning, stacklevel=6)

    def _measure_growth(self, point: Point) -> None:
        """Note how fast the velocity grows along itself in the first step, per flow time."""
        start = self._start
        if start is None:
            self._start = point
            return
        assert start.state_velocity is not None
        assert point.state_velocity is not None
        square = float(start.state_velocity @ start.state_velocity)
        change = float(start.state_velocity @ (point.state_velocity - start.state_velocity))
        self._growth = change / square / (point.time - start.time) if square > 0 else 0.0

    def _may_leave(self) -> bool:
        """Return whether the time of the run was enough for what grows to grow at all."""
        assert self._start is not None
        return (self._growth or 0.0) * (self._end_time - self._start.time) > ENOUGH

    def _is_far(self, point: Point, rest: Point) -> bool:
        moved = norm(point.state - rest.state)
        return moved > LEFT * max(self._tolerance(point.state), self._tolerance(rest.state))

    def _tolerance(self, y: Array) -> float:
        return self._atol * y.size**0.5 + self._rtol * norm(y)
