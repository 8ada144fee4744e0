"""The counted loop of discrete-time runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from gradflow import scaling, validate
from gradflow.events import Event
from gradflow.problems.problem import Problem
from gradflow.rules import LearningRate, UpdateRule, as_rule
from gradflow.scaling import Scale
from gradflow.simulate.batches import Batches
from gradflow.simulate.clock import Clock
from gradflow.simulate.counting import CountedProblem
from gradflow.simulate.descent_run import Callback, Descent
from gradflow.simulate.progress import Progress
from gradflow.simulate.recorder import Record, Recorder, checked_sketch
from gradflow.simulate.watch import Watch
from gradflow.trajectory import Trajectory, storage
from gradflow.trajectory.sketch import Sketch


def descend(
    problem: Problem,
    w0: ArrayLike,
    rule: LearningRate | UpdateRule,
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
        A learning rate (also one per weight, a matrix, or a schedule: a pure function of the step,
        which is evaluated once at the door for the clock), or a rule from `gradflow.rules`.
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
    >>> from gradflow.problems.landscapes.quadratic import Quadratic
    >>> run = descend(Quadratic([1.0, 4.0]), [1.0, 1.0], 0.25, 2)
    >>> run.times.tolist(), run.weights[-1].tolist()
    ([0.0, 0.25, 0.5], [0.5625, 0.0])
    """
    w0 = validate.weight_vector("w0", w0, problem.num_weights)
    taken = as_rule(rule)
    num_steps = validate.count("num_steps", num_steps)
    for name, scale in (("learning_rate", taken.learning_rate), ("rate", rate)):
        if not callable(scale):
            scaling.check_size(name, scale, w0.size)
    kept = _kept_steps(record_every, num_steps)
    batches = None if batch is None else Batches(problem, batch, seed)
    clock = Clock(taken, rate, step_size, batches.clock_share if batches else 1.0, num_steps)
    if gradient_tolerance is not None:
        if batch is not None:
            raise ValueError("`gradient_tolerance` must be None with `batch`, got both")
        validate.positive("gradient_tolerance", gradient_tolerance)
    watch = Watch(events)
    if callback is not None:
        validate.function("callback", callback)
    run = Descent(
        problem=CountedProblem(problem),
        w0=w0,
        rule=taken,
        num_steps=num_steps,
        clock=clock,
        batches=batches,
        kept=kept,
        recorder=Recorder(
            record,
            checked_sketch(sketch, w0.size),
            watch.events,
            problem,
            num_rows=len(kept) + 2,
            num_steps=num_steps + 1,
        ),
        watch=watch,
        callback=callback,
        gradient_tolerance=gradient_tolerance,
        settings=storage.json_values(
            {
                "kind": "descent",
                "problem": repr(problem),
                **_described(taken),
                "num_steps": num_steps,
                "rate": rate,
                "step_size": clock.step_size,
                "record_every": record_every if np.ndim(record_every) == 0 else None,
                "batch": batch,
                "seed": seed,
                "gradient_tolerance": gradient_tolerance,
                "sketch": sketch and sketch.settings,
            }
        ),
    )
    with Progress(progress, 0, num_steps, f"{run.settings['rule']}, steps") as bar:
        return run.go(bar)


def _kept_steps(record_every: Any, num_steps: int) -> range | frozenset[int]:
    if np.ndim(record_every) == 0:
        return range(0, num_steps + 1, validate.count("record_every", record_every))
    steps = np.asarray(record_every)
    if steps.ndim != 1 or steps.dtype.kind not in "iu" or (steps < 0).any() or (steps > num_steps).any():
        raise ValueError(f"`record_every` must be steps from 0 to {num_steps}, got {record_every!r:.60}")
    return frozenset(steps.tolist())


def _described(rule: UpdateRule) -> dict[str, Any]:
    named: dict[str, Any] = {}
    if is_dataclass(rule):
        named = {each.name: getattr(rule, each.name) for each in fields(rule)}
    return {"rule": type(rule).__name__, "learning_rate": rule.learning_rate, **named}
