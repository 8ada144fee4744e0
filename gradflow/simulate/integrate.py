"""The guarded driver of continuous-time runs."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from gradflow import validate
from gradflow.events import Event
from gradflow.flows.flow import Flow
from gradflow.simulate.counting import LastPoint
from gradflow.simulate.flow_run import Callback, Integration
from gradflow.simulate.integrators import resolve
from gradflow.simulate.progress import Progress
from gradflow.simulate.recorder import Point, Record, Recorder, checked_sketch
from gradflow.simulate.watch import Watch
from gradflow.trajectory import Trajectory, storage
from gradflow.trajectory.sketch import Sketch
from gradflow.types import Array

# scipy's solvers work with 100 times the spacing of floats instead of anything smaller.
SMALLEST_RTOL = 2.3e-14


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
        "auto", RK23, RK45, DOP853, Radau, BDF, LSODA (the last three with the exact Jacobian, for few
        weights), "krylov-bdf", "rock2", "cvode" (matrix-free, see `gradflow.solvers`), or anything that
        makes a stepper when called as ``method(fun, t0, y0, t_bound, **options)``.
    rtol, atol : float
        Tolerances on the local error of the state; `atol` is 1e-3 rtol by default.
    times : int or array_like, optional
        Rows to keep besides the first and the last: every accepted step by default, an array of
        flow times, or that many equally spaced ones. They do not change the steps; `Trajectory.at`
        interpolates between rows, and is as coarse as they are.
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
    >>> from gradflow.problems.landscapes.quadratic import Quadratic
    >>> run = integrate(GradientFlow(Quadratic([1.0, 4.0])), [1.0, 1.0], 1.0, rtol=1e-9)
    >>> bool(np.abs(run.final_weights - np.exp([-1.0, -4.0])).max() < 1e-8)
    True
    """
    if not isinstance(flow, Flow):
        raise ValueError(f"`flow` must be a flow such as GradientFlow(problem), got {flow!r:.60}")
    start, end = _span(start_time, end_time)
    tolerances = _tolerances(rtol, atol)
    wanted = _wanted(times, start, end)
    budget = None if max_evaluations is None else validate.count("max_evaluations", max_evaluations)
    if gradient_tolerance is not None:
        validate.positive("gradient_tolerance", gradient_tolerance)
    w0 = validate.weight_vector("w0", w0, flow.problem.num_weights)
    state = np.asarray(flow.initial_state(w0), dtype=np.float64)
    counted, watch = LastPoint(flow.problem, budget), Watch(events)
    if callback is not None:
        validate.function("callback", callback)
    run = Integration(
        flow=_on_problem(flow, counted),
        counted=counted,
        point=Point(start, 0, state, flow.weights(state), np.nan),
        end_time=end,
        method=resolve(method, state.size, flow.symmetric, tolerances["rtol"]),
        tolerances=tolerances,
        wanted=wanted,
        keeps_steps=times is None,
        recorder=Recorder(record, checked_sketch(sketch, w0.size), watch.events, flow.problem),
        watch=watch,
        callback=callback,
        gradient_tolerance=gradient_tolerance,
        settings=storage.json_values(
            {
                "kind": "flow",
                "flow": type(flow).__name__,
                "problem": repr(flow.problem),
                "rate": getattr(flow, "rate", None),
                "start_time": start,
                "end_time": end,
                "method": method if isinstance(method, str) else repr(method),
                **tolerances,
                "times": None if times is None else len(wanted),
                "gradient_tolerance": gradient_tolerance,
                "max_evaluations": budget,
                "sketch": sketch and sketch.settings,
            }
        ),
    )
    with Progress(progress, start, end, f"{run.method.name}, flow time") as bar:
        return run.go(bar)


def _tolerances(rtol: float, atol: float | None) -> dict[str, float]:
    rtol = validate.positive("rtol", rtol)
    if rtol < SMALLEST_RTOL:
        raise ValueError(f"`rtol` must be at least {SMALLEST_RTOL:g}, the rounding of floats, got {rtol:g}")
    return {"rtol": rtol, "atol": 1e-3 * rtol if atol is None else validate.positive("atol", atol)}


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
    # Multiples of a step may miss the ends by rounding, as they do in `Trajectory.at`.
    slack = 4 * np.finfo(float).eps * max(abs(start), abs(end))
    inside = np.clip(wanted, start, end)
    if (np.diff(inside) <= 0).any() or np.abs(wanted - inside).max() > slack:
        raise ValueError(
            f"`times` must increase from at least {start:g} to at most {end:g}, got {times!r:.60}"
        )
    return inside


def _on_problem(flow: Flow, problem: LastPoint) -> Flow:
    """Return the same flow on another problem."""
    clone = copy.copy(flow)
    object.__setattr__(clone, "problem", problem)
    return clone
