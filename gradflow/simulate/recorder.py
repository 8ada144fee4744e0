"""Collects the rows of a run, so that whatever ends it, what was reached is a trajectory."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np

from gradflow.errors import FAILURES
from gradflow.problems.problem import Problem
from gradflow.simulate.hooks import HookError
from gradflow.simulate.interrupts import Interrupts
from gradflow.simulate.place import Place
from gradflow.simulate.recording import Record, columns
from gradflow.simulate.rows import Rows
from gradflow.trajectory import Crossings, Outcome, Sketch, Trajectory
from gradflow.types import Array, Product

COLUMNS = ("time", "step", "state", "weights", "loss", "velocity", "loss_slope", "learning_rate")


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
    learning_rate: float = np.nan
    gradient: Array | None = None
    product: Product | None = None
    memory: Any = None
    evaluated: Array | None = None


class Recorder:
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
        num_rows: int = 16,
    ) -> None:
        self.problem = problem
        self._sketch = sketch
        self._records = columns(record, num_rows)
        self._rows = {name: Rows(num_rows) for name in COLUMNS}
        self._num_rows = 0
        self._step_times, self._step_losses = array("d"), array("d")
        self._crossings: dict[str, list[tuple[float, float, Array]]] = {name: [] for name in events}
        self.last: Point
        self.last_kept: Point | None = None

    def takes_product(self, step: int, kept: bool) -> bool:
        """Return whether a record that is due at this step asks for the product there."""
        return any(column.takes_product and column.is_due(step, kept) for column in self._records)

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

    def step(self, point: Point) -> None:
        """Note a step that was taken: its time and loss, and that the run has come this far."""
        self.last = point
        self._step_losses.append(point.loss)
        self._step_times.append(point.time)

    def settle(self, point: Point) -> None:
        """Put what was evaluated in the place of the estimates at the last step."""
        if self.last_kept is self.last:
            self._write(self._num_rows - 1, point)
            self.last_kept = point
        self.last = point
        self._step_losses[-1] = point.loss

    def asks_place(self, step: int, kept: bool) -> bool:
        """Return whether a record that is due at this step asks for the whole place there."""
        return any(column.asks_place and column.is_due(step, kept) for column in self._records)

    def keep(self, point: Point, kept: bool = True, place: Place | None = None) -> None:
        """Keep a point as a row where `kept`, and evaluate the records that are due there."""
        fresh = kept and (self.last_kept is None or point.time > self.last_kept.time)
        if self._records:
            due = [column for column in self._records if column.is_due(point.step, fresh)]
            place = place or self.place(point)
            values = [column.value(place) for column in due]
            for column, value in zip(due, values, strict=True):
                index = self._num_rows if column.stride is None else column.count
                column.put(index, point.step, point.time, value)
        if fresh:
            self._append(point)

    def keep_rows(
        self,
        times: Array,
        step: int,
        states: Array,
        weights: Array,
        losses: Array,
        velocities: Array,
        slopes: Array,
    ) -> None:
        """Keep rows that were interpolated inside a step of a flow, all in one where nothing is recorded."""
        if any(column.stride is None for column in self._records):
            columns = (times.tolist(), states, losses.tolist(), velocities, slopes.tolist())
            own = weights if weights is not states else None
            for row, (t, state, loss, velocity, slope) in enumerate(zip(*columns, strict=True)):
                w = state if own is None else own[row]
                self.keep(Point(t, step, state, w, loss, velocity, None, slope))
            return
        rows, row = self._rows, self._num_rows
        rows["time"].put_block(row, times)
        rows["step"].put_block(row, np.broadcast_to(step, times.shape))
        rows["weights"].put_block(row, self._reduced(weights))
        if states is not weights:
            rows["state"].put_block(row, states)
        rows["loss"].put_block(row, losses)
        rows["velocity"].put_block(row, self._reduced(velocities))
        rows["loss_slope"].put_block(row, slopes)
        rows["learning_rate"].put_block(row, np.broadcast_to(np.nan, times.shape))
        self._num_rows += times.size
        w = weights[-1]
        state = w if states is weights else states[-1]
        self.last_kept = Point(float(times[-1]), step, state, w, float(losses[-1]))

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
            self.keep(self.last)
        except (KeyboardInterrupt, *FAILURES):
            pass
        except HookError as error:
            bug = error
        interrupts.hold()
        if self.last_kept is None or self.last.time > self.last_kept.time:
            self._append(self.last)
        return bug

    def cross(self, name: str, level: float, time: float, weights: Array) -> None:
        """Note that an event met a level."""
        self._crossings[name].append((level, time, weights))

    def trajectory(self, outcome: Outcome, message: str, **rest: Any) -> Trajectory:
        """Return what was kept, and the last point as its last row."""
        last, num_rows = self.last, self._num_rows
        if self.last_kept is None or last.time > self.last_kept.time:
            self._write(num_rows, last)
            num_rows += 1
        column = {name: rows.array(num_rows) for name, rows in self._rows.items()}
        times, weights, rates = column["time"], column["weights"], column["learning_rate"]
        num_steps = min(len(self._step_times), len(self._step_losses))
        counts = {each.name: num_rows if each.stride is None else each.count for each in self._records}
        return Trajectory(
            times=times,
            steps=column["step"],
            weights=weights,
            states=weights if column["state"] is None else column["state"],
            losses=column["loss"],
            records={each.name: each.array(counts[each.name]) for each in self._records},
            record_times={each.name: each.times(times) for each in self._records},
            crossings={name: _crossings(found, last.weights.size) for name, found in self._crossings.items()},
            step_times=np.array(self._step_times)[:num_steps],
            step_losses=np.array(self._step_losses)[:num_steps],
            learning_rates=rates if np.isfinite(rates).all() else None,
            velocities=column["velocity"],
            loss_slopes=column["loss_slope"],
            final_state=_final_state(last),
            final_weights=np.array(last.weights),
            outcome=outcome,
            message=message,
            **rest,
        )

    def _append(self, point: Point) -> None:
        self._write(self._num_rows, point)
        self._num_rows += 1
        self.last_kept = point

    def _write(self, row: int, point: Point) -> None:
        rows = self._rows
        rows["time"].put(row, point.time)
        rows["step"].put(row, point.step)
        rows["weights"].put(row, self._reduced(point.weights))
        if point.state is not point.weights:
            rows["state"].put(row, point.state)
        rows["loss"].put(row, point.loss)
        if point.velocity is not None:
            rows["velocity"].put(row, self._reduced(point.velocity))
            rows["loss_slope"].put(row, point.loss_slope)
        rows["learning_rate"].put(row, point.learning_rate)

    def _reduced(self, weights: Array) -> Array:
        return weights if self._sketch is None else self._sketch.apply(weights)


def checked_sketch(sketch: Sketch | None, num_weights: int) -> Sketch | None:
    """Return the sketch if it fits the weights."""
    if sketch is not None and not isinstance(sketch, Sketch):
        raise ValueError(f"`sketch` must be a Sketch, got {sketch!r:.60}")
    if sketch is not None and sketch.num_weights != num_weights:
        raise ValueError(f"`sketch` must be of {num_weights} weights, got one of {sketch.num_weights}")
    return sketch


def _final_state(point: Point) -> Array:
    """Return the state, followed by the memory of an update rule where that is an array."""
    if isinstance(point.memory, np.ndarray):
        return np.concatenate([point.weights, point.memory.ravel()])
    return np.array(point.state)


def _crossings(found: list[tuple[float, float, Array]], width: int) -> Crossings:
    levels = np.array([level for level, _, _ in found])
    times = np.array([time for _, time, _ in found])
    return Crossings(levels, times, np.array([w for _, _, w in found]).reshape(len(found), width))
