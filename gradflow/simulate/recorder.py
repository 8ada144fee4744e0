"""Collects the rows of a run, so that whatever ends it, what was reached is a trajectory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gradflow import validate
from gradflow.curvature.tracking.tracker import SharpnessTracker
from gradflow.errors import FAILURES, Undefined
from gradflow.problems.problem import Product
from gradflow.simulate.place import AtPlace, Place
from gradflow.trajectory import Outcome, Trajectory
from gradflow.trajectory.sketch import Sketch
from gradflow.types import Array

Record = Mapping[str, Callable[[float, Array], Any]]


# Bytes set aside for rows that are expected but may never come.
LARGEST_START = 2**30


class Point(NamedTuple):
    """One finite place on a run; `gradient` and `product` are for records that share them."""

    time: float
    step: int
    state: Array
    weights: Array
    loss: float
    velocity: Array | None = None
    loss_slope: float = np.nan
    learning_rate: float = np.nan
    gradient: Array | None = None
    product: Product | None = None


class Rows:
    """A growing array of rows of one shape; `expected` rows fit before it first has to move."""

    def __init__(self, expected: int) -> None:
        self._expected = expected
        self._buffer: NDArray[Any] | None = None
        self.count = 0

    def append(self, row: Any) -> None:
        """Copy one row behind the last."""
        if self._buffer is None or self.count == len(self._buffer):
            self._grow(np.asarray(row))
        self._buffer[self.count] = row  # type: ignore[index]
        self.count += 1

    def admit(self, name: str, row: NDArray[Any]) -> None:
        """Make room for a row of another type; a row of another shape has no place."""
        if self._buffer is None:
            return
        if row.shape != self._buffer.shape[1:]:
            raise Undefined(
                f"record {name!r} must return the same shape at every row, got {row.shape} "
                f"after {self._buffer.shape[1:]}"
            )
        kind = np.result_type(self._buffer, row)
        if kind != self._buffer.dtype:
            self._buffer = self._buffer.astype(kind)

    def array(self, count: int) -> NDArray[Any]:
        """Return the first `count` rows; what lies behind them was never touched and takes no memory."""
        return np.empty((0,)) if self._buffer is None else self._buffer[:count]

    def _grow(self, row: NDArray[Any]) -> None:
        if self._buffer is None:
            length = max(1, min(self._expected, LARGEST_START // max(row.nbytes, 1)))
            self._buffer = np.empty((length, *row.shape), dtype=row.dtype)
            return
        grown = np.empty((2 * self.count, *self._buffer.shape[1:]), dtype=self._buffer.dtype)
        grown[: self.count] = self._buffer
        self._buffer = grown


class Recorder:
    """Keeps points as rows, sketched where asked, and the loss of every step.

    An interrupt between two appends leaves unequal columns; only rows that are whole count.
    """

    def __init__(
        self,
        record: Record | None,
        sketch: Sketch | None,
        events: Iterable[str],
        problem: Any,
        *,
        num_rows: int = 16,
        num_steps: int = 16,
    ) -> None:
        self._record = _checked_record(record)
        self._sharing = _sharing(self._record)
        self._problem = problem
        self.shares = bool(self._sharing)
        self.needs_product = any(
            not isinstance(function, SharpnessTracker) or function.products == "exact"
            for function in self._sharing.values()
        )
        self._sketch = sketch
        names = ("time", "step", "state", "weights", "loss", "velocity", "loss_slope", "learning_rate")
        self._columns = {
            name: Rows(num_rows) for name in (*names, *(f"record {name}" for name in self._record))
        }
        self._steps = Rows(num_steps), Rows(num_steps)
        self._num_rows = 0
        self._crossings: dict[str, list[tuple[float, float, Array]]] = {name: [] for name in events}
        self.last: Point
        self.last_kept: Point | None = None

    def step(self, point: Point) -> None:
        """Note a step that was taken: its time and loss, and that the run has come this far."""
        self._steps[0].append(point.time)
        self._steps[1].append(point.loss)
        self.last = point

    def keep(self, point: Point) -> None:
        """Keep a point as a row, unless the last row is of the same time."""
        if self.last_kept is not None and point.time <= self.last_kept.time:
            return
        self._append(point, {name: np.asarray(self._value(name, point)) for name in self._record})

    def _value(self, name: str, point: Point) -> Any:
        weights = read_only(point.weights)
        if name in self._sharing:
            place = Place(
                self._problem,
                point.time,
                point.step,
                point.state,
                weights,
                loss=point.loss,
                gradient=point.gradient,
                product=point.product,
            )
            return self._sharing[name].at_place(place)
        return self._record[name](point.time, weights)

    def _append(self, point: Point, recorded: dict[str, NDArray[Any]]) -> None:
        columns = self._columns
        for rows in columns.values():
            rows.count = min(rows.count, self._num_rows)
        for name, value in recorded.items():
            columns[f"record {name}"].admit(name, value)
        columns["time"].append(point.time)
        columns["step"].append(point.step)
        columns["weights"].append(self._reduced(point.weights))
        if point.state is not point.weights:
            columns["state"].append(point.state)
        columns["loss"].append(point.loss)
        if point.velocity is not None:
            columns["velocity"].append(self._reduced(point.velocity))
            columns["loss_slope"].append(point.loss_slope)
        columns["learning_rate"].append(point.learning_rate)
        for name, value in recorded.items():
            columns[f"record {name}"].append(value)
        self._num_rows += 1
        self.last_kept = point

    def keep_last(self) -> None:
        """Keep the last point reached, unless it is a row already or one of the records fails there."""
        with suppress(*FAILURES):
            self.keep(self.last)
        if self.last_kept is None:
            self._append(self.last, {})

    def cross(self, name: str, level: float, time: float, weights: Array) -> None:
        """Note that an event met a level."""
        self._crossings[name].append((level, time, weights))

    def trajectory(
        self, outcome: Outcome, message: str, final_state: Array | None = None, **rest: Any
    ) -> Trajectory:
        """Return what was kept; `final_state` None is the last point's own."""
        last = self.last_kept
        assert last is not None
        column = {name: rows.array(min(self._num_rows, rows.count)) for name, rows in self._columns.items()}
        weights = column["weights"]
        rates = column["learning_rate"]
        num_steps = min(rows.count for rows in self._steps)
        return Trajectory(
            times=column["time"],
            steps=column["step"],
            weights=weights,
            states=column["state"] if self._columns["state"].count else weights,
            losses=column["loss"],
            records={name: self._recorded(name) for name in self._record},
            crossings={
                name: _columns_of(found, last.weights.size) for name, found in self._crossings.items()
            },
            step_times=self._steps[0].array(num_steps),
            step_losses=self._steps[1].array(num_steps),
            learning_rates=rates if np.isfinite(rates).all() else None,
            velocities=column["velocity"] if self._columns["velocity"].count else None,
            loss_slopes=column["loss_slope"] if self._columns["velocity"].count else None,
            final_state=np.array(last.state if final_state is None else final_state),
            final_weights=np.array(last.weights),
            outcome=outcome,
            message=message,
            **rest,
        )

    def _recorded(self, name: str) -> NDArray[Any]:
        """Return a record's rows; nan for the one row of a run where it failed at the start."""
        rows = self._columns[f"record {name}"]
        return rows.array(self._num_rows) if rows.count else np.full(self._num_rows, np.nan)

    def _reduced(self, weights: Array) -> Array:
        return weights if self._sketch is None else self._sketch.apply(weights)


