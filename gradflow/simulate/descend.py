"""The door of discrete-time runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from gradflow import scaling, validate
from gradflow.events.event import Event
from gradflow.problems.completed import as_problem
from gradflow.problems.problem import Problem
from gradflow.rules import LearningRate, UpdateRule, as_rule
from gradflow.rules.reading import check_schedule
from gradflow.scaling import Scale
from gradflow.simulate.batch_recorder import BatchRecorder
from gradflow.simulate.batches import ROWS, Batches, whole_losses
from gradflow.simulate.checkpoint import Checkpoint, Writer, checked_checkpoint
from gradflow.simulate.clock import Clock
from gradflow.simulate.counting import CountedProblem
from gradflow.simulate.descent_recorder import DescentRecorder
from gradflow.simulate.descent_run import DescentRun
from gradflow.simulate.ending import run_to_its_end
from gradflow.simulate.hooks import check_hook
from gradflow.simulate.iteration import Iterate
from gradflow.simulate.keywords import FOR_DESCENT, explains_keywords
from gradflow.simulate.progress import Progress, Report
from gradflow.simulate.recorder import checked_sketch
from gradflow.simulate.recording import Record
from gradflow.simulate.watch import Watch
from gradflow.trajectory import Origin, Sketch, Trajectory, storage


@explains_keywords(FOR_DESCENT)
def descend(
    problem: Problem,
    w0: ArrayLike,
    rule: LearningRate | UpdateRule,
    num_steps: int | None = None,
    *,
    end_time: float | None = None,
    rate: Scale = 1.0,
    step_size: float | None = None,
    record_every: int | ArrayLike = 1,
    record: Record | None = None,
    events: Mapping[str, Event] | None = None,
    batch: int | None = None,
    seed: int | None = None,
    losses: str | None = None,
    checkpoint: str | Path | Checkpoint | None = None,
    gradient_tolerance: float | None = None,
    sketch: Sketch | None = None,
    callback: Any = None,
    progress: bool | Report = False,
) -> Trajectory:
    """Take discrete steps from the weights `w0`, on the clock of the flow.

    With a number as the rule this is w <- w - eta dE/dw, Euler's method on dw/dt = -rate dE/dw with
    step size h = eta / rate.

    Parameters
    ----------
    problem : Problem
        The loss that is descended.
    w0 : array_like, shape (n,)
        Starting weights.
    rule : float or UpdateRule
        A learning rate (also one per weight, a matrix, or a schedule: a pure function of the step, or
        its values as a list), or a rule from `gradflow.rules`.
    num_steps : int, optional
        Number of steps.
    end_time : float, optional
        Flow time instead: the last step is the last one that does not pass it.
    rate : float, ndarray (n,) or ndarray (n, n)
        mu of the flow whose clock is used.
    step_size : float, optional
        Flow time of one step. By default learning_rate / rate, times 1 / (1 - b) for a rule with
        momentum b, times ``|batch| / N`` for mini-batches of a loss that is a sum over samples; under
        a schedule the sum of these.
    record_every : int or array_like of int
        Keep every so many steps, or just these, besides the first and the last; the loss of every
        step is kept, with `batch` that of its batch.
    record : dict of str to callable, optional
        ``function(t, w)``, or an object with ``at_place(place)`` as in `gradflow.records`, evaluated at every
        kept row, or as often as `every` says. Where it has no value nan stands, with one warning.
    events : dict of str to Event, optional
        A crossing is the first step on the other side.
    batch : int, optional
        Samples per step; 1 is pattern by pattern. A step then costs the gradient of its batch, and a row
        the loss of all samples: with many of these keep few rows, by `record_every`.
    seed : int, optional
        Of the order in which batches take the samples, reshuffled each time round; the given order
        when None.
    losses : {"rows", "every"}, optional
        Where a run with `batch` evaluates the loss of the whole problem. "rows", the default: at kept
        rows only, for `losses`; `step_losses` are then each step's loss on its own batch, the last one on
        the batch that would come next. "every": at every step, which costs the whole data each time, and
        `step_losses` are these. Without `batch` every step has the whole loss anyway.
    gradient_tolerance : float, optional
        Stop once ``|dE/dw|`` is at most this (full batch only).
    sketch : Sketch, optional
        Keep sketches of the weights instead of the weights.
    checkpoint : str, Path or Checkpoint, optional
        A file that holds what was reached, written every minute (or as `Checkpoint` says) and at the end;
        SIGTERM then ends the run as Ctrl-C does. `resume` goes on from it.
    callback : callable, optional
        ``callback(t, w)``, or an object with ``at_place(place)``, after every step; True stops the run.
    progress : bool or callable
        Show a progress bar over steps; or ``progress(what, share, loss)``, called at every step.

    Returns
    -------
    Trajectory
        Also when the run diverged, failed or was interrupted.

    Raises
    ------
    ValueError
        If an argument is out of its range, or no single step size explains a vector or matrix
        learning rate.
    Exception
        Whatever a record, event or callback raises that is a bug; what was reached is its attribute
        `trajectory`.

    Warns
    -----
    CostWarning
        If the rows take more than half of the memory that is free: before the run, or once they have come
        so far where a tolerance, a callback or a terminal event may end it before. With `batch`, if the
        losses at rows take 20 times the samples that the steps take, and more than a million.
    RecordWarning
        If a record has no value somewhere.

    See Also
    --------
    integrate : The flow on the same clock.
    resume : Goes on where a run ended.
    gradflow.study : A flow with several descents beside it.

    Examples
    --------
    >>> from gradflow.problems.landscapes.quadratic import Quadratic
    >>> run = descend(Quadratic([1.0, 4.0]), [1.0, 1.0], 0.25, 2)
    >>> run.times.tolist(), run.weights[-1].tolist()
    ([0.0, 0.25, 0.5], [0.5625, 0.0])
    """
    problem = as_problem(problem)
    w0 = validate.weight_vector("w0", w0, problem.num_weights)
    return descended(
        problem,
        as_rule(rule, w0.size),
        w0,
        num_steps,
        end_time,
        rate=rate,
        step_size=step_size,
        record_every=record_every,
        batch=batch,
        seed=seed,
        losses=losses,
        gradient_tolerance=gradient_tolerance,
        sketch=sketch,
        record=record,
        events=events,
        checkpoint=checkpoint,
        callback=callback,
        progress=progress,
    )


def descended(
    problem: Problem,
    rule: UpdateRule,
    w: Any,
    num_steps: int | None,
    end_time: float | None,
    *,
    rate: Scale,
    step_size: float | None,
    record_every: int | ArrayLike,
    batch: int | None,
    seed: int | None,
    losses: str | None,
    gradient_tolerance: float | None,
    sketch: Sketch | None,
    record: Record | None,
    events: Mapping[str, Event] | None,
    checkpoint: str | Path | Checkpoint | None,
    callback: Any,
    progress: bool | Report,
    memory: Any = None,
    earlier: Trajectory | None = None,
) -> Trajectory:
    """Return the run from weights `w`: from step 0, or with this `memory` from an `earlier` run's end."""
    first_step = 0 if earlier is None else int(earlier.steps[-1])
    for name, scale in (("learning_rate", rule.learning_rate), ("rate", rate)):
        if not callable(scale):
            scaling.check_size(name, scale, w.size)
    losses = whole_losses(losses, batch)
    batches = None if batch is None else Batches(problem, batch, seed)
    share = batches.clock_share if batches else 1.0
    if batches is not None:
        batches.skip(first_step)
    clock = Clock(
        rule, rate, step_size, share, first_step, 0.0 if earlier is None else float(earlier.times[-1])
    )
    last_step = _last_step(num_steps, end_time, first_step, clock)
    check_schedule(rule, last_step, w.size)
    kept = _kept_steps(record_every, last_step)
    if gradient_tolerance is not None:
        if batch is not None:
            raise ValueError("`gradient_tolerance` must be None with `batch`, got both")
        validate.positive("gradient_tolerance", gradient_tolerance)
    watch, sketch = Watch(events), checked_sketch(sketch, w.size)
    if callback is not None:
        check_hook("callback", callback)
    checkpoint = checked_checkpoint(checkpoint)
    settings = storage.json_values(
        {
            "kind": "descent",
            "problem": repr(problem),
            "rule": type(rule).__name__,
            **_described(rule),
            "num_steps": last_step,
            "rate": rate,
            "step_size": clock.step_size,
            "record_every": record_every,
            "batch": batch,
            "seed": seed,
            "losses": losses,
            "gradient_tolerance": gradient_tolerance,
            "sketch": None if sketch is None else sketch.settings,
        }
    )
    start = Iterate(first_step, w, rule.init(w) if earlier is None else memory)
    num_rows = _num_rows(kept, first_step, last_step)
    recorder = (BatchRecorder if losses == ROWS else DescentRecorder)(
        problem,
        record,
        sketch,
        watch.events,
        num_rows=num_rows,
        start=start,
        last_step=last_step,
        clock=clock,
    )
    if gradient_tolerance is None and callback is None and not watch.may_end:
        recorder.announce(num_rows)
    if batches is not None and losses == ROWS:
        batches.look_at_rows(num_rows, last_step - first_step)
    counted = CountedProblem(problem)
    if earlier is None:
        counted.check_start(w.copy())
    what = f"{settings['rule']}, steps" + (f", of batches of {batch}" if losses == ROWS else "")
    with Progress(progress, first_step, last_step, what) as bar:
        run = DescentRun(
            problem=counted,
            start=start,
            rule=rule,
            last_step=last_step,
            clock=clock,
            batches=batches,
            kept=kept,
            recorder=recorder,
            watch=watch,
            callback=callback,
            gradient_tolerance=gradient_tolerance,
            settings=settings,
            origin=Origin(rule),
            writer=Writer(checkpoint),
            bar=bar,
            earlier=earlier,
        )
        return run_to_its_end(
            run.steps, recorder, run.trajectory, run.writer, terminates=checkpoint is not None
        )


