"""The loop of a discrete-time run: note the point, step; whatever ends it, return what was reached."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradflow.errors import FAILURES
from gradflow.problems.problem import Product
from gradflow.rules import UpdateRule
from gradflow.simulate.batches import Batches
from gradflow.simulate.clock import Clock
from gradflow.simulate.counting import CountedProblem, are_finite
from gradflow.simulate.progress import Progress
from gradflow.simulate.recorder import Point, Recorder, read_only
from gradflow.simulate.watch import Crossing, Watch
from gradflow.trajectory import Outcome, Trajectory
from gradflow.types import Array

Callback = Callable[[float, Array], Any]


@dataclass(eq=False, kw_only=True)
class Descent:
    """One run: the loop over steps, and what is noted at each point."""

    problem: CountedProblem
    w0: Array
    rule: UpdateRule
    num_steps: int
    clock: Clock
    batches: Batches | None
    kept: range | frozenset[int]
    recorder: Recorder
    watch: Watch
    callback: Callback | None
    gradient_tolerance: float | None
    settings: dict[str, Any]
    memory: Any = None

    def go(self, bar: Progress) -> Trajectory:
        """Return the trajectory, whatever ends the run."""
        try:
            with np.errstate(all="ignore"):
                outcome, message = self._steps(bar)
        except KeyboardInterrupt:
            outcome, message = Outcome.INTERRUPTED, Outcome.INTERRUPTED.value
        except FAILURES as failure:
            outcome, message = Outcome.FAILED, str(failure) or repr(failure)
        return self._finished(outcome, message)

    def _steps(self, bar: Progress) -> tuple[Outcome, str]:
        w, rule = self.w0, self.rule
        self.recorder.last = self._point(0, w, np.nan)
        memory = rule.init(w)
        for step in range(self.num_steps):
            loss, gradient, product = self._passes(step, w)
            shared = (gradient, product) if self._shares(step) else None
            ended = self._arrive(step, w, loss, gradient, memory, shared)
            bar.reach(step, loss)
            if ended is not None:
                return ended
            w, memory = rule.update(w, gradient, memory, step)
        ended = self._arrive_last(w, memory)
        return ended or (Outcome.FINISHED, f"the run took its {self.num_steps:,} steps")

    def _passes(self, step: int, w: Array) -> tuple[float, Array, Product | None]:
        """Return the loss, the gradient of the step and, where a record takes it, the product."""
        if self.batches is not None:
            self.problem.num_gradients += 1
            return self.problem.loss(w), self.batches.following().gradient(w), None
        if self.recorder.needs_product and self._shares(step):
            return self.problem.with_product(w)
        return *self.problem.loss_and_gradient(w), None

    def _shares(self, step: int) -> bool:
        """Return whether a record of this step takes the passes of the step."""
        return self.recorder.shares and self.batches is None and self._keeps(step)

    def _keeps(self, step: int) -> bool:
        return step == 0 or step in self.kept

    def _arrive(
        self,
        step: int,
        w: Array,
        loss: float,
        gradient: Array,
        memory: Any,
        shared: tuple[Array, Product | None] | None = None,
    ) -> tuple[Outcome, str] | None:
        """Note the point reached, and return why the run ends here, if it does."""
        if not (np.isfinite(loss) and are_finite(w, gradient)):
            return Outcome.DIVERGED, f"the weights, the loss or its gradient are not finite at step {step:,}"
        point = self._point(step, w, loss)
        self.recorder.step(point)
        self.memory = memory
        self.problem.accept(w)
        if self._keeps(step):
            self.recorder.keep(
                point if shared is None else point._replace(gradient=shared[0], product=shared[1])
            )
        ended = self._watched(point) if self._is_watched else None
        if ended is None and self.gradient_tolerance is not None:
            norm = float(np.linalg.norm(gradient))
            if norm <= self.gradient_tolerance:
                return Outcome.CONVERGED, f"the gradient norm fell to {norm:.3g} at step {step:,}"
        return ended

    def _arrive_last(self, w: Array, memory: Any) -> tuple[Outcome, str] | None:
        """Note the last point, whose gradient only a gradient tolerance asks for."""
        if self.gradient_tolerance is None:
            return self._arrive(self.num_steps, w, self.problem.loss(w), w, memory)
        return self._arrive(self.num_steps, w, *self.problem.loss_and_gradient(w), memory)

    def _watched(self, point: Point) -> tuple[Outcome, str] | None:
        if point.step == 0:
            self.watch.start(point.time, point.weights)
            return None
        for name, event, level in self.watch.crossings(point.time, point.weights):
            self.recorder.cross(name, level, point.time, point.weights)
            if event.terminal:
                met = Crossing(point.time, name, level, True)
                return Outcome.EVENT, self.watch.sentence(met, point.weights, f"step {point.step:,}")
        if self.callback is not None and self.callback(point.time, read_only(point.weights)):
            return Outcome.EVENT, f"the callback stopped the run at step {point.step:,}"
        return None

    @property
    def _is_watched(self) -> bool:
        return bool(self.watch.events) or self.callback is not None

    def _point(self, step: int, w: Array, loss: float) -> Point:
        return Point(self.clock.time(step), step, w, w, loss, learning_rate=self.clock.learning_rate(step))

    def _finished(self, outcome: Outcome, message: str) -> Trajectory:
        self.recorder.keep_last()
        return self.recorder.trajectory(
            outcome,
            message,
            self._final_state(),
            method=self.settings["rule"],
            num_gradients=self.problem.num_gradients,
            num_hvps=0,
            settings=self.settings,
        )

    def _final_state(self) -> Array | None:
        if not isinstance(self.memory, np.ndarray):
            return None
        return np.concatenate([self.recorder.last.weights, self.memory.ravel()])
