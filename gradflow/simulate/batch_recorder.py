"""Collects the rows of a mini-batch run, whose steps know the loss of their batch, not the whole loss."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradflow.simulate.descent_recorder import DescentRecorder
from gradflow.simulate.iteration import Iterate
from gradflow.simulate.place import Place
from gradflow.simulate.rows import Rows
from gradflow.simulate.run_recorder import Point
from gradflow.types import Array, Product


class BatchRecorder(DescentRecorder):
    """Keeps of a row the loss of the whole problem too, which is evaluated there and nowhere else.

    The losses of the steps are those of their batches. A place between two rows does not know the whole loss;
    whoever asks for it there has it evaluated.
    """

    def __init__(self, *args: Any, num_rows: int, **rest: Any) -> None:
        super().__init__(*args, num_rows=num_rows, **rest)
        self._losses = Rows(num_rows)
        # The last step whose whole loss was evaluated, and that loss.
        self._known: tuple[int, float] = (-1, np.nan)

    def whole_loss(self, at: Iterate) -> float:
        """Return E(w) of the whole problem, evaluated once at a step."""
        if self._known[0] != at.step:
            self._known = at.step, float(self.problem.loss(at.weights))
        return self._known[1]

    def reached(self) -> Point:
        """Return the last point that was noted with its whole loss, nan where that cannot be had."""
        at = self.at
        if not self._is_row(at):
            return super().point(at, self._late_loss(at))
        return super().point(at, float(self._losses.array(self._num_rows)[-1]))

    def point(
        self,
        at: Iterate,
        loss: float,  # noqa: ARG002
        gradient: Array | None = None,
        product: Product | None = None,
    ) -> Point:
        """Return an iterate as a point on the run; its loss is the whole one, nan unless evaluated here."""
        step, known = self._known
        return super().point(at, known if step == at.step else np.nan, gradient, product)

    def place(self, point: Point) -> Place:
        """Return the point as a record, event or callback sees it, which may ask for the whole loss."""
        loss = None if np.isnan(point.loss) else point.loss
        return Place(self.problem, point.time, point.step, point.state, point.weights, loss=loss)

    def _late_loss(self, at: Iterate) -> float:
        """Return the whole loss where a run stopped between two rows: nothing that fails may lose the run."""
        try:
            with np.errstate(all="ignore"):
                return self.whole_loss(at)
        except Exception:
            self._known = at.step, np.nan
            return np.nan

    def _write(self, row: int, point: Iterate | Point) -> None:
        super()._write(row, point)
        self._losses.put(row, self._known[1])

    def _row_arrays(self, num_rows: int) -> dict[str, Any]:
        return {**super()._row_arrays(num_rows), "losses": self._losses.array(num_rows)}
