"""Going on where a run ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from gradflow.events.event import Event
from gradflow.flows.flow import Flow
from gradflow.problems.completed import as_problem
from gradflow.problems.problem import Problem
from gradflow.rules import LearningRate, UpdateRule, as_rule
from gradflow.simulate.batches import EVERY
from gradflow.simulate.checkpoint import Checkpoint
from gradflow.simulate.descend import descended
from gradflow.simulate.integrate import checked_flow, integrated, span
from gradflow.simulate.keywords import FOR_DESCENT, FOR_FLOW, explains_keywords
from gradflow.simulate.progress import Report
from gradflow.simulate.recording import Record
from gradflow.trajectory import Outcome, Sketch, Trajectory


@explains_keywords(FOR_FLOW | FOR_DESCENT)
def resume(
    run: Trajectory | str | Path,
    problem_or_flow: Problem | Flow,
    *,
    num_steps: int | None = None,
    end_time: float | None = None,
    rule: LearningRate | UpdateRule | None = None,
    method: str | Callable[..., Any] | None = None,
    times: int | ArrayLike | None = None,
    max_evaluations: int | None = None,
    record: Record | None = None,
    events: Mapping[str, Event] | None = None,
    checkpoint: str | Path | Checkpoint | None = None,
    callback: Any = None,
    progress: bool | Report = False,
) -> Trajectory:
    """Go on where a run ended, and return both as one trajectory.

    A descent goes on with its rule and the rule's memory, its step number, clock, schedule and order of
    batches: 100 steps and 100 more are those of 200, bit for bit. A flow goes on from its state, with an
    integrator that starts anew. What the earlier run was asked about rates, rows, batches, tolerances and
    sketches still holds; functions it cannot have kept, records, events and callback, are given again.

    Parameters
    ----------
    run : Trajectory, str or Path
        The run, or the file that `Trajectory.save` or a checkpoint wrote.
    problem_or_flow : Problem or Flow
        What was descended; of a flow either may be given.
    num_steps : int, optional
        Of a descent: so many steps more.
    end_time : float, optional
        The flow time at which all of it ends; of a descent the last step is the last one that does not
        pass it.
    rule : optional
        Of a descent from a file that could not keep it: the same rule again, such as one with a schedule.
    method : optional
        Of a flow whose integrator was no name: the same one again, or another.
    times, max_evaluations
        Of a flow, as in `integrate`, for what is added.
    record, events, checkpoint, callback, progress
        As in `descend` and `integrate`.

    Returns
    -------
    Trajectory
        Rows, losses, crossings and counts of both. A record is nan in the rows of the part without it.

    Raises
    ------
    ValueError
        If the run diverged, an argument does not belong to its kind, or the file cannot give back what
        made it.

    Examples
    --------
    >>> from gradflow.problems import Quadratic
    >>> from gradflow.rules import HeavyBall
    >>> from gradflow.simulate import descend
    >>> bowl, rule = Quadratic([1.0, 4.0]), HeavyBall(0.1, momentum=0.5)
    >>> whole = descend(bowl, [1.0, 1.0], rule, 8)
    >>> pieces = resume(descend(bowl, [1.0, 1.0], rule, 5), bowl, num_steps=3)
    >>> bool((pieces.weights == whole.weights).all())
    True
    """
    earlier = run if isinstance(run, Trajectory) else _loaded(run)
    if earlier.outcome is Outcome.DIVERGED:
        raise ValueError(f"`run` must be one that can go on, got one that ended: {earlier.message}")
    added = {
        "record": record,
        "events": events,
        "checkpoint": checkpoint,
        "callback": callback,
        "progress": progress,
    }
    if earlier.is_continuous:
        _refuse("a flow", num_steps=num_steps, rule=rule)
        return _flow(earlier, problem_or_flow, end_time, method, times, max_evaluations, added)
    _refuse("a descent", method=method, times=times, max_evaluations=max_evaluations)
    return _descent(earlier, as_problem(problem_or_flow), num_steps, end_time, rule, added)


def _descent(
    earlier: Trajectory, problem: Problem, num_steps: Any, end_time: Any, rule: Any, added: dict[str, Any]
) -> Trajectory:
    settings = earlier.settings
    w = _weights(earlier, problem)
    own = earlier.rule if rule is None else as_rule(rule, w.size)
    return descended(
        problem,
        own,
        w,
        num_steps,
        end_time,
        rate=_scale(settings["rate"]),
        step_size=settings["step_size"],
        record_every=settings["record_every"],
        batch=settings["batch"],
        seed=settings["seed"],
        # Files from before there was a choice.
        losses=settings.get("losses", EVERY),
        gradient_tolerance=settings["gradient_tolerance"],
        sketch=_sketch(settings),
        memory=_memory(earlier, own),
        earlier=earlier,
        **added,
    )


def _flow(
    earlier: Trajectory,
    given: Any,
    end_time: Any,
    method: Any,
    times: Any,
    max_evaluations: Any,
    added: dict[str, Any],
) -> Trajectory:
    flow = given if isinstance(given, Flow) else earlier.flow_on(as_problem(given))
    start, end = span(float(earlier.times[-1]), end_time)
    settings = earlier.settings
    _weights(earlier, checked_flow(flow).problem)
    if method is None and settings["method"].startswith("<"):
        raise ValueError(f"`method` must be given again, got a run by {settings['method']}, which is no name")
    return integrated(
        flow,
        np.array(earlier.final_state),
        start,
        end,
        method=settings["method"] if method is None else method,
        tolerances={"rtol": settings["rtol"], "atol": settings["atol"]},
        precision=settings.get("precision", "double"),
        times=times,
        gradient_tolerance=settings["gradient_tolerance"],
        max_evaluations=max_evaluations,
        sketch=_sketch(settings),
        earlier=earlier,
        **added,
    )


def _refuse(kind: str, **options: Any) -> None:
    for name, value in options.items():
        if value is not None:
            raise ValueError(f"`{name}` must be left out for {kind}, got {value!r:.60}")


def _loaded(path: Any) -> Trajectory:
    if not isinstance(path, str | Path):
        raise ValueError(f"`run` must be a trajectory or the path of one, got {path!r:.60}")
    return Trajectory.load(path)


def _weights(earlier: Trajectory, problem: Problem) -> Any:
    w = np.array(earlier.final_weights)
    if problem.num_weights is not None and problem.num_weights != w.size:
        raise ValueError(
            f"`problem_or_flow` must have the {w.size} weights of the run, got {problem.num_weights}"
        )
    return w


def _memory(earlier: Trajectory, rule: UpdateRule) -> Any:
    """Return the rule's memory at the end of the run."""
    memory = rule.init(earlier.final_weights)
    kept = earlier.final_state[earlier.final_weights.size :]
    if memory is None and not kept.size:
        return None
    if not isinstance(memory, np.ndarray) or memory.size != kept.size:
        raise ValueError(
            f"`rule` must be the one of the run, whose memory has {kept.size} numbers, got {rule!r:.60}"
        )
    return np.array(kept).reshape(memory.shape)


def _scale(rate: Any) -> Any:
    return np.array(rate) if isinstance(rate, list) else rate


def _sketch(settings: Mapping[str, Any]) -> Sketch | None:
    return None if settings["sketch"] is None else Sketch(**settings["sketch"])
