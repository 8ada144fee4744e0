"""The loop of a continuous-time run: step, note, keep, and whatever ends it, return what was reached."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np

from gradflow.errors import FAILURES
from gradflow.flows.flow import Flow, Invertible
from gradflow.numerics.vectors import are_finite, norm
from gradflow.problems.problem import Kinked
from gradflow.simulate.checkpoint import Writer
from gradflow.simulate.cost import CostWatch, watches
from gradflow.simulate.counting import BudgetSpent, LastPoint, NonFinite
from gradflow.simulate.creeping import KINK, CreepWatch
from gradflow.simulate.ending import Ended
from gradflow.simulate.hooks import HookError, check_answer, evaluated
from gradflow.simulate.integrators import Integrator
from gradflow.simulate.place import AtPlace, Place, takes_product
from gradflow.simulate.progress import Progress
from gradflow.simulate.recorder import Point, Recorder
from gradflow.simulate.stepping import GuardedStepper, StepFailed, sentence_of
from gradflow.simulate.stillness import Stillness
from gradflow.simulate.watch import Crossing, Watch
from gradflow.trajectory import Origin, Outcome, Trajectory, joined
from gradflow.trajectory.interpolation import NUM_POINTS, Between
from gradflow.types import Array

# Steps that a row between two steps waits for, and how many before it are remembered.
AHEAD, BEHIND = NUM_POINTS // 2 - 1, NUM_POINTS - 2


@dataclass(eq=False, kw_only=True)
class FlowRun:
    """One run: the loop over accepted steps, and what happens after each."""

    flow: Flow
    counted: LastPoint
    point: Point
    end_time: float
    integrator: Integrator
    tolerances: dict[str, float]
    wanted: Array
    keeps_steps: bool
    recorder: Recorder
    watch: Watch
    callback: Any
    gradient_tolerance: float | None
    settings: dict[str, Any]
    origin: Origin
    writer: Writer
    bar: Progress
    spacing: float
    earlier: Trajectory | None = None
    stepper: GuardedStepper | None = None

    def __post_init__(self) -> None:
        functions = [self.callback, *(event.function for event in self.watch.events.values())]
        self._takes_product = any(map(takes_product, functions))
        # Passes in single precision serve the steps alone: records and events evaluate the problem itself.
        self._shares = self.counted.problem is self.recorder.problem
        asks_place = any(isinstance(function, AtPlace) for function in functions)
        self._asks_all = asks_place or self.gradient_tolerance is not None
        self._is_watched = bool(self.watch.events) or self.callback is not None
        self._invertible = self.flow if isinstance(self.flow, Invertible) else None
        self._nodes: list[Point] = []
        self._left = self._next_wanted = 0
        self.recorder.last = self.point
        self.first_step = self.point.step

    def steps(self) -> Ended:
        """Run, and return why it ended."""
        try:
            ended = self._begin()
            if ended:
                return ended
            self.stepper = stepper = GuardedStepper(
                self.flow,
                self.integrator,
                self.point,
                self.end_time,
                self.integrator.tolerances(**self.tolerances),
                self._arrived,
                self._confirmed,
            )
            # A budget is the user's own limit of the work; this one stands where there is none.
            bounded = self.settings["max_evaluations"] is not None
            creep = None if bounded else CreepWatch(self.flow, self.point.time, self.end_time, self.spacing)
            stillness = Stillness(self.end_time, **self.tolerances)
            stillness.look(self.point)
            costs = None
            while self.point.time < self.end_time:
                ended = self._after_step(stepper.step(), stepper)
                self.bar.reach(self.point.time, self.point.loss)
                if ended:
                    return ended
                now = self.point
                stillness.look(now)
                if now.step == self.first_step + 1:
                    costs = self._cost_watch(stepper.solver)
                if costs is not None:
                    costs.look(now.time, now.state, self.counted.num_gradients)
                if creep is not None and creep.creeps(now.time, now.state, self.counted.num_gradients):
                    return Ended(Outcome.FAILED, f"{KINK} (with `max_evaluations` it may go on so far)")
                self.writer.look(self._so_far)
        except StepFailed as failure:
            return Ended(failure.outcome, failure.message)
        except BudgetSpent:
            return Ended(
                Outcome.BUDGET, f"the budget of {self.settings['max_evaluations']:,} gradients was spent"
            )
        except NonFinite as failure:
            return Ended(Outcome.DIVERGED, f"{failure} is not finite at t = {self.point.time:.9g}")
        except (HookError, Warning, *FAILURES):
            raise
        except Exception as error:
            if self.point.step == self.first_step:
                raise  # At the very start it is the door that the error stands at.
            return Ended(Outcome.FAILED, f"the step behind the last one failed: {sentence_of(error)}")
        stillness.judge()
        return Ended(Outcome.FINISHED, f"the run reached its end time {self.end_time:g}")

    def trajectory(self, ended: Ended) -> Trajectory:
        """Return what was reached, behind what an earlier run had."""
        outcome, message = ended
        if self.point.time < self.end_time and outcome in (Outcome.DIVERGED, Outcome.FAILED, Outcome.BUDGET):
            message += f"; t = {self.point.time:.9g} was reached"
        run = self.recorder.trajectory(
            outcome,
            message,
            method=self.integrator.name if self.stepper is None else self.stepper.used,
            num_gradients=self.counted.num_gradients,
            num_hvps=self.counted.num_hvps,
            settings=self.settings,
            origin=self.origin,
        )
        return run if self.earlier is None else joined(self.earlier, run)

    def _cost_watch(self, solver: Any) -> CostWatch | None:
        kinked = isinstance(self.flow.problem, Kinked) and self.flow.problem.has_kinks
        # What holds an explicit method back at kinks is not stiffness, and no stiff method is better there.
        if kinked or not watches(solver, self.integrator):
            return None
        return CostWatch(self.flow, solver, self.integrator.name, self.point.state.size, self.end_time)

    def _so_far(self) -> Trajectory:
        return self.trajectory(
            Ended(Outcome.INTERRUPTED, f"a checkpoint at t = {self.point.time:.9g}, the run was going on")
        )

    def _begin(self) -> Ended | None:
        first = self.point
        point = self._evaluated(first.time, first.step, first.state.copy(), kept=True)
        self.point = point
        self.recorder.step(point)
        self.counted.accept(point.weights)
        place = self.recorder.place(point)
        self.recorder.keep(point, place=place)
        self._nodes.append(point)
        self.watch.start(place)
        return self._converged(point)

    def _arrived(self, t: float, state: Array) -> Point:
        """Return the point at the end of a step."""
        step, kept = self.point.step + 1, self.keeps_steps or self._is_wanted(t)
        asked = self._asks_all or self.recorder.asks_place(step, kept)
        point = None if asked or t >= self.end_time else self._estimated(t, step, state)
        self.counted.hold_back(0 if point is None else 1)
        return point or self._evaluated(t, step, state, kept)

    def _estimated(self, t: float, step: int, state: Array) -> Point | None:
        """Return the point without an evaluation of its own, where an implicit formula knows the velocity.

        The velocity is the gradient, and the loss follows from the place w' of the step's last evaluation by
        E(w) = E(w') + (g(w') + g(w))'(w - w') / 2 + O(|w - w'|^3).
        """
        if self._invertible is None or self.stepper is None:
            return None
        velocity, last = self.stepper.velocity, self.counted.last
        if velocity is None or last is None or self.flow.weights(state) is not state:
            return None
        place, loss, before = last
        gradient = self._invertible.gradient_from(velocity)
        if gradient is None or (place == state).all():
            return None
        loss += 0.5 * float((before + gradient).dot(state - place))
        slope = float(gradient.dot(velocity))
        if not (isfinite(loss) and isfinite(slope)):
            raise NonFinite("the loss or its gradient")
        return Point(t, step, state, state, loss, velocity, velocity, slope, evaluated=place)

    def _confirmed(self) -> Point:
        """Return the last point evaluated; from here on each is, since the flow has an edge."""
        self._invertible = None
        if self.point.evaluated is not None:
            self._settle()
        if self.point.evaluated is not None:
            # Beyond the edge itself, by less than the tolerance: the last step evaluated this side of it.
            self._settle(self.point.evaluated)
        return self.point

    def _settle(self, state: Array | None = None) -> None:
        """Evaluate the last point, if that can be done."""
        last = self.point
        self.counted.hold_back(0)
        try:
            point = self._evaluated(last.time, last.step, last.state if state is None else state, kept=False)
        except Exception:
            return  # What it raises, a spent budget too, is the business of the step that evaluates it.
        self._restate(point)

    def _restate(self, point: Point) -> None:
        """Put this in the place of the last point."""
        last, self.point = self.point, point
        self.recorder.settle(point)
        if self._nodes and self._nodes[-1] is last:
            self._nodes[-1] = point

    def _after_step(self, after: Point, stepper: GuardedStepper) -> Ended | None:
        """Note the step, keep its rows, and return why the run ends here, if it does."""
        before, step = self.point, after.step
        place = self.recorder.place(after) if self._is_watched else None
        crossings = self._crossings(before, after, place, stepper)
        terminal = [crossing for crossing in crossings if crossing.terminal]
        if terminal and terminal[0].time < after.time:
            state = stepper.state_at(terminal[0].time)
            after, place = self._evaluated(terminal[0].time, step, state, kept=True), None
        self.point = after
        self.counted.accept(after.weights)
        if after.time > before.time:
            self.recorder.step(after)
        self.recorder.keep(after, self.keeps_steps, place)
        if not self.keeps_steps and after.time > before.time:
            self._note_node(after)
        for crossing in crossings:
            w = self.flow.weights(stepper.state_at(crossing.time))
            self.recorder.cross(crossing.name, crossing.level, crossing.time, w)
        if terminal:
            return Ended(Outcome.EVENT, self.watch.sentence(terminal[0], self.recorder.place(after)))
        return self._stops_at(after, place)

    def _is_wanted(self, t: float) -> bool:
        wanted = self.wanted
        if not wanted.size:
            return False
        index = int(np.searchsorted(wanted, t))
        return index < wanted.size and bool(wanted[index] == t)

    def _stops_at(self, point: Point, place: Place | None) -> Ended | None:
        if self.callback is not None:
            answer = evaluated(self.callback, place or self.recorder.place(point))
            if check_answer(answer):
                return Ended(Outcome.EVENT, f"the callback stopped the run at t = {point.time:.9g}")
        return self._converged(point)

    def _converged(self, point: Point) -> Ended | None:
        if self.gradient_tolerance is not None:
            size = norm(self.counted.known(point.weights)[1])
            if size <= self.gradient_tolerance:
                return Ended(
                    Outcome.CONVERGED, f"the gradient norm fell to {size:.3g} at t = {point.time:.9g}"
                )
        return None

    def _crossings(
        self, before: Point, after: Point, place: Place | None, stepper: GuardedStepper
    ) -> list[Crossing]:
        if place is None or not self.watch.events:
            return []

        def place_at(t: float) -> Place:
            state = stepper.state_at(t)
            return Place(self.recorder.problem, t, after.step, state, self.flow.weights(state))

        return self.watch.located(before.time, place, place_at)

    def _note_node(self, point: Point) -> None:
        """Keep the wanted rows of an interval once two more steps lie behind it, or with `keep_pending`."""
        self._nodes.append(point)
        if len(self._nodes) > AHEAD + 1 + self._left:
            self._keep_interval()

    def keep_pending(self) -> None:
        """Evaluate the last point, and keep the wanted rows that still waited for more steps."""
        if self.point.evaluated is not None:
            self._settle()
        if not self._shares and self.recorder.last is self.point and isfinite(self.point.loss):
            loss = self.recorder.problem.loss(self.point.weights)
            self._restate(self.point._replace(loss=float(loss)))
        while self._left + 1 < len(self._nodes):
            self._keep_interval()

    def _keep_interval(self) -> None:
        """Keep the wanted rows between two nodes and at the second one, interpolated through those around."""
        nodes, left, wanted = self._nodes, self._left, self.wanted
        self._left += 1
        start, end = nodes[left].time, nodes[left + 1]
        first = self._next_wanted
        self._next_wanted = last = first + int(np.searchsorted(wanted[first:], end.time))
        first += int(first < last and wanted[first] == start)
        if first < last:
            self._keep_between(wanted[first:last], left)
        if last < wanted.size and wanted[last] == end.time:
            self.recorder.keep(end)
        if self._left > BEHIND:
            del nodes[0]
            self._left -= 1

    def _keep_between(self, asked: Array, left: int) -> None:
        nodes = self._nodes
        times = np.array([node.time for node in nodes])
        inside = Between(times, left, asked)
        known = zip(*((n.state, n.state_velocity, n.loss, n.loss_slope) for n in nodes), strict=True)
        states, changes, losses, slopes = map(np.array, known)
        between = inside.values(states, changes)
        self.recorder.keep_rows(
            asked,
            nodes[left + 1].step,
            between,
            self.flow.weights(between),
            inside.values(losses, slopes),
            self.flow.weights(inside.slopes(states, changes)),
            inside.slopes(losses, slopes),
        )

    def _evaluated(self, t: float, step: int, state: Array, kept: bool) -> Point:
        """Return the point with its loss and dE/dt = g . dw/dt; raise `NonFinite` where they are not."""
        w = self.flow.weights(state)
        product = None
        asks = self._takes_product or self.recorder.takes_product(step, kept)
        if self._shares and asks and self.counted.remembered(w) is None:
            product = self.counted.with_product(w)[2]
        change = self.flow(t, state)
        velocity = self.flow.weights(change)
        loss, gradient = self.counted.known(w)
        slope = float(gradient.dot(velocity))
        if not (isfinite(loss) and isfinite(slope) and are_finite(velocity, velocity)):
            raise NonFinite("the loss or its gradient")
        known = gradient if self._shares else None
        return Point(t, step, state, w, loss, velocity, change, slope, gradient=known, product=product)
