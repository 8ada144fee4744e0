"""Watching events while a run goes on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq

from gradflow.errors import Undefined
from gradflow.events import Event
from gradflow.simulate.place import read_only
from gradflow.types import Array


class Crossing(NamedTuple):
    """One event met: which, at what level, when, and whether it ends the run."""

    time: float
    name: str
    level: float
    terminal: bool


class Watch:
    """Follows the values of events from step to step."""

    def __init__(self, events: Mapping[str, Event] | None) -> None:
        if events is not None and not isinstance(events, Mapping):
            raise ValueError(f"`events` must map names to Event, got {events!r:.60}")
        self.events = dict(events or {})
        for name, event in self.events.items():
            if not isinstance(event, Event):
                raise ValueError(f"`events` must map names to Event, got {event!r:.60} for {name!r}")
        self._values: dict[str, float] = {}

    def start(self, t: float, w: Array) -> None:
        """Take the values at the start, which is no crossing."""
        self._values = {name: _value(event, t, w) for name, event in self.events.items()}

    def crossings(self, t: float, w: Array) -> list[tuple[str, Event, float]]:
        """Return (name, event, level) for what lies between the last point and this one."""
        found = []
        for name, event in self.events.items():
            before, after = self._values[name], _value(event, t, w)
            found += [(name, event, level) for level in event.crossed(before, after)]
            self._values[name] = after
        return found

    def sentence(self, met: Crossing, w: Array, when: str | None = None) -> str:
        """Return what a person reads about an event that ended the run at the weights w."""
        when = when or f"t = {met.time:.9g}"
        describe = self.events[met.name].sentence
        what = describe(met.time, w) if describe else f"met its level {met.level:g}"
        return f"event {met.name!r}: {what} at {when}" if describe else f"event {met.name!r} {what} at {when}"


def _value(event: Event, t: float, w: Array) -> float:
    return float(np.asarray(event.function(t, read_only(w))).item())


def located(
    found: list[tuple[str, Event, float]], t_old: float, t: float, weights_at: Callable[[float], Array]
) -> list[Crossing]:
    """Return the crossings of one step of a flow in order of time, none behind the first terminal one."""
    crossings = sorted(
        Crossing(_root(event, level, t_old, t, weights_at), name, level, event.terminal)
        for name, event, level in found
    )
    ends = [crossing.time for crossing in crossings if crossing.terminal]
    return [crossing for crossing in crossings if not ends or crossing.time <= ends[0]]


def _root(event: Event, level: float, t_old: float, t: float, weights_at: Callable[[float], Array]) -> float:
    def gap(s: float) -> float:
        value = _value(event, s, weights_at(s))
        if np.isnan(value):
            raise Undefined(f"an event has no value at t = {s:.9g}")
        return value - level

    tolerance = 4 * np.finfo(float).eps
    # The interpolant meets the step's ends only to rounding, so a crossing there may show no change of sign.
    if gap(t_old) * gap(t) > 0:
        return t
    return float(brentq(gap, t_old, t, xtol=tolerance * max(abs(t), t - t_old), rtol=tolerance))
