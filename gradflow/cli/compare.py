"""``gradflow compare``: the flow, the descents beside it, and how far they leave it."""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from gradflow.analysis.convergence.comparison import compare
from gradflow.cli import output, report, streams
from gradflow.cli.arguments import Refused
from gradflow.cli.plan import Plan, settle
from gradflow.cli.results import Finished, Results
from gradflow.curvature import sharpness
from gradflow.errors import Undefined
from gradflow.flows import GradientFlow
from gradflow.simulate import descend, integrate
from gradflow.trajectory import Outcome, Trajectory

FAILED, INTERRUPTED = 1, 130


def command(options: argparse.Namespace) -> int:
    """Run, write and report a comparison, and return the exit status."""
    results = Results(settle(options))
    shown = sys.stderr.isatty() and not options.json
    # Small nets spend their time waiting when BLAS shares a product among threads.
    with threadpool_limits(1, user_api="blas"), _warnings_as_sentences():
        for stage in (
            partial(_run, results, shown),
            partial(_measure, results),
            partial(output.write, results),
        ):
            _until_interrupted(results, stage)
    streams.say(report.as_json(results) if options.json else report.as_text(results))
    if results.trouble:
        streams.complain("gradflow compare", results.trouble)
    return INTERRUPTED if results.interrupted else FAILED if results.trouble else 0


def _until_interrupted(results: Results, stage: Callable[[], None]) -> None:
    try:
        stage()
    except KeyboardInterrupt:
        results.interrupted = True


def _run(results: Results, shown: bool) -> None:
    plan = results.plan
    try:
        results.flow = flow = _timed(partial(_flow, plan, shown))
    except ImportError as missing:
        raise Refused(missing) from None
    results.interrupted = flow.run.outcome is Outcome.INTERRUPTED
    for learning_rate in plan.learning_rates:
        if results.interrupted:
            return
        finished = _timed(partial(_descent, plan, learning_rate, shown))
        finished.learning_rate = learning_rate
        finished.comparison = compare(finished.run, flow.run)
        results.descents.append(finished)
        results.interrupted = finished.run.outcome is Outcome.INTERRUPTED


def _timed(run: Callable[[], Trajectory]) -> Finished:
    began = time.perf_counter()
    return Finished(run(), time.perf_counter() - began)


def _flow(plan: Plan, shown: bool) -> Trajectory:
    times = plan.times()
    return integrate(
        GradientFlow(plan.case.problem, plan.rate),
        plan.case.w0,
        max(plan.end_time, times[-1]),
        method=plan.method,
        times=times,
        sketch=plan.sketch,
        progress=shown,
    )


def _descent(plan: Plan, learning_rate: float, shown: bool) -> Trajectory:
    return descend(
        plan.case.problem,
        plan.case.w0,
        learning_rate,
        plan.num_steps(learning_rate),
        rate=plan.rate,
        record_every=plan.kept_steps(learning_rate),
        sketch=plan.sketch,
        progress=shown,
    )


def _measure(results: Results) -> None:
    """Note the sharpness at the start and where each run ended."""
    problem = results.plan.case.problem
    results.sharpness = _sharpness(problem, results.plan.case.w0)
    for finished in [results.flow, *results.descents]:
        if finished is not None and not finished.diverged:
            finished.sharpness = _sharpness(problem, finished.run.final_weights)


def _sharpness(problem: Any, w: NDArray[np.float64]) -> float | None:
    try:
        return sharpness(problem, w, tol=1e-4)
    except (Undefined, RuntimeError):
        return None


@contextmanager
def _warnings_as_sentences() -> Iterator[None]:
    def say(message: Warning | str, *_: Any, **__: Any) -> None:
        streams.complain("gradflow compare", message)

    with warnings.catch_warnings():
        warnings.showwarning = say
        yield
