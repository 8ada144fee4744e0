"""``gradflow compare``: the flow, the descents beside it, and how far they leave it."""

from __future__ import annotations

import argparse
import math
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from threadpoolctl import threadpool_limits

from gradflow.cli import output, report, streams
from gradflow.cli.arguments import Refused
from gradflow.cli.plan import settle
from gradflow.cli.results import Finished, Results
from gradflow.curvature import sharpness
from gradflow.errors import Undefined
from gradflow.studies import study
from gradflow.trajectory import Trajectory

FAILED, INTERRUPTED = 1, 130


def command(options: argparse.Namespace) -> int:
    """Run, write and report a comparison, and return the exit status."""
    shown = sys.stderr.isatty() and not options.json
    # Small nets spend their time waiting when BLAS shares a product among threads.
    with threadpool_limits(1, user_api="blas"), _warnings_as_sentences():
        results = Results(settle(options))
        for stage in (
            partial(_run, results, shown),
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
        found = study(
            plan.case.problem,
            plan.case.w0,
            plan.learning_rates,
            plan.end_time,
            rate=plan.rate,
            method=plan.method,
            progress=shown,
        )
    except ImportError as missing:
        raise Refused(missing) from None
    results.sharpness = _known(found.sharpness[0.0])
    results.interrupted = found.is_interrupted
    results.flow = Finished(found.flow, found.seconds[0.0])
    results.flow.sharpness = _sharpness(plan.case.problem, found.flow)
    for rate, run in found.descents.items():
        results.descents.append(
            Finished(
                run, found.seconds[rate], rate, found.comparisons[rate], _known(found.sharpness.get(rate))
            )
        )


def _known(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else value


def _sharpness(problem: Any, run: Trajectory) -> float | None:
    try:
        return None if run.diverged else sharpness(problem, run.final_weights, tol=1e-4)
    except (Undefined, RuntimeError):
        return None


@contextmanager
def _warnings_as_sentences() -> Iterator[None]:
    def say(message: Warning | str, *_: Any, **__: Any) -> None:
        streams.complain("gradflow compare", message)

    with warnings.catch_warnings():
        warnings.showwarning = say
        yield
