"""Watching events while a run goes on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq

from gradflow.errors import Undefined
from gradflow.events.event import Event
from gradflow.simulate.hooks import HookError, evaluated
from gradflow.simulate.place import Place


class Crossing(NamedTuple):
    """One event met: when, which, at what level, and whether it ends the run."""

    time: float
    name: str
    level: float
    terminal: bool


class Watch:
    """Follows the values of events from step to step."""

    def __init__(self, events: Mapping[str, Event] | None) -> None:
        if events is not None and not isinstance(events, Mapping):
            raise ValueError(
                f"`events` must map names to Event, as in {{'name': gf.Event(...)}}, got {events!r:.60}"
            )
        self.events = dict(events or {})
        for name, event in self.events.items():
            if not isinstance(name, str):
                raise ValueError(f"`events` must map names (text) to Event, got the name {name!r:.60}")
            if not isinstance(event, Event):
                raise ValueError(f"`events` must map names to Event, got {event!r:.60} for {name!r}")
        self._values: dict[str, float] = {}

    @property
    def may_end(self) -> bool:
        """Whether an event may end the run."""
        return any(event.terminal for event in self.events.values())

    def start(self, place: Place) -> None:
        """Take the values at the start, which is no crossing."""
        self._values = {name: _value(event, place) for name, event in self.events.items()}

    def crossings(self, place: Place) -> list[Crossing]:
        """Return the levels that lie between the last place and this one, at the time of this one."""
        found = []
        for name, event in self.events.items():
            before, after = self._values[name], _value(event, place)
            found += [
                Crossing(place.time, name, level, event.terminal) for level in event.crossed(before, after)
            ]
            self._values[name] = after
        return found

    def located(self, t_old: float, place: Place, place_at: Callable[[float], Place]) -> list[Crossing]:
        """Return the crossings in the step of a flow from `t_old` to a place, in order of time.

        Each event is looked at as often inside the step as it says, and located between two looks that
        show it, on the places that `place_at` gives inside the step. None lies behind the first terminal one.
        """
        found = []
        for name, event in self.events.items():
            inside = np.linspace(t_old, place.time, event.looks + 2)[1:-1].tolist()
            looks = [(t, _value(event, place_at(t))) for t in inside]
            values = [(t_old, self._values[name]), *looks, (place.time, _value(event, place))]
            self._values[name] = values[-1][1]
            _check(values)
            for first, second in pairwise(values):
                for level in event.crossed(first[1], second[1]):
                    time = _root(event, level, first, second, place_at)
                    found.append(Crossing(time, name, level, event.terminal))
        found.sort()
        ends = [crossing.time for crossing in found if crossing.terminal]
        return [crossing for crossing in found if not ends or crossing.time <= ends[0]]

    def sentence(self, met: Crossing, place: Place, when: str | None = None) -> str:
        """Return what a person reads about an event that ended the run at a place."""
        when = when or f"t = {met.time:.9g}"
        describe = self.events[met.name].sentence
        what = describe(met.time, place.weights) if describe else f"met its level {met.level:g}"
        return f"event {met.name!r}: {what} at {when}" if describe else f"event {met.name!r} {what} at {when}"


def _value(event: Event, place: Place) -> float:
    answer = evaluated(event.function, place)
    try:
        return float(np.asarray(answer).item())
    except (TypeError, ValueError) as error:
        raise HookError(
            ValueError(f"an event's function must return one number, got {answer!r:.60}")
        ) from error


def _check(values: list[tuple[float, float]]) -> None:
    """Raise where an event has a value at both ends of a step, but none at a look inside."""
    if np.isnan(values[0][1]) or np.isnan(values[-1][1]):
        return
    for t, value in values:
        if np.isnan(value):
            raise Undefined(f"an event has no value at t = {t:.9g}")


def _root(
    event: Event,
    level: float,
    first: tuple[float, float],
    second: tuple[float, float],
    place_at: Callable[[float], Place],
) -> float:
    """Return when the level is met between two looks (time, value) that it lies between."""
    (low, before), (high, after) = first, second
    known = {low: before - level, high: after - level}

    def gap(s: float) -> float:
        if s in known:
            return known[s]
        value = _value(event, place_at(s))
        if np.isnan(value):
            raise Undefined(f"an event has no value at t = {s:.9g}")
        return value - level

    tolerance = 4 * np.finfo(float).eps
    return float(brentq(gap, low, high, xtol=tolerance * max(abs(high), high - low), rtol=tolerance))
