"""Collects the rows of a descent, whose steps are many and short."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from typing import Any

import numpy as np

from gradflow.problems.problem import Problem
from gradflow.simulate.clock import Clock
from gradflow.simulate.iteration import Iterate
from gradflow.simulate.memory import FOR_DESCENT
from gradflow.simulate.recording import Record
from gradflow.simulate.rows import Rows
from gradflow.simulate.run_recorder import Point, RunRecorder
from gradflow.trajectory import Sketch
from gradflow.types import Array, Product


class DescentRecorder(RunRecorder):
    """Keeps of a row the step and the weights, and of every step the loss.

    Times and learning rates follow from the steps and are made at the end.
    """

    def __init__(
        self,
        problem: Problem,
        record: Record | None,
        sketch: Sketch | None,
        events: Iterable[str],
        *,
        num_rows: int,
        start: Iterate,
        last_step: int,
        clock: Clock,
    ) -> None:
        super().__init__(problem, record, sketch, events, num_rows=num_rows, cures=FOR_DESCENT)
        self.at = start
        self._first_step, self._last_step, self._clock = start.step, last_step, clock
        self._steps, self._weights = Rows(num_rows), Rows(num_rows, self._look_at_memory)
        self._step_losses = array("d")

    def announce(self, num_rows: int) -> None:
        """Say before the run if so many rows will take too much memory."""
        numbers = self._reduced(self.at.weights).size + 4
        self._memory.announce(num_rows, 8 * numbers, self._last_step - self._first_step)

    def reach(self, at: Iterate, loss: float) -> None:
        """Note a step that was taken; it counts with the last assignment."""
        self._step_losses.append(loss)
        self.at = at

    def add(self, at: Iterate | Point) -> None:
        """Keep a row; it counts with the last assignment."""
        row = self._num_rows
        self._write(row, at)
        self._num_rows = row + 1

    def reached(self) -> Point:
        """Return the last point that was noted, before the first one the start without a loss."""
        place = self.at.step - self._first_step
        return self.point(self.at, self._step_losses[place] if self._step_losses else np.nan)

    def point(
        self, at: Iterate, loss: float, gradient: Array | None = None, product: Product | None = None
    ) -> Point:
        """Return an iterate as a point on the run."""
        step, w, memory = at
        time = self._clock.time(step)
        return Point(time, step, w, w, loss, gradient=gradient, product=product, memory=memory)

    def _look_at_memory(self) -> None:
        self._memory.look(self._weights.nbytes)

    def _is_row(self, point: Iterate | Point) -> bool:
        return self._num_rows > 0 and bool(point.step <= self._steps.array(self._num_rows)[-1])

    def _write(self, row: int, point: Iterate | Point) -> None:
        self._steps.put(row, point.step)
        self._weights.put(row, self._reduced(point.weights))

    def _row_arrays(self, num_rows: int) -> dict[str, Any]:
        steps, weights = self._steps.array(num_rows), self._weights.array(num_rows)
        losses = np.array(self._step_losses) if self._step_losses else np.array([np.nan])
        rates = self._clock.learning_rates(np.minimum(steps, self._last_step - 1))
        return {
            "times": self._clock.times(steps),
            "steps": steps,
            "weights": weights,
            "states": weights,
            "losses": losses[steps - self._first_step],
            "learning_rates": rates if np.isfinite(rates).all() else None,
            "velocities": None,
            "loss_slopes": None,
        }

    def _step_arrays(self) -> dict[str, Any]:
        first, last = self._first_step, self.at.step
        losses = np.array(self._step_losses)[: last - first + 1]
        return {"step_times": self._clock.times(np.arange(first, first + len(losses))), "step_losses": losses}
