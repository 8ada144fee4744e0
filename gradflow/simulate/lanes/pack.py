"""A pack of lanes that descend together: eight steps at a time, ends noted, free lanes given to new runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite

import numpy as np
from numpy.typing import NDArray

from gradflow.problems.batched import Chosen, Flags, Lanes
from gradflow.simulate.lanes.ledger import Ledger, Runs
from gradflow.simulate.lanes.many_runs import CODES
from gradflow.simulate.lanes.moves import LinearMove
from gradflow.trajectory import Outcome
from gradflow.types import Array

# Steps between two looks at the lanes: where a run is eight steps later, periods 1, 2, 4 and 8 come back.
STRIDE = 8
_IDLE, _NEVER = -1, 2**62
_GOING, _NOBODY = np.int8(-1), np.int8(-2)
_FINISHED, _CONVERGED = CODES[Outcome.FINISHED], CODES[Outcome.CONVERGED]
_DIVERGED, _INTERRUPTED = CODES[Outcome.DIVERGED], CODES[Outcome.INTERRUPTED]


@dataclass(frozen=True, eq=False)
class Descents:
    """What is asked of many descents of one problem.

    Attributes
    ----------
    make_lanes : callable
        From a number to the problem's lanes.
    numbers : ndarray, shape (K, 1) or (K, 4)
        The step of each run, see `moves.coefficients`.
    last_step : int
    loss_tolerance, gradient_tolerance, repeats : float or None
    """

    make_lanes: Callable[[int], Lanes]
    numbers: Array
    last_step: int
    loss_tolerance: float | None
    gradient_tolerance: float | None
    repeats: float | None

    @property
    def has_memory(self) -> bool:
        """Whether steps depend on steps before."""
        return self.numbers.shape[1] > 1


def descend_in_pack(asked: Descents, ledger: Ledger, num_lanes: int) -> None:
    """Take runs from the ledger until there are no more, and bring each to its end."""
    Pack(asked, ledger, num_lanes).descend()


class Pack:
    """Lanes of one thread.

    A new run's first step is none, so that it is first evaluated where it starts: `steps` begins at -1.
    """

    def __init__(self, asked: Descents, ledger: Ledger, num_lanes: int) -> None:
        self._asked, self._ledger = asked, ledger
        self._lanes = asked.make_lanes(num_lanes)
        size = self._lanes.size
        self._move = LinearMove(self._lanes, asked.has_memory)
        self._weights, self._gradients, self._before = np.zeros((3, size))
        self._memory_before = np.zeros(size if asked.has_memory else 0)
        self._losses, self._losses_before = np.zeros((2, num_lanes))
        self._runs = np.full(num_lanes, _IDLE)
        self._steps, self._last = np.zeros((2, num_lanes), dtype=np.int64)
        # Why each lane's run has ended, as long as none has.
        self._none_ended = np.full(num_lanes, _NOBODY)

    def descend(self) -> None:
        """Take runs from the ledger until there are no more, and bring each to its end."""
        self._fill(np.arange(len(self._runs)))
        pack: Pack | None = self
        while pack is not None:
            pack = pack._on()

    def _on(self) -> Pack | None:
        """Go on until fewer than half of the lanes have a run; return a smaller pack with the rest."""
        while (active := np.flatnonzero(self._runs >= 0)).size:
            if self._ledger.halt[0]:
                self._enter(active, np.full(active.size, _INTERRUPTED), self._steps[active])
                return None
            if 2 * active.size <= len(self._runs):
                return self._smaller(active)
            self._fill(self._stride())
        return None

    def _fill(self, free: Runs) -> None:
        """Give the free lanes to new runs as far as there are any."""
        runs = self._ledger.draw(free.size) if free.size else free
        lanes, idle = free[: runs.size], free[runs.size :]
        if idle.size:
            self._runs[idle], self._last[idle], self._none_ended[idle] = _IDLE, _NEVER, _NOBODY
            self._move.hold(idle, idle.size)
        if lanes.size:
            self._lanes.put(self._weights, lanes, self._ledger.starts[runs])
            self._lanes.put(self._gradients, lanes, np.zeros((lanes.size, 1)))
            self._move.place(lanes, self._asked.numbers[runs])
            self._runs[lanes], self._steps[lanes], self._last[lanes] = runs, -1, self._asked.last_step
            self._none_ended[lanes] = _GOING

    def _stride(self) -> Runs:
        """Take eight steps in every lane, and return the lanes whose runs have ended."""
        np.copyto(self._before, self._weights)
        np.copyto(self._losses_before, self._losses)
        if self._move.memory is not None:
            np.copyto(self._memory_before, self._move.memory)
        ends = self._ends()
        codes, taken = self._eight_steps(ends)
        self._look_for_divergence(codes, taken)
        self._steps += taken
        ended = np.flatnonzero(codes >= 0)
        again = self._repeating(codes)
        self._enter_ended(ended, codes)
        return np.concatenate([ended, again])

    def _ends(self) -> dict[int, Runs]:
        """Return the lanes whose runs come to their last step in this stride, by how many steps that is."""
        left = self._last - self._steps
        soon = np.flatnonzero(left <= STRIDE)
        return {s: soon[left[soon] == s] for s in np.unique(left[soon]).tolist()}

    def _eight_steps(self, ends: dict[int, Runs]) -> tuple[NDArray[np.int8], Runs]:
        """Return for each lane why its run has ended, if it has, and how many steps it took."""
        asked = self._asked
        watched = asked.loss_tolerance is not None or asked.gradient_tolerance is not None
        codes = self._none_ended.copy()
        taken = np.full(len(codes), STRIDE)
        for s in range(1, STRIDE + 1):
            self._move(self._weights, self._gradients)
            recorded = self._due(s, codes)
            looked = watched or s in ends or s == STRIDE or recorded.size
            self._lanes.evaluate(self._weights, self._gradients, self._losses if looked else None)
            if recorded.size:
                self._keep(recorded, s)
            stopped = watched and self._stop(self._converged(codes), _CONVERGED, s, codes, taken)
            if s in ends:
                rest = ends[s][codes[ends[s]] == _GOING]
                stopped |= self._stop(rest, _FINISHED, s, codes, taken)
            if stopped and not (codes == _GOING).any():
                break
        return codes, taken

    def _stop(self, lanes: Runs, code: np.int8, s: int, codes: NDArray[np.int8], taken: Runs) -> bool:
        """Note that the runs of these lanes end here, and return whether there are any."""
        if not lanes.size:
            return False
        codes[lanes], taken[lanes] = code, s
        self._move.hold(lanes, lanes.size)
        return True

    def _converged(self, codes: NDArray[np.int8]) -> Runs:
        met = np.zeros(len(codes), dtype=bool)
        if self._asked.loss_tolerance is not None:
            met |= self._losses <= self._asked.loss_tolerance
        if self._asked.gradient_tolerance is not None:
            met |= self._lanes.total(self._gradients**2) <= self._asked.gradient_tolerance**2
        return np.flatnonzero(met & (codes == _GOING))

    def _due(self, s: int, codes: NDArray[np.int8]) -> Runs:
        """Return the lanes of which a row is kept `s` steps on."""
        if not self._ledger.every:
            return _NONE
        return np.flatnonzero((codes == _GOING) & ((self._steps + s) % self._ledger.every == 0))

    def _keep(self, lanes: Runs, s: int) -> None:
        rows = self._lanes.take(self._weights, lanes)
        self._ledger.keep(self._runs[lanes], self._steps[lanes] + s, self._losses[lanes], rows)

    def _look_for_divergence(self, codes: NDArray[np.int8], taken: Runs) -> None:
        """Find the last finite step of lanes that are not finite any more."""
        if isfinite(self._weights.sum() + self._losses.sum()):
            return
        lost = self._lanes.some(~np.isfinite(self._weights)) | ~np.isfinite(self._losses)
        suspects = np.flatnonzero(lost & (codes != _NOBODY))
        if suspects.size:
            self._again(suspects, codes, taken)

    def _again(self, suspects: Runs, codes: NDArray[np.int8], taken: Runs) -> None:
        """Take the steps of this stride again in some lanes, and look at every number on the way."""
        few = self._part(suspects)
        limit, ok = (
            np.minimum(self._last[suspects] - self._steps[suspects], STRIDE),
            np.ones(suspects.size, bool),
        )
        rows, losses = few._rows(), few._losses.copy()
        few._lanes.evaluate(few._weights, few._gradients, None)
        fresh = np.flatnonzero(self._steps[suspects] < 0)
        few._lanes.put(few._gradients, fresh, np.zeros((fresh.size, 1)))
        for s in range(1, STRIDE + 1):
            few._move(few._weights, few._gradients)
            few._lanes.evaluate(few._weights, few._gradients, few._losses)
            now = few._rows()
            slopes = few._lanes.take(few._gradients, slice(None))
            fine = np.isfinite(few._losses) & np.isfinite(now).all(axis=1)
            needed = (s < limit) | (self._asked.gradient_tolerance is not None)
            fine &= np.isfinite(slopes).all(axis=1) | ~needed
            bad = ok & ~fine & (s <= limit) & (s <= taken[suspects])
            for lane in np.flatnonzero(bad).tolist():
                self._diverged(suspects[lane], s, rows[lane], losses[lane], few._losses[lane], codes, taken)
            ok &= ~bad
            on = ok & (s <= taken[suspects])
            rows[on], losses[on] = now[on], few._losses[on]
        # One that ended well before its numbers left the finite ones stays where it ended.
        self._lanes.put(self._weights, suspects[ok], rows[ok])
        self._losses[suspects[ok]] = losses[ok]

    def _diverged(
        self,
        lane: int,
        s: int,
        row: Array,
        loss: float,
        bad_loss: float,
        codes: NDArray[np.int8],
        taken: Runs,
    ) -> None:
        """Put a lane back to its last finite step, or to its start with whatever loss it has."""
        at_start = self._steps[lane] + s == 0
        codes[lane], taken[lane] = _DIVERGED, s if at_start else s - 1
        which = np.array([lane])
        self._lanes.put(self._weights, which, row[np.newaxis])
        self._losses[lane] = bad_loss if at_start else loss
        self._move.hold(which, 1)

    def _repeating(self, codes: NDArray[np.int8]) -> Runs:
        """Shorten runs that are where they were, and return those that end at once."""
        share = self._asked.repeats
        if share is None or self._ledger.every:
            return _NONE
        moved = self._moved(self._weights, self._before, share)
        if self._move.memory is not None:
            moved |= self._moved(self._move.memory, self._memory_before, share)
        again = np.flatnonzero(~moved)
        left = self._last[again] - self._steps[again]
        # A run whose first step was none is where it was seven steps before.
        again = again[(codes[again] == _GOING) & (self._steps[again] >= STRIDE) & (left >= STRIDE)]
        self._last[again] = self._steps[again] + (self._last[again] - self._steps[again]) % STRIDE
        there = again[self._last[again] == self._steps[again]]
        self._enter(there, np.full(there.size, _FINISHED), np.full(there.size, self._asked.last_step))
        return there

    def _moved(self, flat: Array, before: Array, share: float) -> Flags:
        if not share:
            return self._lanes.some(flat != before)
        return self._lanes.total((flat - before) ** 2) > share**2 * self._lanes.total(flat**2)

    def _enter_ended(self, ended: Runs, codes: NDArray[np.int8]) -> None:
        finished = codes[ended] == _FINISHED
        steps = np.where(finished, self._asked.last_step, self._steps[ended])
        self._enter(ended, codes[ended], steps)

    def _enter(self, lanes: Runs, codes: NDArray[np.int8], steps: Runs) -> None:
        if lanes.size:
            rows = self._lanes.take(self._weights, lanes)
            gradients = self._steps[lanes] + 1
            shown = np.maximum(steps, 0)
            self._ledger.enter(self._runs[lanes], rows, self._losses[lanes], codes, shown, gradients)

    def _rows(self) -> Array:
        return self._lanes.take(self._weights, slice(None))

    def _part(self, chosen: Runs) -> Pack:
        """Return a pack of these lanes as they were at the beginning of this stride."""
        part = Pack(self._asked, self._ledger, chosen.size)
        part._take_over(self, chosen, self._before, self._memory_before)
        part._losses[...] = self._losses_before[chosen]
        return part

    def _smaller(self, active: Runs) -> Pack:
        """Return a pack of these lanes alone, as they are."""
        part = Pack(self._asked, self._ledger, active.size)
        memory = self._move.memory
        part._take_over(self, active, self._weights, self._memory_before if memory is None else memory)
        part._lanes.put(part._gradients, slice(None), self._lanes.take(self._gradients, active))
        part._losses[...] = self._losses[active]
        return part

    def _take_over(self, other: Pack, chosen: Runs, weights: Array, memory: Array) -> None:
        everything: Chosen = slice(None)
        self._lanes.put(self._weights, everything, other._lanes.take(weights, chosen))
        self._runs[...], self._steps[...] = other._runs[chosen], other._steps[chosen]
        self._last[...], self._none_ended[...] = other._last[chosen], _GOING
        self._move.place(everything, self._asked.numbers[self._runs])
        if self._move.memory is not None:
            self._lanes.put(self._move.memory, everything, other._lanes.take(memory, chosen))


_NONE = np.zeros(0, dtype=np.int64)
