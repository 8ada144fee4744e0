"""The loop of a continuous-time run: step, note, keep, and whatever ends it, return what was reached."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradflow.errors import FAILURES
from gradflow.flows.flow import Flow
from gradflow.simulate.cost import CostWatch
from gradflow.simulate.counting import BudgetSpent, LastPoint, NonFinite
from gradflow.simulate.integrators import LONG_STEPS, Method
from gradflow.simulate.progress import Progress
from gradflow.simulate.recorder import Point, Recorder, read_only
from gradflow.simulate.stepping import GuardedStepper, StepFailed
from gradflow.simulate.watch import Crossing, Watch, located
from gradflow.trajectory import Outcome, Trajectory
from gradflow.types import Array

Callback = Callable[[float, Array], Any]

MAX_PARTS = 16


@dataclass(eq=False, kw_only=True)
class Integration:
    """One run: the loop over accepted steps, and what happens after each."""

    flow: Flow
    counted: LastPoint
    point: Point
    end_time: float
    method: Method
    tolerances: dict[str, float]
    wanted: Array
    keeps_steps: bool
    recorder: Recorder
    watch: Watch
    callback: Callback | None
    gradient_tolerance: float | None
    settings: dict[str, Any]
    stepper: GuardedStepper | None = None

    def go(self, bar: Progress) -> Trajectory:
        """Return the trajectory, whatever ends the run."""
        try:
            with np.errstate(all="ignore"):
                outcome, message = self._steps(bar)
        except KeyboardInterrupt:
            outcome, message = Outcome.INTERRUPTED, Outcome.INTERRUPTED.value
        return self._finished(outcome, message)

    def _steps(self, bar: Progress) -> tuple[Outcome, str]:
        try:
            ended = self._begin()
            if ended:
                return ended
            stepper = GuardedStepper(self.flow, self.method, self.point, self.end_time, self.tolerances)
            self.stepper = stepper
            costs: CostWatch | None = None
            while self.point.time < self.end_time:
                stepper.step()
                costs = costs or self._cost_watch(stepper.solver)
                ended = self._after_step(stepper)
                bar.reach(self.point.time, self.point.loss)
                if ended:
                    return ended
                if costs is not None:
                    costs.look(self.point.time, self.point.state, self.counted.num_gradients)
        except StepFailed as failure:
            return failure.outcome, failure.message
        except BudgetSpent:
            return Outcome.BUDGET, f"the budget of {self.settings['max_evaluations']:,} gradients was spent"
        except NonFinite:
            return Outcome.DIVERGED, Outcome.DIVERGED.value
        except FAILURES as failure:
            return Outcome.FAILED, str(failure) or repr(failure)
        return Outcome.FINISHED, f"the run reached its end time {self.end_time:g}"

    def _begin(self) -> tuple[Outcome, str] | None:
        self.recorder.last = self.point
        self.point = self._evaluated(self.point.time, 0, self.point.state, kept=True)
        self.recorder.step(self.point)
        self.recorder.keep(self.point)
        self.counted.accept(self.point.weights)
        self.watch.start(self.point.time, self.point.weights)
        return self._converged(self.point)

    def _after_step(self, stepper: GuardedStepper) -> tuple[Outcome, str] | None:
        """Note the step, keep its rows, and return why the run ends here, if it does."""
        before, step = self.point, self.point.step + 1
        kept = self.keeps_steps or stepper.t in self.wanted
        after = self._evaluated(stepper.t, step, stepper.y, kept)
        crossings = self._crossings(before, after, stepper)
        terminal = [crossing for crossing in crossings if crossing.terminal]
        if terminal and terminal[0].time < after.time:
            state = stepper.state_at(terminal[0].time)
            after = self._evaluated(terminal[0].time, step, state, kept=True)
        self.point = after
        self.counted.accept(after.weights)
        if after.time > before.time:
            self.recorder.step(after)
        self._keep_inside(before, after, stepper)
        if self.keeps_steps or after.time in self.wanted:
            self.recorder.keep(after)
        for crossing in crossings:
            w = self.flow.weights(stepper.state_at(crossing.time))
            self.recorder.cross(crossing.name, crossing.level, crossing.time, w)
        if terminal:
            return Outcome.EVENT, self.watch.sentence(terminal[0], after.weights)
        return self._stops_at(after)

    def _stops_at(self, point: Point) -> tuple[Outcome, str] | None:
        if self.callback is not None and self.callback(point.time, read_only(point.weights)):
            return Outcome.EVENT, f"the callback stopped the run at t = {point.time:.9g}"
        return self._converged(point)

    def _converged(self, point: Point) -> tuple[Outcome, str] | None:
        if self.gradient_tolerance is not None:
            norm = float(np.linalg.norm(self.counted.gradient(point.weights)))
            if norm <= self.gradient_tolerance:
                return Outcome.CONVERGED, f"the gradient norm fell to {norm:.3g} at t = {point.time:.9g}"
        return None

    def _crossings(self, before: Point, after: Point, stepper: GuardedStepper) -> list[Crossing]:
        found = self.watch.crossings(after.time, after.weights)
        if not found:
            return []
        return located(found, before.time, after.time, lambda t: self.flow.weights(stepper.state_at(t)))

    def _keep_inside(self, before: Point, after: Point, stepper: GuardedStepper) -> None:
        """Keep the rows that lie strictly inside a step."""
        inside = self.wanted[(self.wanted > before.time) & (self.wanted < after.time)]
        if self.keeps_steps and self.method.name in LONG_STEPS:
            inside = np.linspace(before.time, after.time, self._num_parts(before, after, stepper) + 1)[1:-1]
        for t in inside.tolist():
            self.recorder.keep(self._evaluated(t, after.step, stepper.state_at(t), kept=True))

    def _num_parts(self, before: Point, after: Point, stepper: GuardedStepper) -> int:
        """Return into how many parts to cut a step so that Hermite interpolation is within tolerance."""
        assert before.velocity is not None
        assert after.velocity is not None
        length = after.time - before.time
        hermite = (before.weights + after.weights) / 2 + length / 8 * (before.velocity - after.velocity)
        gap = hermite - self.flow.weights(stepper.state_at(before.time + length / 2))
        scale = self.tolerances["atol"] + self.tolerances["rtol"] * np.abs(after.weights)
        error = float(np.sqrt(np.mean((gap / scale) ** 2)))
        return min(MAX_PARTS, max(1, int(np.ceil(error**0.25))))

    def _evaluated(self, t: float, step: int, state: Array, kept: bool) -> Point:
        """Return the point with its loss and dE/dt = g . dw/dt; raise where they are not finite."""
        state = np.array(state)
        w = self.flow.weights(state)
        shared = kept and self.recorder.needs_product
        product = self.counted.with_product(w)[2] if shared else None
        velocity = self.flow.weights(self.flow(t, state))
        loss, gradient = self.counted.loss_and_gradient(w)
        slope = float(gradient @ velocity)
        if not (np.isfinite(loss) and np.isfinite(slope) and np.isfinite(velocity).all()):
            raise StepFailed(Outcome.DIVERGED, f"the loss or its gradient is not finite at t = {t:.9g}")
        return Point(t, step, state, w, loss, velocity, slope, gradient=gradient, product=product)

    def _cost_watch(self, solver: Any) -> CostWatch | None:
        explicit = all(hasattr(solver, name) for name in ("A", "B", "n_stages"))
        if not explicit or self.method.takes("jac") or not hasattr(self.flow, "linearize"):
            return None
        return CostWatch(self.flow, solver, self.method.name, self.end_time)

    def _finished(self, outcome: Outcome, message: str) -> Trajectory:
        self.recorder.keep_last()
        if self.point.time < self.end_time and outcome in (Outcome.DIVERGED, Outcome.FAILED, Outcome.BUDGET):
            message += f"; t = {self.point.time:.9g} was reached"
        return self.recorder.trajectory(
            outcome,
            message,
            method=self.method.name if self.stepper is None else self.stepper.used,
            num_gradients=self.counted.num_gradients,
            num_hvps=self.counted.num_hvps,
            settings=self.settings,
        )
