"""The door of continuous-time runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from gradflow import validate
from gradflow.events.event import Event
from gradflow.flows.flow import Flow
from gradflow.problems.completed import Descendable
from gradflow.problems.problem import Kinked
from gradflow.simulate.checkpoint import Checkpoint, Writer, checked_checkpoint
from gradflow.simulate.counting import LastPoint
from gradflow.simulate.creeping import warn_of_kinks
from gradflow.simulate.ending import run_to_its_end
from gradflow.simulate.flow_run import FlowRun
from gradflow.simulate.hooks import check_hook
from gradflow.simulate.integrators import SMALLEST_RTOL, resolve
from gradflow.simulate.keywords import FOR_FLOW, explains_keywords
from gradflow.simulate.precision import bearing, carried, passes_of, spacing_of
from gradflow.simulate.progress import Progress, Report
from gradflow.simulate.recorder import Point, Recorder, checked_sketch
from gradflow.simulate.recording import Record
from gradflow.simulate.watch import Watch
from gradflow.trajectory import Origin, Sketch, Trajectory, storage
from gradflow.types import Array

# What `Flow` asks for, in the order in which a sentence names it.
MEMBERS = ("problem", "symmetric", "on", "initial_state", "weights")


@explains_keywords(FOR_FLOW)
def integrate(
    flow: Flow,
    w0: ArrayLike,
    end_time: float,
    *,
    start_time: float = 0.0,
    method: str | Callable[..., Any] = "auto",
    rtol: float = 1e-6,
    atol: float | None = None,
    precision: str = "double",
    times: int | ArrayLike | None = None,
    events: Mapping[str, Event] | None = None,
    record: Record | None = None,
    checkpoint: str | Path | Checkpoint | None = None,
    gradient_tolerance: float | None = None,
    max_evaluations: int | None = None,
    sketch: Sketch | None = None,
    callback: Any = None,
    progress: bool | Report = False,
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
        makes a stepper when called as ``method(fun, t0, y0, t_bound, **options)``. "auto" begins with RK45
        and goes over to an implicit method where stability holds that back for long: LSODA up to 50
        weights, "krylov-bdf" beyond, with which it begins from an `rtol` of 1e-3 and 201 weights on.
        From an `rtol` of 5e-3 on it is "rock2"; where the gradient is known to jump, as that of relu does,
        "rock2" all the way, or RK45 up to 100 weights at an `rtol` below 1e-3.
    rtol, atol : float
        Tolerances on the local error of the state. `atol` follows the start by default: 1e-3 rtol times the
        root mean square of `w0` (of 1 where that is 0), so that a flow from small weights is followed as
        closely as one from large ones. Where gradients are known to be coarser than float64's (`Precise`)
        neither is finer than they carry, 1e-6 for float32; a warning says so where `rtol` was.
    precision : {"double", "single"}
        In what precision the run evaluates gradients and products; state and error control are in double
        either way. "single" is for problems with ``in_single()``, such as `FeedForward`, an `rtol` of at
        least 1e-6 and all methods but BDF, LSODA and Radau; for what it changes see the notes.
    times : int or array_like, optional
        Rows to keep besides the first and the last: every accepted step by default, an array of
        flow times, or that many equally spaced ones. They do not change the steps and cost no gradient:
        weights and losses between two steps are interpolated to about the accuracy of the steps.
    events : dict of str to Event, optional
        Located inside the step that contains them.
    record : dict of str to callable, optional
        ``function(t, w)``, or an object with ``at_place(place)`` as in `gradflow.records`, evaluated at every
        kept row, or as often as `every` says. Where it has no value nan stands, with one warning.
    checkpoint : str, Path or Checkpoint, optional
        A file that holds what was reached, written every minute (or as `Checkpoint` says) and at the end;
        SIGTERM then ends the run as Ctrl-C does. `resume` goes on from it.
    gradient_tolerance : float, optional
        Stop once ``|dE/dw|`` is at most this.
    max_evaluations : int, optional
        Stop when this many gradients were spent, those of differences included. Without it a run that slides
        along a kink of the loss, where it would take 100,000 gradients more, ends FAILED.
    sketch : Sketch, optional
        Keep sketches of the weights instead of the weights.
    callback : callable, optional
        ``callback(t, w)``, or an object with ``at_place(place)``, after every step; True stops the run.
    progress : bool or callable
        Show a progress bar over flow time; or ``progress(what, share, loss)``, called at every step.

    Returns
    -------
    Trajectory
        Also when the run diverged, failed, was interrupted or ran out of budget.

    Notes
    -----
    With "krylov-bdf" and LSODA, which "auto" takes, no gradient is spent on the losses of the rows. The
    formula of the step gives dw/dt and with it the gradient g at its end w, and
    E(w) = E(w') + (g(w') + g)'(w - w') / 2 from the last evaluation inside the step, at w', to third order
    in w - w': 1e-5 of the loss at rtol 1e-3, 1e-9 at 1e-5, 1e-11 at 1e-6 on networks. Velocities of these
    rows are the formula's, good to a few rtol in the norm. The first and the last row are always evaluated,
    and all of them with a matrix rate, a `gradient_tolerance`, where something with ``at_place(place)`` asks,
    or once a trial step has left the domain.

    Passes in single precision leave the error of the weights what `rtol` makes it and take 0.5 to 0.8 of the
    seconds from about 1,000 weights on (``benchmarks/single_passes.py``). They are not the default, because

    - losses on the way carry about 7 digits: where they hardly change they may rise by rounding, as
      checks of dissipation and of monotony see. The last row's loss is in double precision;
    - near a minimum, where steps are long, rounding may rule the error before the tolerance does and
      shortens them: at an `rtol` of 1e-6 such a flow may take two to five times the gradients;
    - a `gradient_tolerance` below the rounding of the gradient is never met.

    Gradients and products that records, events and callbacks ask for at a `Place` are those of the problem
    itself in double precision, not shared with the steps and not counted. A `resume` goes on in the same
    precision.

    Raises
    ------
    ValueError
        If an argument is out of its range, or the integrator refuses an option.
    Exception
        Whatever a record, event or callback raises that is a bug; what was reached is its attribute
        `trajectory`.

    Warns
    -----
    CostWarning
        If an explicit method is about to spend more than 50,000 gradients, or the rows take more than half
        of the memory that is free: those at `times` before the run, others once they have come so far.
    ToleranceWarning
        If "auto" follows a flow through kinks to a tighter `rtol` than kinks allow, and if the run stood
        still within its tolerance and left again: what moved it may be the tolerance.
    RecordWarning
        If a record has no value somewhere.

    See Also
    --------
    descend : Discrete steps on the same clock.
    resume : Goes on where a run ended.
    gradflow.study : A flow with several descents beside it.

    Examples
    --------
    >>> from gradflow.flows.gradient import GradientFlow
    >>> from gradflow.problems.landscapes.quadratic import Quadratic
    >>> run = integrate(GradientFlow(Quadratic([1.0, 4.0])), [1.0, 1.0], 1.0, rtol=1e-9)
    >>> bool(np.abs(run.final_weights - np.exp([-1.0, -4.0])).max() < 1e-8)
    True
    """
    flow = checked_flow(flow)
    w0 = validate.weight_vector("w0", w0, flow.problem.num_weights)
    start, end = span(start_time, end_time)
    return integrated(
        flow,
        np.asarray(flow.initial_state(w0), dtype=np.float64),
        start,
        end,
        method=method,
        tolerances=_tolerances(rtol, atol, w0),
        scale=_scale(w0) if atol is None else 0.0,
        precision=precision,
        times=times,
        events=events,
        record=record,
        checkpoint=checkpoint,
        gradient_tolerance=gradient_tolerance,
        max_evaluations=max_evaluations,
        sketch=sketch,
        callback=callback,
        progress=progress,
    )


