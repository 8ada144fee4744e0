"""Collects the rows of a flow."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from typing import Any

import numpy as np

from gradflow.problems.problem import Problem
from gradflow.simulate.memory import FOR_FLOW
from gradflow.simulate.recording import Record
from gradflow.simulate.rows import Rows
from gradflow.simulate.run_recorder import Point, RunRecorder
from gradflow.trajectory import Sketch
from gradflow.types import Array

__all__ = ["Point", "Recorder", "checked_sketch"]

COLUMNS = ("time", "step", "state", "weights", "loss", "velocity", "loss_slope")


class Recorder(RunRecorder):
    """Keeps of a row all that a point has, and of every step its time and its loss."""

    def __init__(
        self,
        problem: Problem,
        record: Record | None,
        sketch: Sketch | None,
        events: Iterable[str],
        *,
        num_rows: int = 16,
    ) -> None:
        super().__init__(problem, record, sketch, events, num_rows=num_rows, cures=FOR_FLOW)
        self._rows = {name: Rows(num_rows) for name in COLUMNS}
        self._rows["weights"] = Rows(num_rows, self._look_at_memory)
        self._step_times, self._step_losses = array("d"), array("d")
        self.last: Point
        self.last_kept: Point | None = None

    def announce(self, num_rows: int, state: Array, weights: Array) -> None:
        """Say before the run if so many rows of these will take too much memory."""
        numbers = 2 * self._reduced(weights).size + (0 if state is weights else state.size) + 4
        self._memory.announce(num_rows, 8 * numbers)

    def reached(self) -> Point:
        """Return the last point that was noted."""
        return self.last

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
        self._num_rows += times.size
        w = weights[-1]
        state = w if states is weights else states[-1]
        self.last_kept = Point(float(times[-1]), step, state, w, float(losses[-1]))

    def _look_at_memory(self) -> None:
        self._memory.look(sum(rows.nbytes for rows in self._rows.values()))

    def _is_row(self, point: Point) -> bool:
        return self.last_kept is not None and point.time <= self.last_kept.time

    def _append(self, point: Point) -> None:
        super()._append(point)
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

    def _row_arrays(self, num_rows: int) -> dict[str, Any]:
        column = {name: rows.array(num_rows) for name, rows in self._rows.items()}
        weights, state = column["weights"], column["state"]
        return {
            "times": column["time"],
            "steps": column["step"],
            "weights": weights,
            "states": weights if state is None else state,
            "losses": column["loss"],
            "learning_rates": None,
            "velocities": column["velocity"],
            "loss_slopes": column["loss_slope"],
        }

    def _step_arrays(self) -> dict[str, Any]:
        num_steps = min(len(self._step_times), len(self._step_losses))
        return {
            "step_times": np.array(self._step_times)[:num_steps],
            "step_losses": np.array(self._step_losses)[:num_steps],
        }


def checked_sketch(sketch: Sketch | None, num_weights: int) -> Sketch | None:
    """Return the sketch if it fits the weights."""
    if sketch is not None and not isinstance(sketch, Sketch):
        raise ValueError(f"`sketch` must be a Sketch, got {sketch!r:.60}")
    if sketch is not None and sketch.num_weights != num_weights:
        raise ValueError(f"`sketch` must be of {num_weights} weights, got one of {sketch.num_weights}")
    return sketch
