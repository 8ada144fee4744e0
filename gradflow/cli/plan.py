"""What a comparison will do, settled and checked before anything runs."""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from gradflow.analysis.stability.limits import stable_product
from gradflow.cli import update_rules
from gradflow.cli.arguments import Refused
from gradflow.cli.folders import run_folder
from gradflow.cli.grounds import Ground, grounds_of, known, passes, rates_of
from gradflow.cli.subjects import Subject, subject_of
from gradflow.problems.problem import Sampled
from gradflow.rules import Clocked, UpdateRule

if TYPE_CHECKING:
    from gradflow.cli.update_rules import Make

# The loss of every step is kept.
MOST_STEPS = 100_000_000
# At the stability limit, where nothing else says when to end.
NUM_STEPS = 200


@dataclass(frozen=True, eq=False)
class Plan:
    """A subject, and every choice that was made for it."""

    subject: Subject
    grounds: tuple[Ground, ...]
    rule: str
    make: Make
    learning_rates: tuple[float, ...]
    end_time: float
    rate: float
    method: str
    batch: int | None
    precision: str
    output: Path
    replaces: bool

    @property
    def name(self) -> str:
        """The subject's."""
        return self.subject.name

    def step_time(self, learning_rate: float) -> float:
        """Return how long a step lasts in flow time."""
        return (
            learning_rate * _factor(self.make(learning_rate)) * _share(self.subject, self.batch) / self.rate
        )

    def num_steps(self, learning_rate: float) -> int:
        """Return how many whole steps fit into the time, at most one more than `MOST_STEPS`."""
        steps = self.end_time / self.step_time(learning_rate) * (1 + 1e-12)
        return math.floor(min(steps, MOST_STEPS + 1))


def settle(options: argparse.Namespace) -> Plan:
    """Return the plan for the options of the command line.

    Raises
    ------
    Refused
        If the problem, its widths, the method or a learning rate do not fit, or the output folder
        cannot be written.
    """
    make = update_rules.rule_of(options)
    if options.steps is not None and options.end_time is not None:
        raise Refused("give either --end-time or --steps, got both")
    subject = subject_of(options)
    _check_batch(subject, options.batch)
    passes(subject, options.precision)
    grounds = grounds_of(options, subject, make)
    rates = _rates(options, subject, grounds[0], make)
    plan = Plan(
        subject=subject,
        grounds=grounds,
        rule=update_rules.said(options),
        make=make,
        learning_rates=rates,
        end_time=math.inf,
        rate=options.rate,
        method=options.method,
        batch=options.batch,
        precision=options.precision,
        output=Path(),
        replaces=False,
    )
    plan = replace(plan, end_time=_end_time(options, plan))
    _check_steps(plan)
    output, replaces = run_folder("gradflow-compare", options.output, subject.name)
    return replace(plan, output=output, replaces=replaces)


def _rates(options: argparse.Namespace, subject: Subject, ground: Ground, make: Make) -> tuple[float, ...]:
    """Return the learning rates that were asked for, or those that suit the subject and the rule."""
    if options.learning_rates is not None:
        return rates_of(options.learning_rates, ground)
    if subject.learning_rates and options.rule in update_rules.OF_THE_FLOW:
        return tuple(float(f"{each / _factor(make(1.0)):.3g}") for each in subject.learning_rates)
    if ground.limit is None:
        raise Refused(
            "`learning-rates` must be given, such as 0.001:0.1:3log, where there is no limit to choose them "
            f"by: {_why_no_limit(options.rule, ground)}"
        )
    return tuple(float(f"{share * ground.limit:.3g}") for share in subject.shares)


def _why_no_limit(rule: str, ground: Ground) -> str:
    if rule not in update_rules.LIMITED:
        return f"{rule} has none"
    return f"the loss does not curve upwards at the start (sharpness {known(ground.sharpness)})"


def _factor(rule: UpdateRule) -> float:
    return rule.clock_factor if isinstance(rule, Clocked) else 1.0


def _end_time(options: argparse.Namespace, plan: Plan) -> float:
    if options.end_time is not None:
        return float(options.end_time)
    if options.steps is not None:
        longest, shortest = (plan.step_time(most(plan.learning_rates)) for most in (max, min))
        return max(options.steps * shortest, longest)
    if plan.subject.end_time is not None and options.rule in update_rules.OF_THE_FLOW:
        return plan.subject.end_time * _longer(plan)
    return NUM_STEPS * plan.step_time(plan.grounds[0].limit or max(plan.learning_rates))


def _longer(plan: Plan) -> float:
    """Return how many times as long as plain descent's a step at the limit is, so that there are as many."""
    rule = plan.make(1.0)
    return _factor(rule) * stable_product(rule) / 2.0


def _check_steps(plan: Plan) -> None:
    longest, shortest = max(plan.learning_rates), min(plan.learning_rates)
    if plan.num_steps(longest) < 1:
        most = longest * plan.end_time / plan.step_time(longest)
        raise Refused(
            f"`learning-rates` must be at most {most:g}, so that there is a step before the end time "
            f"{plan.end_time:g}, got {longest:g}"
        )
    if plan.num_steps(shortest) > MOST_STEPS:
        raise Refused(
            f"`learning-rates` must need at most {MOST_STEPS:,} steps to the end time, "
            f"got {plan.end_time / plan.step_time(shortest):.6g} at {shortest:g}"
        )


def _check_batch(subject: Subject, batch: int | None) -> None:
    if batch is None:
        return
    if not isinstance(subject.problem, Sampled):
        raise Refused(f"`batch` must be left out for {subject.name}, a problem without samples")
    if batch > subject.problem.num_samples:
        raise Refused(f"`batch` must be at most the {subject.problem.num_samples} samples, got {batch}")


def _share(subject: Subject, batch: int | None) -> float:
    """Return the share of a full step's flow time that a step of a batch lasts."""
    problem = subject.problem
    if batch is None or not isinstance(problem, Sampled) or problem.averaged:
        return 1.0
    return batch / problem.num_samples