def integrated(
    flow: Flow,
    state: Array,
    start: float,
    end: float,
    *,
    method: str | Callable[..., Any],
    tolerances: dict[str, float],
    scale: float = 0.0,
    precision: str,
    times: int | ArrayLike | None,
    events: Mapping[str, Event] | None,
    record: Record | None,
    checkpoint: str | Path | Checkpoint | None,
    gradient_tolerance: float | None,
    max_evaluations: int | None,
    sketch: Sketch | None,
    callback: Any,
    progress: bool | Report,
    earlier: Trajectory | None = None,
) -> Trajectory:
    """Return the run from a state at a time, going on from an `earlier` run if there is one."""
    wanted = _wanted(times, start, end)
    budget = None if max_evaluations is None else validate.count("max_evaluations", max_evaluations)
    if gradient_tolerance is not None:
        validate.positive("gradient_tolerance", gradient_tolerance)
    watch = Watch(events)
    if callback is not None:
        check_hook("callback", callback)
    checkpoint = checked_checkpoint(checkpoint)
    passes = passes_of(flow.problem, precision, tolerances["rtol"])
    counted, weights = LastPoint(passes, budget), flow.weights(state)
    spacing = spacing_of(passes, precision, counted, weights, budget)
    tolerances = carried(tolerances, spacing, scale)
    kinked = isinstance(flow.problem, Kinked) and flow.problem.has_kinks
    if kinked and isinstance(method, str) and method.lower() == "auto":
        warn_of_kinks(flow.problem, tolerances["rtol"])
    integrator = resolve(method, state.size, flow.symmetric, tolerances["rtol"], kinked)
    integrator = bearing(integrator, method, precision, passes, spacing, tolerances["rtol"])
    recorder = Recorder(
        flow.problem,
        record,
        checked_sketch(sketch, weights.size),
        watch.events,
        num_rows=max(16, wanted.size),
    )
    recorder.announce(wanted.size, state, weights)
    if earlier is None:
        counted.check_start(weights.copy())
    settings = storage.json_values(
        {
            "kind": "flow",
            "flow": type(flow).__name__,
            "problem": repr(flow.problem),
            **_fields(flow),
            "start_time": start,
            "end_time": end,
            "method": method if isinstance(method, str) else repr(method),
            **tolerances,
            "precision": precision,
            "times": None if times is None else len(wanted),
            "gradient_tolerance": gradient_tolerance,
            "max_evaluations": budget,
            "sketch": None if sketch is None else sketch.settings,
        }
    )
    with Progress(progress, start, end, f"{integrator.name}, flow time") as bar:
        run = FlowRun(
            flow=_bound(flow, counted),
            counted=counted,
            point=Point(start, 0 if earlier is None else int(earlier.steps[-1]), state, weights, np.nan),
            end_time=end,
            integrator=integrator,
            tolerances=tolerances,
            wanted=wanted,
            keeps_steps=times is None,
            recorder=recorder,
            watch=watch,
            callback=callback,
            gradient_tolerance=gradient_tolerance,
            settings=settings,
            origin=Origin(flow),
            writer=Writer(checkpoint),
            bar=bar,
            spacing=spacing,
            earlier=earlier,
        )
        return run_to_its_end(
            run.steps,
            recorder,
            run.trajectory,
            run.writer,
            terminates=checkpoint is not None,
            pending=run.keep_pending,
        )


