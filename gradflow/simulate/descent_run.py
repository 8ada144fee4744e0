"""The loop of a discrete-time run: note the point, step; whatever ends it, return what was reached."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gradflow.errors import FAILURES
from gradflow.rules import UpdateRule
from gradflow.simulate.batches import Batches
from gradflow.simulate.checkpoint import Writer
from gradflow.simulate.clock import Clock
from gradflow.simulate.counting import CountedProblem, are_finite
from gradflow.simulate.ending import Ended
from gradflow.simulate.hooks import check_answer, evaluated
from gradflow.simulate.place import takes_product
from gradflow.simulate.progress import Progress
from gradflow.simulate.recorder import Point, Recorder
from gradflow.simulate.stepping import sentence_of
from gradflow.simulate.watch import Crossing, Watch
from gradflow.trajectory import Origin, Outcome, Trajectory, joined
from gradflow.types import Array, Product


@dataclass(eq=False, kw_only=True)
class DescentRun:
    """One run: the loop over steps, and what is noted at each point."""

    problem: CountedProblem
    first_step: int
    w0: Array
    memory: Any
    rule: UpdateRule
    num_steps: int
    clock: Clock
    batches: Batches | None
    kept: range | frozenset[int]
    recorder: Recorder
    watch: Watch
    callback: Any
    gradient_tolerance: float | None
    settings: dict[str, Any]
    origin: Origin
    writer: Writer
    bar: Progress
    earlier: Trajectory | None = None

    def __post_init__(self) -> None:
        functions = [self.callback, *(event.function for event in self.watch.events.values())]
        self._takes_product = any(map(takes_product, functions))
        self._is_watched = bool(self.watch.events) or self.callback is not None
        self.recorder.last = self._point(self.first_step, self.w0, np.nan, None, None, self.memory)

    def steps(self) -> Ended:
        """Run, and return why it ended."""
        w, memory, rule = self.w0, self.memory, self.rule
        for step in range(self.first_step, self.num_steps):
            try:
                loss, gradient, product = self._passes(step, w)
            except FAILURES:
                raise
            except Exception as error:
                if step == self.first_step:
                    raise  # At the very start it is the door that the error stands at.
                return Ended(Outcome.FAILED, f"the problem raised at step {step:,}: {sentence_of(error)}")
            ended = self._arrive(step, w, loss, gradient, product, memory)
            self.bar.reach(step, loss)
            if ended is not None:
                return ended
            try:
                w, memory = rule.update(w, gradient, memory, step)
            except ValueError as error:
                if step == self.first_step:
                    raise
                return Ended(Outcome.FAILED, f"the rule could not take step {step:,}: {error}")
            self.writer.look(self._so_far)
        return self._arrive_last(w, memory) or Ended(
            Outcome.FINISHED, f"the run took its {self.num_steps:,} steps"
        )

    def trajectory(self, ended: Ended) -> Trajectory:
        """Return what was reached, behind what an earlier run had."""
        run = self.recorder.trajectory(
            *ended,
            method=self.settings["rule"],
            num_gradients=self.problem.num_gradients,
            num_hvps=0,
            settings=self.settings,
            origin=self.origin,
        )
        return run if self.earlier is None else joined(self.earlier, run)

    def _so_far(self) -> Trajectory:
        return self.trajectory(
            Ended(
                Outcome.INTERRUPTED, f"a checkpoint at step {self.recorder.last.step:,}, the run was going on"
            )
        )

    def _passes(self, step: int, w: Array) -> tuple[float, Array, Product | None]:
        """Return the loss, the gradient of the step and, where somebody takes it, the product."""
        if self.batches is not None:
            self.problem.num_gradients += 1
            return self.problem.loss(w), self.batches.following().gradient(w), None
        if self._takes_product or self.recorder.takes_product(step, step in self.kept):
            return self.problem.with_product(w)
        return *self.problem.loss_and_gradient(w), None

    def _arrive(
        self, step: int, w: Array, loss: float, gradient: Array | None, product: Product | None, memory: Any
    ) -> Ended | None:
        """Note the point reached, and return why the run ends here, if it does."""
        if not (np.isfinite(loss) and are_finite(w, w if gradient is None else gradient)):
            return Ended(
                Outcome.DIVERGED, f"the weights, the loss or its gradient are not finite at step {step:,}"
            )
        of_all = gradient if self.batches is None else None
        point = self._point(step, w, loss, of_all, product, memory)
        self.recorder.step(point)
        self.problem.accept(w)
        ended = self._noted(point, step == 0 or step in self.kept)
        if ended is None and self.gradient_tolerance is not None and gradient is not None:
            norm = float(np.linalg.norm(gradient))
            if norm <= self.gradient_tolerance:
                return Ended(Outcome.CONVERGED, f"the gradient norm fell to {norm:.3g} at step {step:,}")
        return ended

    def _arrive_last(self, w: Array, memory: Any) -> Ended | None:
        """Note the last point, whose gradient only a gradient tolerance asks for."""
        if self.gradient_tolerance is None:
            return self._arrive(self.num_steps, w, self.problem.loss(w), None, None, memory)
        return self._arrive(self.num_steps, w, *self.problem.loss_and_gradient(w), None, memory)

    def _noted(self, point: Point, kept: bool) -> Ended | None:
        """Keep the point, and ask events and callback."""
        place = self.recorder.place(point) if self._is_watched else None
        self.recorder.keep(point, kept, place)
        if place is None:
            return None
        if point.step == self.first_step:
            self.watch.start(place.time, place.weights)
            return None
        for name, event, level in self.watch.crossings(place.time, place.weights):
            self.recorder.cross(name, level, point.time, point.weights)
            if event.terminal:
                met = Crossing(point.time, name, level, True)
                return Ended(Outcome.EVENT, self.watch.sentence(met, point.weights, f"step {point.step:,}"))
        if self.callback is not None and check_answer(evaluated(self.callback, place)):
            return Ended(Outcome.EVENT, f"the callback stopped the run at step {point.step:,}")
        return None

    def _point(
        self, step: int, w: Array, loss: float, gradient: Array | None, product: Product | None, memory: Any
    ) -> Point:
        clock = self.clock
        return Point(
            clock.time(step),
            step,
            w,
            w,
            loss,
            learning_rate=clock.learning_rate(step),
            gradient=gradient,
            product=product,
            memory=memory,
        )