def _last_step(num_steps: Any, end_time: Any, first_step: int, clock: Clock) -> int:
    """Return the number of the last step: so many more, or the last one that does not pass the end time."""
    if (num_steps is None) == (end_time is None):
        raise ValueError(
            f"`num_steps` or `end_time` must be given, and only one of them, got {num_steps!r:.60} and "
            f"{end_time!r:.60}"
        )
    if num_steps is not None:
        last = first_step + validate.count("num_steps", num_steps)
    else:
        if np.ndim(end_time):
            raise ValueError(f"`end_time` must be one time, got {end_time!r:.60}: every descent starts at 0")
        last = clock.last_step(validate.positive("end_time", end_time))
        if last <= first_step:
            raise ValueError(
                f"`end_time` must be at least one step away, at {clock.time(first_step + 1):g}, "
                f"got {end_time!r:.60}"
            )
    return last


def _kept_steps(record_every: Any, num_steps: int) -> range | frozenset[int]:
    if np.ndim(record_every) == 0:
        return range(0, num_steps + 1, validate.count("record_every", record_every))
    steps = np.asarray(record_every)
    if steps.ndim != 1 or steps.dtype.kind not in "iu" or (steps < 0).any() or (steps > num_steps).any():
        raise ValueError(f"`record_every` must be steps from 0 to {num_steps}, got {record_every!r:.60}")
    return frozenset([0, *steps.tolist()])


def _described(rule: UpdateRule) -> dict[str, Any]:
    """Return the parameters of a rule, for people to read."""
    named: dict[str, Any] = {}
    if is_dataclass(rule):
        named = {each.name: getattr(rule, each.name) for each in fields(rule)}
    return {"learning_rate": rule.learning_rate, **named}


def _num_rows(kept: range | frozenset[int], first_step: int, last_step: int) -> int:
    if isinstance(kept, range):
        ahead = len(kept) - -(-first_step // kept.step)
    else:
        ahead = sum(step >= first_step for step in kept)
    return ahead + (last_step not in kept)
