"""``gradflow compare``: the flow, the descents beside it, and how far they leave it."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from threadpoolctl import threadpool_limits

from gradflow.cli import numbers, output, report, streams
from gradflow.cli.arguments import Refused
from gradflow.cli.heartbeat import Heartbeat, beating, on_terminal
from gradflow.cli.own_file import blamed
from gradflow.cli.plan import Ground, Plan, settle
from gradflow.cli.problem_names import own_file_of
from gradflow.cli.results import Finished, Part, Results
from gradflow.cli.sentences import warnings_as_sentences
from gradflow.curvature import sharpness
from gradflow.errors import Undefined
from gradflow.studies import Study, study
from gradflow.trajectory import Trajectory

WHO = "gradflow compare"
FAILED, INTERRUPTED = 1, 130


def command(options: argparse.Namespace) -> int:
    """Run, write and report a comparison, and return the exit status."""
    # Small nets spend their time waiting when BLAS shares a product among threads.
    with threadpool_limits(1, user_api="blas"), warnings_as_sentences(WHO), beating(WHO) as beat:
        with blamed(own_file_of(options)):
            results = Results(settle(options))
            _until_interrupted(results, lambda: _run(results, beat))
        # Drawing takes as long as the runs: the table does not wait for it.
        unsaid = None if options.json else _unsaid(report.head(results))
        beat.prefix = ""
        beat.stage("drawing and writing")
        _until_interrupted(results, lambda: output.write(results))
    if unsaid is not None:
        raise unsaid
    streams.say(numbers.as_json(results) if options.json else report.ending(results))
    return _status(results)


def _unsaid(text: str) -> OSError | None:
    """Say something, or return why not: files are written although nobody listens."""
    try:
        streams.say(text)
    except OSError as error:
        return error
    return None


def _status(results: Results) -> int:
    """Say what is amiss, and return the exit status."""
    if results.trouble:
        streams.complain(WHO, results.trouble)
    if results.interrupted:
        return INTERRUPTED
    return FAILED if results.trouble or results.is_partial else 0


def _until_interrupted(results: Results, stage: Callable[[], None]) -> None:
    try:
        stage()
    except KeyboardInterrupt:
        results.interrupted = True


def _run(results: Results, beat: Heartbeat) -> None:
    plan = results.plan
    for ground in plan.grounds:
        beat.prefix = f"seed {ground.seed}, " if len(plan.grounds) > 1 else ""
        found = _studied(plan, ground, beat)
        results.parts.append(_part(plan, ground, found))
        results.interrupted = found.is_interrupted
        if any(run.is_partial for run in results.parts[-1].runs):
            break


def _studied(plan: Plan, ground: Ground, beat: Heartbeat) -> Study:
    try:
        return study(
            plan.subject.problem,
            ground.w0,
            plan.learning_rates,
            plan.end_time,
            rate=plan.rate,
            rule=plan.make(1.0),
            method=plan.method,
            batch=plan.batch,
            seed=None if plan.batch is None else ground.seed,
            precision=plan.precision,
            progress=True if on_terminal() else beat.reach,
        )
    except (ImportError, ValueError) as refused:
        with suppress(OSError):  # Empty, unless it was the user's.
            plan.output.rmdir()
        raise Refused(refused) from None


def _part(plan: Plan, ground: Ground, found: Study) -> Part:
    flow = Finished(found.flow, found.seconds[0.0], sharpness=_sharpness(plan.subject.problem, found.flow))
    descents = [
        Finished(run, found.seconds[rate], rate, found.comparisons[rate], _known(found.sharpness.get(rate)))
        for rate, run in found.descents.items()
    ]
    return Part(ground, found, flow, descents)


def _known(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else value


def _sharpness(problem: Any, run: Trajectory) -> float | None:
    try:
        return None if run.diverged else sharpness(problem, run.final_weights, tol=1e-4)
    except (Undefined, RuntimeError):
        return None
