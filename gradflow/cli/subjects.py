"""What a command is about: a named problem, one of the user's own, or a file of data."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradflow import cases
from gradflow.cli.arguments import Refused
from gradflow.cli.problem_names import is_own_file, problem_name
from gradflow.problems.problem import Problem, Start
from gradflow.types import Array


@dataclass(frozen=True, eq=False)
class Subject:
    """A problem, where it is started, and what suits it.

    Attributes
    ----------
    name : str
        Of files and folders.
    description : str
        One line.
    problem : Problem
    start : callable
        Starting weights from a seed.
    shares : tuple of float
        Learning rates over the stability limit.
    learning_rates : tuple of float
        Plain descent's in place of shares.
    end_time : float, optional
        At which the runs end.
    """

    name: str
    description: str
    problem: Problem
    start: Callable[[int], Array]
    shares: tuple[float, ...] = (0.25, 0.9, 1.1, 2.0)
    learning_rates: tuple[float, ...] = ()
    end_time: float | None = None


def subject_of(options: argparse.Namespace) -> Subject:
    """Return what the options are about.

    Raises
    ------
    Refused
        If there is no such problem or file, or it does not take the options of a network.
    """
    name = problem_name(options)
    try:
        if name is None:
            from gradflow.cli.own_data import subject_of_data

            return subject_of_data(options, network_options(options))
        if is_own_file(name):
            from gradflow.cli.own_file import subject_of_file

            _check_left_out(options, name)
            return subject_of_file(name)
        return _named(name, options)
    except ValueError as error:
        raise Refused(error) from None


def network_options(options: argparse.Namespace) -> dict[str, str]:
    """Return what was said of a network, by the names that it has in Python."""
    given = {"activation": options.activation, "loss": options.loss}
    return {name: value.replace("-", "_") for name, value in given.items() if value is not None}


def start_of(problem: Any) -> Callable[[int], Array]:
    """Return the starting weights of a problem by seed: its own, or standard normal ones."""

    def start(seed: int) -> Array:
        if isinstance(problem, Start):
            return np.asarray(problem.initial_weights(seed), dtype=np.float64)
        return np.random.default_rng(seed).standard_normal(problem.num_weights)

    return start


def _named(name: str, options: argparse.Namespace) -> Subject:
    problem = cases.problem_of(name, widths=options.widths, **network_options(options))
    setup = cases.CASES[name]
    return Subject(
        name,
        setup.description + _changes(options),
        problem,
        lambda seed: setup.start(problem, seed),
        setup.shares or Subject.shares,
        setup.learning_rates,
        setup.end_time,
    )


def _changes(options: argparse.Namespace) -> str:
    """Return what the options have changed of a description that names activation and loss."""
    given = network_options(options)
    words = [f"{name} {value.replace('_', '-')}" for name, value in given.items()]
    return f" (here with {' and '.join(words)})" if words else ""


def _check_left_out(options: argparse.Namespace, name: str) -> None:
    for option in ("widths", "activation", "loss"):
        if vars(options)[option] is not None:
            raise Refused(f"`{option}` must be left out for {name}, which makes the problem itself")
