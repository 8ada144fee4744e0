"""What a comparison will do, settled and checked before anything runs."""

from __future__ import annotations

import argparse
import math
import tempfile
from dataclasses import dataclass
from pathlib import Path

from gradflow import cases
from gradflow.cli.arguments import Refused, problem_name
from gradflow.simulate.integrators import INTEGRATORS

# The loss of every step is kept.
MOST_STEPS = 100_000_000


@dataclass(frozen=True)
class Plan:
    """A case, and every choice that was made for it."""

    name: str
    case: cases.Case
    seed: int
    learning_rates: tuple[float, ...]
    end_time: float
    rate: float
    method: str
    output: Path

    def num_steps(self, learning_rate: float) -> int:
        """Return how many whole steps fit into the time, at most one more than `MOST_STEPS`."""
        steps = self.end_time * self.rate / learning_rate * (1 + 1e-12)
        return math.floor(min(steps, MOST_STEPS + 1))


def settle(options: argparse.Namespace) -> Plan:
    """Return the plan for the options of the command line.

    Raises
    ------
    Refused
        If the problem, its widths, the method or a learning rate do not fit, or the output folder
        cannot be written.
    """
    name, case = case_of(options)
    names = ("auto", *INTEGRATORS)
    if options.method.lower() not in map(str.lower, names):
        raise Refused(f"`method` must be one of {', '.join(names)}, got {options.method!r}")
    plan = Plan(
        name=name,
        case=case,
        seed=options.seed,
        learning_rates=options.learning_rates or case.learning_rates,
        end_time=options.end_time or case.end_time,
        rate=options.rate,
        method=options.method,
        output=Path(options.output),
    )
    longest = max(plan.learning_rates)
    if plan.num_steps(longest) < 1:
        raise Refused(
            f"`learning-rates` must be at most end time times rate, {plan.end_time * plan.rate:g}, "
            f"so that there is a step, got {longest:g}"
        )
    shortest = min(plan.learning_rates)
    if plan.num_steps(shortest) > MOST_STEPS:
        raise Refused(
            f"`learning-rates` must need at most {MOST_STEPS:,} steps to the end time, "
            f"got {plan.end_time * plan.rate / shortest:.6g} at {shortest:g}"
        )
    check_folder(options.output)
    return plan


def case_of(options: argparse.Namespace) -> tuple[str, cases.Case]:
    """Return the name of the problem and its case."""
    name = problem_name(options)
    try:
        return name, cases.make(name, seed=options.seed, widths=options.widths)
    except ValueError as error:
        raise Refused(error) from None


def check_folder(name: str) -> Path:
    """Return the folder, made where it is missing; raise `Refused` unless files can be written into it."""
    folder = Path(name)
    try:
        if not name:
            raise OSError("no name")
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        reason = error.strerror or error
        raise Refused(f"`output` must be a folder that can be written, got {name!r}: {reason}") from None
    return folder
