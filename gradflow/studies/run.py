"""The flow and the descents of a study, on one clock and to one time."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gradflow import validate
from gradflow.analysis.stability.critical import varied
from gradflow.analysis.stability.limits import largest_stable_learning_rate, stable_product
from gradflow.curvature import sharpness
from gradflow.errors import Undefined
from gradflow.flows import GradientFlow
from gradflow.problems.completed import as_problem
from gradflow.problems.problem import Problem
from gradflow.rules import GradientDescent, Preconditioned, UpdateRule
from gradflow.scaling import Scale
from gradflow.simulate.batches import Batches
from gradflow.simulate.clock import Clock
from gradflow.simulate.descend import descend
from gradflow.simulate.integrate import integrate
from gradflow.simulate.keywords import explains_keywords
from gradflow.simulate.precision import passes_of
from gradflow.simulate.progress import Report
from gradflow.simulate.recording import Record
from gradflow.studies.result import Study
from gradflow.trajectory import Outcome, Sketch, Trajectory
from gradflow.trajectory.storage import json_values
from gradflow.types import Array

# Of the stability limit: well below, near, and above it.
SHARES = (0.25, 0.9, 1.1, 2.0)
# Steps at the stability limit that a study takes unless it is told when to end.
NUM_STEPS = 200
# Numbers kept of each run, so that memory and files stay at a few MB.
NUMBERS_KEPT = 120_000
FEWEST_ROWS, MOST_ROWS = 24, 300
# Beyond so many weights rows are kept as sketches of 500 numbers.
MOST_WEIGHTS = 5000
# What an argument is called elsewhere, and here.
FOR_STUDY = {
    "lr": "learning_rates=",
    "learning_rate": "learning_rates=",
    "etas": "learning_rates=",
    "num_steps": "end_time=, which all runs share",
    "momentum": "rule=gf.rules.HeavyBall(1.0, momentum)",
}


@explains_keywords(FOR_STUDY)
def study(
    problem: Problem,
    w0: ArrayLike,
    learning_rates: Sequence[float] | ArrayLike | None = None,
    end_time: float | None = None,
    *,
    rate: Scale = 1.0,
    rule: UpdateRule | None = None,
    method: str | Callable[..., Any] = "auto",
    rtol: float = 1e-6,
    record: Record | None = None,
    batch: int | None = None,
    seed: int | None = None,
    precision: str = "double",
    progress: bool | Report = False,
) -> Study:
    """Follow the flow and take descents at several learning rates beside it, on one clock, to one time.

    Rows are kept where runs part: dense at the start, then even, at most 300 a run, the flow's at the same
    flow times; of more than 5,000 weights rows are sketches. The loss of every step is kept.

    Parameters
    ----------
    problem : Problem
    w0 : array_like, shape (n,)
        Starting weights.
    learning_rates : sequence of float, optional
        By default 0.25, 0.9, 1.1 and 2 times the stability limit at `w0`.
    end_time : float, optional
        Flow time at which all runs end; the last step of a descent is the last one that does not pass it.
        By default 200 steps at the stability limit.
    rate : float, ndarray (n,) or ndarray (n, n)
        mu of the flow.
    rule : UpdateRule, optional
        Its learning rate is varied and its own value ignored; plain descent by default.
    method, rtol
        Of the flow, see `integrate`.
    record : dict of str to callable, optional
        Evaluated at every row of every run.
    batch, seed : int, optional
        Samples per step of the descents and the order in which they come, see `descend`.
    precision : {"double", "single"}
        Of the passes of all runs, see `integrate`.
    progress : bool or callable
        Show a progress bar for each run; or ``progress(what, share, loss)``, called at every step.

    Returns
    -------
    Study
        With whatever was finished when it was interrupted.

    Raises
    ------
    ValueError
        If an argument is out of its range, a learning rate needs more time than there is, or there is no
        stability limit to choose learning rates or a time by.

    See Also
    --------
    integrate, descend, compare : The parts.

    Examples
    --------
    On E = w^2 / 2 a learning rate above 2 grows, and half the learning rate halves the distance:

    >>> from gradflow.problems import Quadratic
    >>> result = study(Quadratic(1.0), [1.0], [0.05, 0.1, 2.5], 50.0)
    >>> round(result.order), result.descents[2.5].verdict, result.limit
    (1, 'DIVERGING', 2.0)
    """
    problem = as_problem(problem)
    start = validate.weight_vector("w0", w0, problem.num_weights)
    make: Callable[[float], UpdateRule] = GradientDescent if rule is None else varied(rule)
    steepness = _sharpness(problem, start)
    limit = _limit(problem, start, make(1.0), steepness)
    rates = _rates(learning_rates, limit)
    passes = passes_of(problem, precision, rtol)
    share = 1.0 if batch is None else Batches(problem, batch, seed).clock_share
    clocks = {each: Clock(make(each), rate, None, share) for each in rates}
    end = _end(end_time, limit, make, rate)
    steps = {each: _steps(each, clock, end) for each, clock in clocks.items()}
    sketch = Sketch(start.size) if start.size > MOST_WEIGHTS else None
    kept = {
        each: kept_steps(count, start.size if sketch is None else sketch.size)
        for each, count in steps.items()
    }
    times = _times([np.array([clocks[each].time(int(step)) for step in kept[each]]) for each in rates], end)
    runs: dict[float, Trajectory] = {}
    seconds: dict[float, float] = {}
    found = {0.0: steepness}

    def finished(key: float, make_run: Callable[[], Trajectory]) -> bool:
        began = time.perf_counter()
        run = make_run()
        seconds[key] = time.perf_counter() - began
        runs[key] = run
        return run.outcome is not Outcome.INTERRUPTED

    options: dict[str, Any] = {"record": record, "sketch": sketch}
    try:
        goes_on = finished(
            0.0,
            lambda: integrate(
                GradientFlow(problem, rate),
                start,
                end,
                method=method,
                rtol=rtol,
                precision=precision,
                times=times,
                progress=_told(progress, "flow"),
                **options,
            ),
        )
        for each in rates:
            if not goes_on:
                break
            goes_on = finished(
                each,
                lambda each=each: descend(  # type: ignore[misc]
                    passes,
                    start,
                    make(each),
                    steps[each],
                    rate=rate,
                    record_every=kept[each],
                    batch=batch,
                    seed=seed,
                    progress=_told(progress, f"descent at learning rate {each:g}"),
                    **options,
                ),
            )
            lost = runs[each].diverged
            found[each] = np.nan if lost else _sharpness(problem, runs[each].final_weights)
    except KeyboardInterrupt:  # between two runs
        if 0.0 not in runs:
            raise
    found |= {each: np.nan for each in runs if each not in found}
    settings: dict[str, Any] = {
        "problem": repr(problem),
        "rule": type(make(1.0)).__name__,
        "learning_rates": rates,
    }
    settings |= {"end_time": end, "rate": rate, "rtol": rtol}
    settings |= {"batch": batch, "seed": seed, "precision": precision}
    flow = runs.pop(0.0)
    return Study(flow, runs, found, limit, seconds, json_values(settings))


def kept_steps(last: int, width: int) -> NDArray[np.int64]:
    """Return the steps whose rows of `width` numbers a descent keeps: dense at the start, then even."""
    half = min(max(NUMBERS_KEPT // width, FEWEST_ROWS), MOST_ROWS) // 2
    spread = np.concatenate([np.geomspace(1, last, half), np.linspace(0, last, half)])
    return np.unique(np.rint(spread).astype(np.int64))


def _sharpness(problem: Problem, w: Array) -> float:
    try:
        return sharpness(problem, w, tol=1e-4)
    except (Undefined, RuntimeError):
        return np.nan


def _limit(problem: Problem, w: Array, rule: UpdateRule, steepness: float) -> float:
    try:
        if isinstance(rule, Preconditioned):
            return largest_stable_learning_rate(problem, w, rule)
        return stable_product(rule) / steepness if steepness > 0 else np.nan
    except (Undefined, ValueError, RuntimeError):
        return np.nan


def _told(progress: bool | Report, what: str) -> bool | Report:
    """Return the same for one of the runs, which is reported by its name in the study."""
    if not callable(progress):
        return progress
    return lambda _, share, loss: progress(what, share, loss)


def _rates(learning_rates: Any, limit: float) -> list[float]:
    if learning_rates is None:
        if not np.isfinite(limit):
            raise ValueError(
                "`learning_rates` must be given where there is no stability limit to choose them by, got None"
            )
        return [float(f"{share * limit:.3g}") for share in SHARES]
    rates = validate.array("learning_rates", np.atleast_1d(learning_rates), 1)
    if not (rates > 0).all():
        raise ValueError(f"`learning_rates` must be positive, got a least value {rates.min():g}")
    return sorted(set(rates.tolist()))


def _end(end_time: Any, limit: float, make: Callable[[float], UpdateRule], rate: Scale) -> float:
    if end_time is not None:
        return validate.positive("end_time", end_time)
    if not np.isfinite(limit):
        raise ValueError(
            "`end_time` must be given where there is no stability limit to choose it by, got None"
        )
    return NUM_STEPS * Clock(make(limit), rate, None, 1.0).time(1)


def _steps(learning_rate: float, clock: Clock, end: float) -> int:
    count = clock.last_step(end)
    if count < 1:
        raise ValueError(
            f"`learning_rates` must leave room for a step before the end time {end:g}, "
            f"got {learning_rate:g}, whose step lasts {clock.time(1):g}"
        )
    return count


def _times(rows: list[Array], end: float) -> Array:
    """Return the flow times at which some descent keeps a row, each once, and the end."""
    times = np.unique(np.append(np.concatenate(rows), end))
    times = times[times <= end * (1 + 4 * np.finfo(float).eps)]
    apart = np.diff(times, prepend=-np.inf) > 2 * np.finfo(float).eps * times[-1]
    return np.minimum(times[apart], end)
