"""The loop of a discrete-time run: note the point, step; whatever ends it, return what was reached."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np

from gradflow.errors import FAILURES
from gradflow.numerics.vectors import are_finite
from gradflow.problems.problem import Problem
from gradflow.rules import UpdateRule
from gradflow.simulate.batch_recorder import BatchRecorder
from gradflow.simulate.batches import Batches
from gradflow.simulate.checkpoint import Writer
from gradflow.simulate.clock import Clock
from gradflow.simulate.counting import CountedProblem
from gradflow.simulate.descent_recorder import DescentRecorder
from gradflow.simulate.ending import Ended
from gradflow.simulate.hooks import HookError, check_answer, evaluated
from gradflow.simulate.iteration import Iterate, iterates
from gradflow.simulate.place import takes_product
from gradflow.simulate.progress import Progress
from gradflow.simulate.run_recorder import Point
from gradflow.simulate.stepping import sentence_of
from gradflow.simulate.watch import Watch
from gradflow.trajectory import Origin, Outcome, Trajectory, joined
from gradflow.types import Array, Product


@dataclass(eq=False, kw_only=True)
class DescentRun:
    """One run: the loop over steps, and what is noted at each point."""

    problem: CountedProblem
    start: Iterate
    rule: UpdateRule
    last_step: int
    clock: Clock
    batches: Batches | None
    kept: range | frozenset[int]
    recorder: DescentRecorder
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
        # Whether a step is more than evaluate, note, update: most are not, and cost less.
        self._is_asked = (
            self._is_watched
            or self.recorder.has_records
            or self.gradient_tolerance is not None
            or self.writer.writes
            or self.bar.is_shown
        )
        self._is_plain = self.batches is None and not self._is_asked
        self._of_batches = self.recorder if isinstance(self.recorder, BatchRecorder) else None

    def steps(self) -> Ended:
        """Run, and return why it ended."""
        try:
            return self._taken()
        except (HookError, *FAILURES):
            raise
        except Exception as error:
            last = self.recorder.at.step
            if last == self.start.step:
                raise  # At the very start it is the door that the error stands at.
            return Ended(Outcome.FAILED, f"the step from step {last:,} failed: {sentence_of(error)}")

    def _taken(self) -> Ended:
        for at, (loss, gradient, product) in iterates(self.rule, self.start, self._passes):
            step, w, _ = at
            if not (isfinite(loss) and _are_finite(w, w if gradient is None else gradient)):
                return Ended(
                    Outcome.DIVERGED, f"the weights, the loss or its gradient are not finite at step {step:,}"
                )
            if self.clock.is_scheduled:
                self.clock.come_to(step, self.last_step)
            self.recorder.reach(at, loss)
            self.problem.accept(w)
            if self._is_asked:
                ended = self._looked_at(at, loss, gradient, product)
                if ended is not None:
                    return ended
            elif step in self.kept:
                self.recorder.add(at)
            if step == self.last_step:
                break
        return Ended(Outcome.FINISHED, f"the run took its {self.last_step:,} steps")

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
        step = self.recorder.at.step
        return self.trajectory(
            Ended(Outcome.INTERRUPTED, f"a checkpoint at step {step:,}, the run was going on")
        )

    def _passes(self, at: Iterate) -> tuple[float, Array | None, Product | None]:
        """Return the loss, the gradient of the step and, where somebody takes it, the product.

        At the last point there is no step; its gradient only a gradient tolerance asks for.
        """
        step, w, _ = at
        if self.batches is not None and self._of_batches is not None:
            return self._of_batch(at, self.batches.following(), self._of_batches)
        if step == self.last_step and self.gradient_tolerance is None:
            return self.problem.loss(w), None, None
        if self._is_plain:
            loss, gradient = self.problem.loss_and_gradient(w)
            return loss, gradient, None
        if self.batches is not None:
            self.problem.num_gradients += 1
            return self.problem.loss(w), self.batches.following().gradient(w), None
        if self._takes_product or self.recorder.takes_product(step, step in self.kept):
            return self.problem.with_product(w)
        return *self.problem.loss_and_gradient(w), None

    def _of_batch(
        self, at: Iterate, batch: Problem, recorder: BatchRecorder
    ) -> tuple[float, Array | None, Product | None]:
        """Return loss and gradient on a batch, having evaluated the whole loss where a row is due."""
        step, w, _ = at
        whole = recorder.whole_loss(at) if step in self.kept or step == self.last_step else 0.0
        if step == self.last_step:
            loss, gradient = batch.loss(w), None
        else:
            self.problem.num_gradients += 1
            loss, gradient = batch.loss_and_gradient(w)
        # Whichever of the two is not finite ends the run.
        return float(loss) if isfinite(whole) else whole, gradient, None

    def _looked_at(
        self, at: Iterate, loss: float, gradient: Array | None, product: Product | None
    ) -> Ended | None:
        """Do all that was asked for at a point, and return why the run ends here, if it does."""
        of_all = gradient if self.batches is None else None
        ended = self._noted(self.recorder.point(at, loss, of_all, product), at.step in self.kept)
        if ended is None and self.gradient_tolerance is not None and gradient is not None:
            norm = float(np.linalg.norm(gradient))
            if norm <= self.gradient_tolerance:
                ended = Ended(Outcome.CONVERGED, f"the gradient norm fell to {norm:.3g} at step {at.step:,}")
        self.bar.reach(at.step, loss)
        if ended is None and at.step < self.last_step:
            self.writer.look(self._so_far)
        return ended

    def _noted(self, point: Point, kept: bool) -> Ended | None:
        """Keep the point, and ask events and callback."""
        place = self.recorder.place(point) if self._is_watched else None
        self.recorder.keep(point, kept, place)
        if place is None:
            return None
        if point.step == self.start.step:
            self.watch.start(place)
            return None
        for met in self.watch.crossings(place):
            self.recorder.cross(met.name, met.level, point.time, point.weights)
            if met.terminal:
                return Ended(Outcome.EVENT, self.watch.sentence(met, place, f"step {point.step:,}"))
        if self.callback is not None and check_answer(evaluated(self.callback, place)):
            return Ended(Outcome.EVENT, f"the callback stopped the run at step {point.step:,}")
        return None


def _are_finite(w: Array, gradient: Array) -> bool:
    """Return whether every entry of both is finite; this way of a dot product is the quickest."""
    return isfinite(gradient.dot(w)) or are_finite(w, gradient)
