"""A pack of lanes that follow gradient flows, each with steps and an error control of its own.

Dormand and Prince's pair of order 5 and 4 in every lane: all lanes try a step at once, those whose error is
small enough have taken it, and a run that has come to its end makes place for the next.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gradflow.problems.batched import Chosen
from gradflow.simulate.lanes.flow_request import Flows
from gradflow.simulate.lanes.ledger import Ledger, Runs
from gradflow.simulate.lanes.many_runs import CODES
from gradflow.solvers.dormand_prince import (
    ERROR,
    LEAST_FACTOR,
    LEAST_SPACINGS,
    MOST_FACTOR,
    SAFETY,
    STAGES,
)
from gradflow.trajectory import Outcome
from gradflow.types import Array

_IDLE = -1
_ALL: Chosen = slice(None)
TOO_SMALL = "the steps that the tolerance asks for fell below the rounding of the time"


def integrate_in_pack(asked: Flows, ledger: Ledger, num_lanes: int) -> None:
    """Take runs from the ledger until there are no more, and bring each to its end."""
    pack: FlowPack | None = FlowPack(asked, ledger, num_lanes)
    while pack is not None:
        pack = pack.go_on()


class FlowPack:
    """Lanes of one thread; `time` of an idle one is the end, its step 0."""

    def __init__(self, asked: Flows, ledger: Ledger, num_lanes: int) -> None:
        self._asked, self._ledger = asked, ledger
        self._lanes = asked.make_lanes(num_lanes)
        size = self._lanes.size
        self._weights, self._trial, self._scratch, self._steps_flat, self._atol = np.zeros((5, size))
        self._atol += 1.0
        self._slopes = np.zeros((7, size))
        self._minus_rate: Array | float = asked.minus_rate[0]
        if (asked.minus_rate != asked.minus_rate[0]).any():
            self._minus_rate = np.zeros(size)
            self._lanes.put(self._minus_rate, _ALL, np.tile(asked.minus_rate, (num_lanes, 1)))
        self._losses, self._trial_losses, self._step, self._norms = np.zeros((4, num_lanes))
        self._time = np.full(num_lanes, asked.end_time)
        self._rejected = np.zeros(num_lanes, dtype=bool)
        self._runs = np.full(num_lanes, _IDLE)
        self._taken, self._paid = np.zeros((2, num_lanes), dtype=np.int64)

    def go_on(self) -> FlowPack | None:
        """Go on until fewer than half of the lanes have a run; return a smaller pack with the rest."""
        while True:
            free = np.flatnonzero(self._runs == _IDLE)
            if 8 * free.size >= len(self._runs):
                self._fill(free)
            active = np.flatnonzero(self._runs >= 0)
            if not active.size:
                return None
            if 2 * active.size <= len(self._runs):
                return self._smaller(active)
            self._try_a_step()
            self._end(active)

    def _fill(self, free: Runs) -> None:
        runs = self._ledger.draw(free.size)
        lanes = free[: runs.size]
        if not lanes.size:
            return
        self._lanes.put(self._weights, lanes, self._ledger.starts[runs])
        self._lanes.put(self._atol, lanes, self._asked.atols[runs][:, np.newaxis])
        self._runs[lanes], self._time[lanes] = runs, 0.0
        self._rejected[lanes], self._taken[lanes], self._paid[lanes] = False, 0, 2
        self._evaluate(self._weights, 0, self._losses)
        self._step[lanes] = self._first_steps()[lanes]

    def _evaluate(self, at: Array, place: int, losses: Array | None) -> None:
        self._lanes.evaluate(at, self._slopes[place], losses)
        self._slopes[place] *= self._minus_rate

    def _first_steps(self) -> Array:
        """Return first steps as Hairer, Norsett and Wanner choose them (II.4)."""
        asked = self._asked
        scale = self._atol + asked.rtol * np.abs(self._weights)
        size, slope = self._rms(self._weights / scale), self._rms(self._slopes[0] / scale)
        small = (size < 1e-10) | (slope < 1e-10)
        first = np.minimum(np.where(small, 1e-6, 0.01 * size / slope), asked.end_time)
        self._lanes.put(self._scratch, _ALL, first[:, np.newaxis])
        np.multiply(self._scratch, self._slopes[0], out=self._trial)
        self._trial += self._weights
        self._evaluate(self._trial, 1, None)
        bend = self._rms((self._slopes[1] - self._slopes[0]) / scale) / first
        steepest = np.maximum(slope, bend)
        second = np.where(steepest > 1e-15, (0.01 / steepest) ** 0.2, np.maximum(1e-6, 1e-3 * first))
        chosen = np.minimum(np.minimum(100.0 * first, second), asked.end_time)
        return np.where(np.isfinite(chosen), chosen, first)

    def _rms(self, flat: Array) -> Array:
        return np.sqrt(self._lanes.total(flat**2) / self._ledger.weights.shape[1])

    def _try_a_step(self) -> None:
        """Try a step in every lane, and go where the error is small enough."""
        step = np.minimum(self._step, self._asked.end_time - self._time)
        self._lanes.put(self._steps_flat, _ALL, step[:, np.newaxis])
        for place, coefficients in enumerate(STAGES, start=1):
            self._combine(coefficients, self._trial)
            self._trial += self._weights
            self._evaluate(self._trial, place, self._trial_losses if place == 6 else None)
        self._norms[...] = self._error()
        fine = (self._norms < 1.0) & np.isfinite(self._trial_losses)
        self._step[...] = step * self._factors(fine)
        self._rejected[...] = ~fine
        self._time[...] = np.where(fine, self._ahead(step), self._time)
        self._losses[...] = np.where(fine, self._trial_losses, self._losses)
        self._taken += fine
        self._paid += 6
        self._move(fine)

    def _ahead(self, step: Array) -> Array:
        end = self._asked.end_time
        return np.where(step >= end - self._time, end, self._time + step)

    def _combine(self, coefficients: tuple[float, ...], out: Array) -> None:
        """Write the step times the sum of coefficients and slopes."""
        np.multiply(self._slopes[0], coefficients[0], out=out)
        for slope, coefficient in zip(self._slopes[1:], coefficients[1:], strict=False):
            if coefficient:
                out += np.multiply(slope, coefficient, out=self._scratch)
        out *= self._steps_flat

    def _error(self) -> Array:
        error = self._steps_flat.copy()
        self._combine(ERROR, error)
        scale = np.maximum(np.abs(self._weights), np.abs(self._trial), out=self._scratch)
        scale *= self._asked.rtol
        scale += self._atol
        error /= scale
        return self._rms(error)

    def _factors(self, fine: NDArray[np.bool_]) -> Array:
        wanted = np.clip(SAFETY * np.maximum(self._norms, 1e-7) ** -0.2, LEAST_FACTOR, MOST_FACTOR)
        again = np.where(wanted < 1.0, wanted, LEAST_FACTOR)
        on = np.where(self._rejected, np.minimum(wanted, 1.0), wanted)
        return np.where(fine, on, again)

    def _move(self, fine: NDArray[np.bool_]) -> None:
        if fine.all():
            self._weights, self._trial = self._trial, self._weights
            self._slopes[0] = self._slopes[6]
            return
        flags = np.zeros(self._weights.size, dtype=bool)
        self._lanes.put(flags, _ALL, fine[:, np.newaxis])
        np.copyto(self._weights, self._trial, where=flags)
        np.copyto(self._slopes[0], self._slopes[6], where=flags)

    def _end(self, active: Runs) -> None:
        """Note the runs that have come to an end, and why; the first that fits is taken."""
        asked, time, step = self._asked, self._time[active], self._step[active]
        codes = np.full(active.size, -1, dtype=np.int8)
        if self._ledger.halt[0]:
            codes[...] = CODES[Outcome.INTERRUPTED]
        if asked.max_evaluations is not None:
            codes[self._paid[active] + 6 > asked.max_evaluations] = CODES[Outcome.BUDGET]
        small = step < LEAST_SPACINGS * np.spacing(time)
        if small.any():
            finite = np.isfinite(self._norms[active]) & np.isfinite(self._trial_losses[active])
            codes[small] = np.where(finite[small], CODES[Outcome.FAILED], CODES[Outcome.DIVERGED])
        codes[time >= asked.end_time] = CODES[Outcome.FINISHED]
        if asked.gradient_tolerance is not None:
            norms = np.sqrt(self._lanes.total((self._slopes[0] / self._minus_rate) ** 2))
            codes[norms[active] <= asked.gradient_tolerance] = CODES[Outcome.CONVERGED]
        ended = np.flatnonzero(codes >= 0)
        if ended.size:
            self._enter(active[ended], codes[ended])

    def _enter(self, lanes: Runs, codes: NDArray[np.int8]) -> None:
        runs = self._runs[lanes]
        self._ledger.times[runs] = self._time[lanes]
        self._ledger.enter(
            runs,
            self._lanes.take(self._weights, lanes),
            self._losses[lanes],
            codes,
            self._taken[lanes],
            self._paid[lanes],
        )
        self._runs[lanes], self._time[lanes], self._step[lanes] = _IDLE, self._asked.end_time, 0.0

    def _smaller(self, active: Runs) -> FlowPack:
        """Return a pack of these lanes alone, as they are."""
        part = FlowPack(self._asked, self._ledger, active.size)
        for own, other in (
            (part._weights, self._weights),
            (part._atol, self._atol),
            (part._slopes[0], self._slopes[0]),
        ):
            part._lanes.put(own, _ALL, self._lanes.take(other, active))
        part._losses[...], part._step[...] = self._losses[active], self._step[active]
        part._time[...], part._rejected[...] = self._time[active], self._rejected[active]
        part._runs[...], part._taken[...] = self._runs[active], self._taken[active]
        part._paid[...] = self._paid[active]
        return part
