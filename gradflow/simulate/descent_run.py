"""The loop of a discrete-time run: note the point, step; whatever ends it, return what was reached."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gradflow.errors import FAILURES
from gradflow.numerics.vectors import are_finite
from gradflow.rules import UpdateRule
from gradflow.simulate.batches import Batches
from gradflow.simulate.checkpoint import Writer
from gradflow.simulate.clock import Clock
from gradflow.simulate.counting import CountedProblem
from gradflow.simulate.ending import Ended
from gradflow.simulate.hooks import HookError, check_answer, evaluated
from gradflow.simulate.iteration import Iterate, iterates
from gradflow.simulate.place import takes_product
from gradflow.simulate.progress import Progress
from gradflow.simulate.recorder import Point, Recorder
from gradflow.simulate.stepping import sentence_of
from gradflow.simulate.watch import Watch
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
        self.recorder.last = self._point(Iterate(self.first_step, self.w0, self.memory), np.nan)

    def steps(self) -> Ended:
        """Run, and return why it ended."""
        try:
            return self._taken()
        except (HookError, *FAILURES):
            raise
        except Exception as error:
            last = self.recorder.last.step
            if last == self.first_step:
                raise  # At the very start it is the door that the error stands at.
            return Ended(Outcome.FAILED, f"the step from step {last:,} failed: {sentence_of(error)}")

    def _taken(self) -> Ended:
        start = Iterate(self.first_step, self.w0, self.memory)
        for at, (loss, gradient, product) in iterates(self.rule, start, self._passes):
            ended = self._arrive(at, loss, gradient, product)
            self.bar.reach(at.step, loss)
            if ended is not None:
                return ended
            if at.step == self.num_steps:
                break
            self.writer.look(self._so_far)
        return Ended(Outcome.FINISHED, f"the run took its {self.num_steps:,} steps")

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

    def _passes(self, at: Iterate) -> tuple[float, Array | None, Product | None]:
        """Return the loss, the gradient of the step and, where somebody takes it, the product.

        At the last point there is no step; its gradient only a gradient tolerance asks for.
        """
        step, w = at.step, at.weights
        if step == self.num_steps and self.gradient_tolerance is None:
            return self.problem.loss(w), None, None
        if self.batches is not None:
            self.problem.num_gradients += 1
            return self.problem.loss(w), self.batches.following().gradient(w), None
        if self._takes_product or self.recorder.takes_product(step, step in self.kept):
            return self.problem.with_product(w)
        return *self.problem.loss_and_gradient(w), None

    def _arrive(
        self, at: Iterate, loss: float, gradient: Array | None, product: Product | None
    ) -> Ended | None:
        """Note the point reached, and return why the run ends here, if it does."""
        step, w = at.step, at.weights
        if not (np.isfinite(loss) and are_finite(w, w if gradient is None else gradient)):
            return Ended(
                Outcome.DIVERGED, f"the weights, the loss or its gradient are not finite at step {step:,}"
            )
        of_all = gradient if self.batches is None else None
        point = self._point(at, loss, of_all, product)
        self.recorder.step(point)
        self.problem.accept(w)
        ended = self._noted(point, step == 0 or step in self.kept)
        if ended is None and self.gradient_tolerance is not None and gradient is not None:
            norm = float(np.linalg.norm(gradient))
            if norm <= self.gradient_tolerance:
                return Ended(Outcome.CONVERGED, f"the gradient norm fell to {norm:.3g} at step {step:,}")
        return ended

    def _noted(self, point: Point, kept: bool) -> Ended | None:
        """Keep the point, and ask events and callback."""
        place = self.recorder.place(point) if self._is_watched else None
        self.recorder.keep(point, kept, place)
        if place is None:
            return None
        if point.step == self.first_step:
            self.watch.start(place)
            return None
        for met in self.watch.crossings(place):
            self.recorder.cross(met.name, met.level, point.time, point.weights)
            if met.terminal:
                return Ended(Outcome.EVENT, self.watch.sentence(met, place, f"step {point.step:,}"))
        if self.callback is not None and check_answer(evaluated(self.callback, place)):
            return Ended(Outcome.EVENT, f"the callback stopped the run at step {point.step:,}")
        return None

    def _point(
        self, at: Iterate, loss: float, gradient: Array | None = None, product: Product | None = None
    ) -> Point:
        step, w, memory = at
        return Point(
            self.clock.time(step),
            step,
            w,
            w,
            loss,
            learning_rate=self.clock.learning_rate(min(step, self.num_steps - 1)),
            gradient=gradient,
            product=product,
            memory=memory,
        )
