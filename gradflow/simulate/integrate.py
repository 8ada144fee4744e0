"""The guarded driver of continuous-time runs."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gradflow import validate
from gradflow.events import Event
from gradflow.flows.protocol import Flow
from gradflow.simulate import methods
from gradflow.simulate.cost import CostWatch
from gradflow.simulate.counting import BudgetSpent, LastPoint, NonFinite
from gradflow.simulate.progress import Progress
from gradflow.simulate.recorder import Point, Record, Recorder, checked_sketch, read_only
from gradflow.simulate.stepping import GuardedStepper, StepFailed
from gradflow.simulate.watch import Watch, located
from gradflow.sketch import Sketch
from gradflow.trajectory import Outcome, Trajectory

Array = NDArray[np.float64]
Callback = Callable[[float, Array], Any]

MAX_PARTS = 16


def integrate(
    flow: Flow,
    w0: ArrayLike,
    end_time: float,
    *,
    start_time: float = 0.0,
    method: str | Callable[..., Any] = "auto",
    rtol: float = 1e-6,
    atol: float | None = None,
    times: int | ArrayLike | None = None,
    events: Mapping[str, Event] | None = None,
    record: Record | None = None,
    gradient_tolerance: float | None = None,
    max_evaluations: int | None = None,
    sketch: Sketch | None = None,
    callback: Callback | None = None,
    progress: bool = False,
) -> Trajectory:
    """Follow a flow from the weights `w0` to `end_time`, error-controlled.

    Parameters
    ----------
    flow : Flow
        The vector field, for example ``GradientFlow(problem)``.
    w0 : array_like, shape (n,)
        Starting weights.
    end_time, start_time : float
        Flow time; `end_time` must be the later one.
    method : str, OdeSolver class or callable
        "auto", RK23, RK45, DOP853, Radau, BDF, LSODA, or anything that makes a stepper when called
        as ``method(fun, t0, y0, t_bound, **options)``. The implicit ones get the exact Jacobian.
    rtol, atol : float
        Tolerances on the local error of the state; `atol` is 1e-3 rtol by default.
    times : int or array_like, optional
        Rows to keep besides the first and the last: every accepted step by default, an array of
        flow times, or that many equally spaced ones. They do not change the steps.
    events : dict of str to Event, optional
        Located inside the step that contains them.
    record : dict of str to callable, optional
        ``function(t, w)``, evaluated at every kept row.
    gradient_tolerance : float, optional
        Stop once |dE/dw| is at most this.
    max_evaluations : int, optional
        Stop when this many gradients were spent.
    sketch : Sketch, optional
        Keep sketches of the weights instead of the weights.
    callback : callable, optional
        ``callback(t, w)`` after every step; True stops the run.
    progress : bool
        Show a progress bar over flow time.

    Returns
    -------
    Trajectory
        Also when the run diverged, failed, was interrupted or ran out of budget.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    Warns
    -----
    CostWarning
        If an explicit method is about to spend more than 50,000 gradients.

    Examples
    --------
    >>> from gradflow.flows.gradient import GradientFlow
    >>> from gradflow.problems.quadratic import Quadratic
    >>> run = integrate(GradientFlow(Quadratic([1.0, 4.0])), [1.0, 1.0], 1.0, rtol=1e-9)
    >>> bool(np.abs(run.final_weights - np.exp([-1.0, -4.0])).max() < 1e-8)
    True
    """
    run = _Integration(flow, w0, end_time, start_time, method, rtol, atol, max_evaluations)
    run.watch = Watch(events)
    run.recorder = Recorder(record, checked_sketch(sketch, run.point.weights.size), run.watch.events)
    run.wanted = _wanted(times, run.start_time, run.end_time)
    run.keeps_steps = times is None
    if gradient_tolerance is not None:
        run.gradient_tolerance = validate.positive("gradient_tolerance", gradient_tolerance)
    run.callback = callback
    run.settings |= {"gradient_tolerance": gradient_tolerance, "sketch": sketch and sketch.settings}
    run.settings |= {"times": times if times is None or isinstance(times, int) else len(run.wanted)}
    with Progress(progress, run.end_time - run.start_time, f"{run.method.name}, flow time") as bar:
        return run.go(bar)


class _Integration:
    """One run: the loop over accepted steps, and what happens after each."""

    recorder: Recorder
    watch: Watch
    wanted: Array
    keeps_steps: bool
    callback: Callback | None
    gradient_tolerance: float | None = None

    def __init__(
        self,
        flow: Flow,
        w0: ArrayLike,
        end_time: float,
        start_time: float,
        method: Any,
        rtol: float,
        atol: float | None,
        max_evaluations: int | None,
    ) -> None:
        self.start_time, self.end_time = _span(start_time, end_time)
        rtol = validate.positive("rtol", rtol)
        atol = 1e-3 * rtol if atol is None else validate.positive("atol", atol)
        budget = None if max_evaluations is None else validate.count("max_evaluations", max_evaluations)
        w0 = validate.weight_vector("w0", w0, flow.problem.num_weights)
        self.counted = LastPoint(flow.problem, budget)
        self.flow = _on_problem(flow, self.counted)
        y0 = np.asarray(flow.initial_state(w0), dtype=np.float64)
        self.point = Point(self.start_time, 0, y0, flow.weights(y0), np.nan)
        self.method = methods.resolve(method, y0.size)
        self.options = {"rtol": rtol, "atol": atol}
        self.settings: dict[str, Any] = {
            "kind": "flow",
            "flow": type(flow).__name__,
            "rate": getattr(flow, "rate", None),
            "start_time": self.start_time,
            "end_time": self.end_time,
            "method": method if isinstance(method, str) else self.method.name,
            "max_evaluations": budget,
            **self.options,
        }

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
            stepper = GuardedStepper(self.flow, self.method, self.point, self.end_time, self.options)
            costs: CostWatch | None = None
            while self.point.time < self.end_time:
                stepper.step()
                costs = costs or self._cost_watch(stepper.solver)
                ended = self._after_step(stepper)
                bar.reach(self.point.time - self.start_time, self.point.loss)
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
        except (ArithmeticError, np.linalg.LinAlgError) as failure:
            return Outcome.FAILED, str(failure) or repr(failure)
        return Outcome.FINISHED, f"the run reached its end time {self.end_time:g}"

    def _begin(self) -> tuple[Outcome, str] | None:
        self.recorder.last = self.point
        self.point = self._evaluated(self.point.time, 0, self.point.state)
        self.recorder.step(self.point)
        self.recorder.keep(self.point)
        self.watch.start(self.point.time, self.point.weights)
        return self._converged(self.point)

    def _after_step(self, stepper: GuardedStepper) -> tuple[Outcome, str] | None:
        """Note the step, keep its rows, and return why the run ends here, if it does."""
        before, step = self.point, self.point.step + 1
        after = self._evaluated(stepper.t, step, stepper.y)
        crossings = self._crossings(before, after, stepper)
        terminal = [crossing for crossing in crossings if crossing.terminal]
        if terminal and terminal[0].time < after.time:
            after = self._evaluated(terminal[0].time, step, stepper.state_at(terminal[0].time))
        self._keep_inside(before, after, stepper)
        self.point = after
        self.recorder.step(after)
        if self.keeps_steps or after.time in self.wanted:
            self.recorder.keep(after)
        for crossing in crossings:
            w = self.flow.weights(stepper.state_at(crossing.time))
            self.recorder.cross(crossing.name, crossing.level, crossing.time, w)
        if terminal:
            name, level, time = terminal[0].name, terminal[0].level, terminal[0].time
            return Outcome.EVENT, f"event {name!r} met its level {level:g} at t = {time:.9g}"
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

    def _crossings(self, before: Point, after: Point, stepper: GuardedStepper) -> list[Any]:
        found = self.watch.crossings(after.time, after.weights)
        if not found:
            return []
        return located(found, before.time, after.time, lambda t: self.flow.weights(stepper.state_at(t)))

    def _keep_inside(self, before: Point, after: Point, stepper: GuardedStepper) -> None:
        """Keep the rows that lie strictly inside a step."""
        inside = self.wanted[(self.wanted > before.time) & (self.wanted < after.time)]
        if self.keeps_steps and self.method.name in methods.LONG_STEPS:
            inside = np.linspace(before.time, after.time, self._num_parts(before, after, stepper) + 1)[1:-1]
        for t in inside.tolist():
            self.recorder.keep(self._evaluated(t, after.step, stepper.state_at(t)))

    def _num_parts(self, before: Point, after: Point, stepper: GuardedStepper) -> int:
        """Return into how many parts to cut a step so that Hermite interpolation is within tolerance."""
        assert before.velocity is not None
        assert after.velocity is not None
        length = after.time - before.time
        hermite = (before.weights + after.weights) / 2 + length / 8 * (before.velocity - after.velocity)
        gap = hermite - self.flow.weights(stepper.state_at(before.time + length / 2))
        scale = self.options["atol"] + self.options["rtol"] * np.abs(after.weights)
        error = float(np.sqrt(np.mean((gap / scale) ** 2)))
        return min(MAX_PARTS, max(1, int(np.ceil(error**0.25))))

    def _evaluated(self, t: float, step: int, state: Array) -> Point:
        """Return the point with its loss and dE/dt = g . dw/dt; raise where they are not finite."""
        state = np.array(state)
        w = self.flow.weights(state)
        velocity = self.flow.weights(self.flow(t, state))
        loss, gradient = self.counted.loss_and_gradient(w)
        slope = float(gradient @ velocity)
        if not (np.isfinite(loss) and np.isfinite(velocity).all()):
            raise StepFailed(Outcome.DIVERGED, f"the loss or its gradient is not finite at t = {t:.9g}")
        return Point(t, step, state, w, loss, velocity, slope)

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
            method=self.method.name,
            num_gradients=self.counted.num_gradients,
            num_hvps=self.counted.num_hvps,
            settings=self.settings,
        )


def _span(start_time: float, end_time: float) -> tuple[float, float]:
    start = float(validate.array("start_time", start_time, 0))
    end = float(validate.array("end_time", end_time, 0))
    if end <= start:
        raise ValueError(f"`end_time` must be later than the start time {start:g}, got {end_time!r:.60}")
    return start, end


def _wanted(times: int | ArrayLike | None, start: float, end: float) -> Array:
    if times is None:
        return np.empty(0)
    if np.ndim(times) == 0:
        return np.linspace(start, end, validate.count("times", times, least=2))
    wanted = validate.array("times", times, 1)
    if (np.diff(wanted) <= 0).any() or wanted[0] < start or wanted[-1] > end:
        raise ValueError(
            f"`times` must increase from at least {start:g} to at most {end:g}, got {times!r:.60}"
        )
    return wanted


def _on_problem(flow: Flow, problem: LastPoint) -> Flow:
    """Return the same flow on another problem."""
    clone = copy.copy(flow)
    object.__setattr__(clone, "problem", problem)
    return clone