def checked_flow(flow: Any) -> Flow:
    """Return `flow` if it is one.

    Raises
    ------
    ValueError
        If it is not; the sentence names what is missing or what to do instead.
    """
    if isinstance(flow, type) or not isinstance(flow, Flow):
        if isinstance(flow, Descendable) and not isinstance(flow, type):
            raise ValueError(f"`flow` must be a flow, got a problem: give gf.GradientFlow({flow!r:.60})")
        missing = [name for name in MEMBERS if name not in dir(flow)]
        lacks = f" without {', '.join(missing)}" if len(missing) < len(MEMBERS) else ""
        raise ValueError(f"`flow` must be a flow such as gf.GradientFlow(problem), got {flow!r:.60}{lacks}")
    return flow


def _bound(flow: Flow, problem: LastPoint) -> Flow:
    """Return the flow evaluating `problem`, which counts."""
    bound = flow.on(problem)
    if bound is flow or bound.problem is not problem:
        raise ValueError(
            "`flow` must return from on(problem) the same flow evaluating that problem, as in "
            f"dataclasses.replace(self, problem=problem), got {bound!r:.60}"
        )
    return bound


def _fields(flow: Flow) -> dict[str, Any]:
    """Return the parameters of a flow that is a dataclass, for people to read."""
    if not is_dataclass(flow):
        return {}
    return {each.name: getattr(flow, each.name) for each in fields(flow) if each.name != "problem"}


def _tolerances(rtol: float, atol: float | None, w0: Array) -> dict[str, float]:
    rtol = validate.positive("rtol", rtol)
    if rtol < SMALLEST_RTOL:
        raise ValueError(f"`rtol` must be at least {SMALLEST_RTOL:g}, the rounding of floats, got {rtol:g}")
    if atol is not None:
        return {"rtol": rtol, "atol": validate.positive("atol", atol)}
    return {"rtol": rtol, "atol": max(1e-3 * rtol * _scale(w0), np.finfo(float).tiny)}


def _scale(w0: Array) -> float:
    """Return the root mean square of the weights at the start, 1 where that is 0."""
    return float(np.linalg.norm(w0)) / w0.size**0.5 or 1.0


def span(start_time: float, end_time: float) -> tuple[float, float]:
    """Return both as floats, the end behind the start."""
    if np.ndim(end_time):
        raise ValueError(
            f"`end_time` must be one time, got {end_time!r:.60}: a run from another than 0 has start_time="
        )
    start = float(validate.array("start_time", start_time, 0))
    end = float(validate.array("end_time", end_time, 0))
    if end <= start:
        raise ValueError(f"`end_time` must be later than the start time {start:g}, got {end_time!r:.60}")
    return start, end


def _wanted(times: int | ArrayLike | None, start: float, end: float) -> Array:
    if times is None:
        return np.empty(0)
    if np.ndim(times) == 0:
        if not isinstance(times, Integral) or isinstance(times, bool):
            raise ValueError(
                f"`times` must be an array of flow times, or how many, at least 2, got {times!r:.60}"
            )
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
