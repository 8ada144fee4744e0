"""``gradflow stability``: what each learning rate does to one problem, and why."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial

from threadpoolctl import threadpool_limits

from gradflow.cli import folders, stability_figure, stability_report, streams, update_rules
from gradflow.cli.arguments import Refused
from gradflow.cli.drawing import saved
from gradflow.cli.grounds import Ground, grounds_of, passes, rates_of
from gradflow.cli.heartbeat import beating
from gradflow.cli.own_file import blamed
from gradflow.cli.plan import MOST_STEPS
from gradflow.cli.problem_names import own_file_of
from gradflow.cli.sentences import warnings_as_sentences
from gradflow.cli.subjects import subject_of
from gradflow.cli.verdicts import Verdicts, judge

WHO = "gradflow stability"
# In units of the limit, where there is one.
AUTO = (0.3, 0.6, 0.95, 1.05, 1.5, 2.0, 3.0)
WITHOUT_LIMIT = (0.01, 0.1, 1.0, 10.0, 100.0)
FAILED, INTERRUPTED = 1, 130


def command(options: argparse.Namespace) -> int:
    """Judge every learning rate, write the figure, report, and return the exit status."""
    with threadpool_limits(1, user_api="blas"), warnings_as_sentences(WHO), beating(WHO) as beat:
        with blamed(own_file_of(options)):
            verdicts = settle(options)
            _until_interrupted(verdicts, lambda: judge(verdicts, beat))
        beat.prefix = ""
        beat.stage("drawing and writing")
        _until_interrupted(verdicts, lambda: _write(verdicts))
    told = stability_report.as_json if options.json else stability_report.as_text
    streams.say(told(verdicts))
    if verdicts.trouble:
        streams.complain(WHO, verdicts.trouble)
    if verdicts.interrupted:
        return INTERRUPTED
    return FAILED if verdicts.trouble or verdicts.is_partial else 0


def settle(options: argparse.Namespace) -> Verdicts:
    """Return what will be judged, with nothing found yet.

    Raises
    ------
    Refused
        If the problem, the rule or the learning rates do not fit, or the output folder cannot be written.
    """
    make = update_rules.rule_of(options)
    if options.steps > MOST_STEPS:
        raise Refused(f"`steps` must be at most {MOST_STEPS:,}, got {options.steps:.6g}")
    subject = subject_of(options)
    problem = passes(subject, options.precision)
    grounds = grounds_of(options, subject, make)
    rates = _rates(options, grounds[0])
    output, replaces = folders.run_folder("gradflow-stability", options.output, subject.name)
    return Verdicts(
        subject=subject,
        problem=problem,
        rule=update_rules.said(options),
        make=make,
        grounds=grounds,
        learning_rates=rates,
        steps=options.steps,
        precision=options.precision,
        output=output,
        replaces=replaces,
    )


def _rates(options: argparse.Namespace, ground: Ground) -> tuple[float, ...]:
    if options.learning_rates is not None:
        return rates_of(options.learning_rates, ground)
    if ground.limit is None:
        return WITHOUT_LIMIT
    return tuple(float(f"{share * ground.limit:.3g}") for share in AUTO)


def _until_interrupted(verdicts: Verdicts, stage: Callable[[], None]) -> None:
    try:
        stage()
    except KeyboardInterrupt:
        verdicts.interrupted = True


def _write(verdicts: Verdicts) -> None:
    """Write the figure and the numbers; an error on the way becomes `verdicts.trouble`.

    What is no whole run, and a figure without it, has "partial" in its name.
    """
    folder, name = verdicts.output, verdicts.subject.name
    try:
        if verdicts.replaces:
            folders.clear_earlier(folder)
        if verdicts.partial is not None:
            rate, run = verdicts.partial
            run.save(path := folder / f"{name}-descent-{rate:g}-partial.npz")
            verdicts.trajectories.append(path)
        if any(verdict.regimes for verdict in verdicts.found):
            picture = folder / f"{name}-stability{'-partial' * verdicts.is_partial}"
            draw = partial(stability_figure.figure_of, verdicts)
            verdicts.figures, verdicts.trouble = saved(draw, picture)
        folders.write_record(folder, stability_report.as_json(verdicts))
    except OSError as error:
        verdicts.trouble = f"not everything could be written: {error}"
