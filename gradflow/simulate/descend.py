"""The counted loop of discrete-time runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gradflow import validate
from gradflow.events import Event
from gradflow.problems.protocol import Problem
from gradflow.rules import GradientDescent, UpdateRule
from gradflow.scaling import Scale
from gradflow.simulate.batches import Batches
from gradflow.simulate.clock import Clock
from gradflow.simulate.counting import CountedProblem, is_finite
from gradflow.simulate.progress import Progress
from gradflow.simulate.recorder import Point, Record, Recorder, checked_sketch, read_only
from gradflow.simulate.watch import Watch
from gradflow.sketch import Sketch
from gradflow.trajectory import Outcome, Trajectory

Array = NDArray[np.float64]
Callback = Callable[[float, Array], Any]


def descend(
    problem: Problem,
    w0: ArrayLike,
    rule: float | UpdateRule,
    num_steps: int,
    *,
    rate: Scale = 1.0,
    step_size: float | None = None,
    record_every: int | ArrayLike = 1,
    record: Record | None = None,
    events: Mapping[str, Event] | None = None,
    batch: int | None = None,
    seed: int | None = None,
    gradient_tolerance: float | None = None,
    sketch: Sketch | None = None,
    callback: Callback | None = None,
    progress: bool = False,
) -> Trajectory:
    """Take `num_steps` discrete steps from the weights `w0`, on the clock of the flow.

    With a number as the rule this is w <- w - eta dE/dw, Euler's method on dw/dt = -rate dE/dw with
    step size h = eta / rate.

    Parameters
    ----------
    problem : Problem
        The loss that is descended.
    w0 : array_like, shape (n,)
        Starting weights.
    rule : float or UpdateRule
        A learning rate, or a rule from `gradflow.rules`.
    num_steps : int
        Number of steps.
    rate : float, ndarray (n,) or ndarray (n, n)
        mu of the flow whose clock is used.
    step_size : float, optional
        Flow time of one step. By default learning_rate / rate, times 1 / (1 - b) for a rule with
        momentum b, times |batch| / N for mini-batches of a loss that is a sum over samples; under
        a schedule the sum of these.
    record_every : int or array_like of int
        Keep every so many steps, or just these, besides the first and the last; the loss of every
        step is kept.
    record : dict of str to callable, optional
        ``function(t, w)``, evaluated at every kept row.
    events : dict of str to Event, optional
        A crossing is the first step on the other side.
    batch : int, optional
        Samples per step; 1 is pattern by pattern. The loss of the whole problem is evaluated at
        every step all the same.
    seed : int, optional
        Of the order in which batches take the samples, reshuffled each time round; the given order
        when None.
    gradient_tolerance : float, optional
        Stop once |dE/dw| is at most this (full batch only).
    sketch : Sketch, optional
        Keep sketches of the weights instead of the weights.
    callback : callable, optional
        ``callback(t, w)`` after every step; True stops the run.
    progress : bool
        Show a progress bar over steps.

    Returns
    -------
    Trajectory
        Also when the run diverged, failed or was interrupted.

    Raises
    ------
    ValueError
        If an argument is out of its range, or no single step size explains a vector or matrix
        learning rate.

    Examples
    --------
    >>> from gradflow.problems.quadratic import Quadratic
    >>> run = descend(Quadratic([1.0, 4.0]), [1.0, 1.0], 0.25, 2)
    >>> run.times.tolist(), run.weights[-1].tolist()
    ([0.0, 0.25, 0.5], [0.5625, 0.0])
    """
    run = _Descent(problem, w0, rule, num_steps, rate, step_size, batch, seed)
    run.watch = Watch(events)
    run.kept = _kept_steps(record_every, run.num_steps)
    run.recorder = Recorder(
        record,
        checked_sketch(sketch, run.w0.size),
        run.watch.events,
        num_rows=len(run.kept) + 2,
        num_steps=run.num_steps + 1,
    )
    if gradient_tolerance is not None:
        if batch is not None:
            raise ValueError("`gradient_tolerance` must be None with `batch`, got both")
        run.gradient_tolerance = validate.positive("gradient_tolerance", gradient_tolerance)
    run.callback = callback
    every = record_every if np.ndim(record_every) == 0 else None
    run.settings |= {"record_every": every, "gradient_tolerance": gradient_tolerance}
    run.settings |= {"sketch": sketch and sketch.settings}
    with Progress(progress, run.num_steps, f"{run.settings['rule']}, steps") as bar:
        return run.go(bar)


class _Descent:
    """One run: the loop over steps, and what is noted at each point."""

    recorder: Recorder
    watch: Watch
    kept: range | frozenset[int]
    callback: Callback | None
    gradient_tolerance: float | None = None

    def __init__(
        self,
        problem: Problem,
        w0: ArrayLike,
        rule: float | UpdateRule,
        num_steps: int,
        rate: Scale,
        step_size: float | None,
        batch: int | None,
        seed: int | None,
    ) -> None:
        self.w0 = validate.weight_vector("w0", w0, problem.num_weights)
        self.rule = _as_rule(rule)
        self.num_steps = validate.count("num_steps", num_steps)
        self.batches = None if batch is None else Batches(problem, batch, seed)
        share = 1.0 if self.batches is None else self.batches.clock_share
        self.clock = Clock(self.rule, rate, step_size, share, self.num_steps)
        self.problem = CountedProblem(problem)
        self.memory: Any = None
        self.settings: dict[str, Any] = {
            "kind": "descent",
            **_described(self.rule),
            "num_steps": self.num_steps,
            "rate": rate,
            "step_size": self.clock.step_size,
            "batch": batch,
            "seed": seed,
        }

    def go(self, bar: Progress) -> Trajectory:
        """Return the trajectory, whatever ends the run."""
        try:
            with np.errstate(all="ignore"):
                outcome, message = self._steps(bar)
        except KeyboardInterrupt:
            outcome, message = Outcome.INTERRUPTED, Outcome.INTERRUPTED.value
        except (ArithmeticError, np.linalg.LinAlgError) as failure:
            outcome, message = Outcome.FAILED, str(failure) or repr(failure)
        return self._finished(outcome, message)

    def _steps(self, bar: Progress) -> tuple[Outcome, str]:
        w, rule = self.w0, self.rule
        self.recorder.last = self._point(0, w, np.nan)
        self.memory = rule.init(w)
        for step in range(self.num_steps):
            loss, gradient = self._loss_and_gradient(w)
            ended = self._arrive(step, w, loss, gradient)
            bar.reach(step, loss)
            if ended is not None:
                return ended
            w, self.memory = rule.update(w, gradient, self.memory, step)
        ended = self._arrive_last(w)
        return ended or (Outcome.FINISHED, f"the run took its {self.num_steps:,} steps")

    def _loss_and_gradient(self, w: Array) -> tuple[float, Array]:
        if self.batches is None:
            return self.problem.loss_and_gradient(w)
        self.problem.num_gradients += 1
        return self.problem.loss(w), self.batches.following().gradient(w)

    def _arrive(self, step: int, w: Array, loss: float, gradient: Array) -> tuple[Outcome, str] | None:
        """Note the point reached, and return why the run ends here, if it does."""
        if not (np.isfinite(loss) and is_finite(w) and is_finite(gradient)):
            return Outcome.DIVERGED, f"the weights, the loss or its gradient are not finite at step {step:,}"
        point = self._point(step, w, loss)
        self.recorder.step(point)
        if step == 0 or step in self.kept:
            self.recorder.keep(point)
        ended = self._watched(point) if self._is_watched else None
        if ended is None and self.gradient_tolerance is not None:
            norm = float(np.linalg.norm(gradient))
            if norm <= self.gradient_tolerance:
                return Outcome.CONVERGED, f"the gradient norm fell to {norm:.3g} at step {step:,}"
        return ended

    def _arrive_last(self, w: Array) -> tuple[Outcome, str] | None:
        """Note the last point, whose gradient only a gradient tolerance asks for."""
        if self.gradient_tolerance is None:
            return self._arrive(self.num_steps, w, self.problem.loss(w), w)
        return self._arrive(self.num_steps, w, *self.problem.loss_and_gradient(w))

    def _watched(self, point: Point) -> tuple[Outcome, str] | None:
        if point.step == 0:
            self.watch.start(point.time, point.weights)
            return None
        for name, event, level in self.watch.crossings(point.time, point.weights):
            self.recorder.cross(name, level, point.time, point.weights)
            if event.terminal:
                return Outcome.EVENT, f"event {name!r} met its level {level:g} at step {point.step:,}"
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


def _kept_steps(record_every: Any, num_steps: int) -> range | frozenset[int]:
    if np.ndim(record_every) == 0:
        return range(0, num_steps + 1, validate.count("record_every", record_every))
    steps = np.asarray(record_every)
    if steps.ndim != 1 or steps.dtype.kind not in "iu" or (steps < 0).any() or (steps > num_steps).any():
        raise ValueError(f"`record_every` must be steps from 0 to {num_steps}, got {record_every!r:.60}")
    return frozenset(steps.tolist())


def _as_rule(rule: Any) -> UpdateRule:
    if hasattr(rule, "update") and hasattr(rule, "init") and hasattr(rule, "learning_rate"):
        return rule
    if np.ndim(rule) == 0 and not callable(rule):
        try:
            return GradientDescent(rule)
        except ValueError as error:
            raise ValueError(str(error).replace("`learning_rate`", "`rule`")) from None
    raise ValueError(f"`rule` must be a learning rate or an update rule, got {rule!r:.60}")


def _described(rule: UpdateRule) -> dict[str, Any]:
    named: dict[str, Any] = {}
    if is_dataclass(rule):
        named = {each.name: getattr(rule, each.name) for each in fields(rule)}
    return {"rule": type(rule).__name__, "learning_rate": rule.learning_rate, **named}