def _checked_record(record: Record | None) -> dict[str, Callable[[float, Array], Any]]:
    if record is not None and not isinstance(record, Mapping):
        raise ValueError(f"`record` must map names to functions of (t, w), got {record!r:.60}")
    for name, function in (record or {}).items():
        validate.function(f"record[{name!r}]", function)
    return dict(record or {})


def _sharing(record: dict[str, Any]) -> dict[str, AtPlace]:
    """Return the records that want the whole place."""
    return {name: function for name, function in record.items() if isinstance(function, AtPlace)}


def checked_sketch(sketch: Sketch | None, num_weights: int) -> Sketch | None:
    """Return the sketch if it fits the weights."""
    if sketch is not None and not isinstance(sketch, Sketch):
        raise ValueError(f"`sketch` must be a Sketch, got {sketch!r:.60}")
    if sketch is not None and sketch.num_weights != num_weights:
        raise ValueError(f"`sketch` must be of {num_weights} weights, got one of {sketch.num_weights}")
    return sketch


def read_only(w: Array) -> Array:
    """Return a view that user functions cannot write through."""
    view = w.view()
    view.flags.writeable = False
    return view


def _columns_of(found: list[tuple[float, float, Array]], width: int) -> tuple[Array, Array, Array]:
    levels = np.array([level for level, _, _ in found])
    times = np.array([time for _, time, _ in found])
    return levels, times, np.array([w for _, _, w in found]).reshape(len(found), width)
