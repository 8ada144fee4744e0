"""What the recorders of both kinds of run have in common, so that whatever ends one, it is a trajectory."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np

from gradflow.errors import FAILURES
from gradflow.problems.problem import Problem
from gradflow.simulate.hooks import HookError
from gradflow.simulate.interrupts import Interrupts
from gradflow.simulate.memory import MemoryWatch
from gradflow.simulate.place import Place
from gradflow.simulate.recording import Record, columns
from gradflow.trajectory import Crossings, Outcome, Sketch, Trajectory
from gradflow.types import Array, Product


class Point(NamedTuple):
    """One finite place on a run, with what the run knows there; `memory` is the update rule's.

    Where loss and velocity are estimates, `evaluated` is where beside the weights they were evaluated.
    """

    time: float
    step: int
    state: Array
    weights: Array
    loss: float
    velocity: Array | None = None
    state_velocity: Array | None = None
    loss_slope: float = np.nan
    gradient: Array | None = None
    product: Product | None = None
    memory: Any = None
    evaluated: Array | None = None


class RunRecorder(ABC):
    """Keeps points as rows, sketched where asked, the loss of every step, and what is recorded.

    A row counts once all its columns are written, so an interrupt leaves none that is torn.
    """

    def __init__(
        self,
        problem: Problem,
        record: Record | None,
        sketch: Sketch | None,
        events: Iterable[str],
        *,
        num_rows: int,
        cures: str,
    ) -> None:
        self.problem = problem
        self._memory = MemoryWatch(cures)
        self._sketch = sketch
        self._records = columns(record, num_rows)
        self._num_rows = 0
        self._crossings: dict[str, list[tuple[float, float, Array]]] = {name: [] for name in events}

    @abstractmethod
    def reached(self) -> Point:
        """Return the last point that was noted."""

    @abstractmethod
    def _is_row(self, point: Point) -> bool:
        """Return whether the rows reach to a point already."""

    @abstractmethod
    def _write(self, row: int, point: Point) -> None:
        """Write a point to the columns, which does not make it a row yet."""

    @abstractmethod
    def _row_arrays(self, num_rows: int) -> dict[str, Any]:
        """Return the columns of so many rows by their names in a trajectory."""

    @abstractmethod
    def _step_arrays(self) -> dict[str, Any]:
        """Return time and loss of every step taken."""

    @property
    def has_records(self) -> bool:
        """Whether anything is recorded."""
        return bool(self._records)

    def takes_product(self, step: int, kept: bool) -> bool:
        """Return whether a record that is due at this step asks for the product there."""
        return any(column.takes_product and column.is_due(step, kept) for column in self._records)

    def asks_place(self, step: int, kept: bool) -> bool:
        """Return whether a record that is due at this step asks for the whole place there."""
        return any(column.asks_place and column.is_due(step, kept) for column in self._records)

    def place(self, point: Point) -> Place:
        """Return the point as a record, event or callback sees it."""
        return Place(
            self.problem,
            point.time,
            point.step,
            point.state,
            point.weights,
            loss=point.loss,
            gradient=point.gradient,
            product=point.product,
        )

    def keep(self, point: Point, kept: bool = True, place: Place | None = None) -> None:
        """Keep a point as a row where `kept`, and evaluate the records that are due there."""
        fresh = kept and not self._is_row(point)
        if self._records:
            due = [column for column in self._records if column.is_due(point.step, fresh)]
            place = place or self.place(point)
            values = [column.value(place) for column in due]
            for column, value in zip(due, values, strict=True):
                index = self._num_rows if column.stride is None else column.count
                column.put(index, point.step, point.time, value)
        if fresh:
            self._append(point)

    def keep_last(
        self, interrupts: Interrupts, pending: Callable[[], None] | None = None
    ) -> HookError | None:
        """Keep `pending` rows and the last point reached, unless it is a row already.

        Where its records fail it is kept without them, and where an interrupt comes while they are
        evaluated. Returned is the bug of one of them.
        """
        bug = None
        try:
            interrupts.release()
            if pending is not None:
                pending()
            self.keep(self.reached())
        except (KeyboardInterrupt, *FAILURES):
            pass
        except HookError as error:
            bug = error
        interrupts.hold()
        last = self.reached()
        if not self._is_row(last):
            self._append(last)
        return bug

    def cross(self, name: str, level: float, time: float, weights: Array) -> None:
        """Note that an event met a level."""
        self._crossings[name].append((level, time, weights))

    def trajectory(self, outcome: Outcome, message: str, **rest: Any) -> Trajectory:
        """Return what was kept, and the last point as its last row."""
        last, num_rows = self.reached(), self._num_rows
        if not self._is_row(last):
            self._write(num_rows, last)
            num_rows += 1
        rows = self._row_arrays(num_rows)
        counts = {each.name: num_rows if each.stride is None else each.count for each in self._records}
        return Trajectory(
            **rows,
            **self._step_arrays(),
            records={each.name: each.array(counts[each.name]) for each in self._records},
            record_times={each.name: each.times(rows["times"]) for each in self._records},
            crossings={name: _crossings(found, last.weights.size) for name, found in self._crossings.items()},
            final_state=_final_state(last),
            final_weights=np.array(last.weights),
            outcome=outcome,
            message=message,
            **rest,
        )

    def _append(self, point: Point) -> None:
        self._write(self._num_rows, point)
        self._num_rows += 1

    def _reduced(self, weights: Array) -> Array:
        return weights if self._sketch is None else self._sketch.apply(weights)


def _final_state(point: Point) -> Array:
    """Return the state, followed by the memory of an update rule where that is an array."""
    if isinstance(point.memory, np.ndarray):
        return np.concatenate([point.weights, point.memory.ravel()])
    return np.array(point.state)


def _crossings(found: list[tuple[float, float, Array]], width: int) -> Crossings:
    levels = np.array([level for level, _, _ in found])
    times = np.array([time for _, time, _ in found])
    return Crossings(levels, times, np.array([w for _, _, w in found]).reshape(len(found), width))
