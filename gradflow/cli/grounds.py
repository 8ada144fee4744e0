"""Where runs begin: the weights of each seed, how sharp the loss is there, and what the rule bears."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gradflow.analysis.stability import largest_stable_learning_rate
from gradflow.cli.arguments import Refused
from gradflow.cli.learning_rates import LearningRates
from gradflow.cli.subjects import Subject
from gradflow.curvature import sharpness
from gradflow.errors import Undefined
from gradflow.problems.problem import Problem
from gradflow.simulate.precision import passes_of
from gradflow.types import Array

if TYPE_CHECKING:
    from gradflow.cli.update_rules import Make

RTOL = 1e-6


@dataclass(frozen=True, eq=False)
class Ground:
    """A subject at the start of one seed: how sharp the loss is there, and what the rule bears."""

    seed: int
    w0: Array
    sharpness: float | None
    limit: float | None


def grounds_of(options: argparse.Namespace, subject: Subject, make: Make) -> tuple[Ground, ...]:
    """Return where each of the seeds starts."""
    try:
        return tuple(_ground(subject, seed, make) for seed in options.seeds or (options.seed or 0,))
    except ValueError as error:
        raise Refused(error) from None


def rates_of(asked: LearningRates, ground: Ground) -> tuple[float, ...]:
    """Return the learning rates that were asked for, as numbers."""
    rates = asked.times(ground.limit, ground.sharpness)
    if rates is None:
        raise Refused(
            "`learning-rates` must be numbers here, where there is no stability limit to take shares of "
            f"(sharpness {known(ground.sharpness)} at the start), such as 0.01,0.1"
        )
    return rates


def known(value: float | None) -> str:
    """Return a number in four digits."""
    return "unknown" if value is None else f"{value:.4g}"


def passes(subject: Subject, precision: str) -> Problem:
    """Return the problem with passes of this precision; raise `Refused` where it has none."""
    try:
        return passes_of(subject.problem, precision, RTOL)
    except ValueError:
        raise Refused(
            f"`precision` must be double for {subject.name}: only networks have passes in single precision"
        ) from None


def _ground(subject: Subject, seed: int, make: Make) -> Ground:
    w0 = subject.start(seed)
    try:
        steepness = sharpness(subject.problem, w0, tol=1e-4)
    except (Undefined, RuntimeError):
        return Ground(seed, w0, None, None)
    try:
        limit = largest_stable_learning_rate(subject.problem, w0, make(1.0))
    except (Undefined, ValueError, RuntimeError):
        limit = None
    return Ground(seed, w0, steepness, limit)
