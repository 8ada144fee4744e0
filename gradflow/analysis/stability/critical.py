"""The critical learning rate of a whole run, by bisection."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from gradflow import validate
from gradflow.analysis.stability.limits import largest_stable_learning_rate
from gradflow.analysis.stability.orbit import Stretch, settles
from gradflow.problems.problem import Problem
from gradflow.rules import GradientDescent, UpdateRule
from gradflow.simulate.iteration import Iterate
from gradflow.types import Array

_MOST_HALVINGS, _MOST_QUARTERS = 30, 60
# The search for a bracket goes down by halves and up by quarters: a window of convergence is easily jumped.
_DOWN, _UP = 0.5, 1.25


def critical_learning_rate(
    problem: Problem,
    w0: ArrayLike,
    *,
    question: str = "converges",
    rule: UpdateRule | None = None,
    num_steps: int = 2000,
    tol: float = 1e-6,
) -> float:
    """Return the learning rate at which the answer to a question about the run from `w0` changes.

    "converges": the steps die away, judged by their growth over the second half of the run.
    "monotone": the loss never rises, rounding apart. The bracket is verified: the answer was yes just
    below what is returned, and no at most tol above it. Where it changes several times, as between
    periodic windows, one of the changes is found, the lowest if none lies within a quarter of it.

    Parameters
    ----------
    problem : Problem
    w0 : array_like, shape (n,)
    question : {"converges", "monotone"}
    rule : UpdateRule, optional
        Its learning rate is varied and its own value ignored; plain descent by default.
    num_steps : int
        Length of each run. A mode that shrinks or grows less than about 1 / num_steps a step is not
        told from one that stays.
    tol : float
        Relative width of the last bracket.

    Raises
    ------
    ValueError
        If an argument is malformed, or the answer is the same at all learning rates tried.

    Examples
    --------
    >>> from gradflow.problems import Quadratic
    >>> round(critical_learning_rate(Quadratic(4.0), [1.0]), 5)
    0.5
    """
    w0 = validate.weight_vector("w0", w0, problem.num_weights)
    if question not in _ANSWERS:
        raise ValueError(f"`question` must be 'converges' or 'monotone', got {question!r:.60}")
    count = validate.count("num_steps", num_steps, least=32)
    width = validate.positive("tol", tol)
    with_rate = varied(rule)

    def yes(learning_rate: float) -> bool:
        taken = with_rate(learning_rate)
        run = Stretch(problem, taken, Iterate(0, w0, taken.init(w0)))
        run.advance(count + 1)
        return run.is_complete and _ANSWERS[question](run)

    low, high = _bracket(yes, _guess(problem, w0, rule), question)
    while high - low > width * low:
        middle = 0.5 * (low + high)
        low, high = (middle, high) if yes(middle) else (low, middle)
    return low


def _converges(run: Stretch) -> bool:
    return settles(run.lengths[(len(run.lengths) + 1) // 2 :], float(np.abs(run.last.weights).max()))


def _is_monotone(run: Stretch) -> bool:
    rounding = 4 * np.finfo(float).eps * np.abs(run.losses).max()
    return bool((np.diff(run.losses) <= rounding).all())


_ANSWERS: dict[str, Callable[[Stretch], bool]] = {"converges": _converges, "monotone": _is_monotone}


def varied(rule: UpdateRule | None) -> Callable[[float], UpdateRule]:
    """Return the rule as a function of its learning rate."""
    if rule is None:
        return GradientDescent
    given: Any = rule
    if not is_dataclass(rule) or "learning_rate" not in [each.name for each in fields(rule)]:
        raise ValueError(f"`rule` must be a rule whose learning rate can be replaced, got {rule!r:.60}")
    return lambda learning_rate: replace(given, learning_rate=learning_rate)


def _guess(problem: Problem, w0: Array, rule: UpdateRule | None) -> float:
    """Return where to begin: the local limit where there is one, else 1."""
    try:
        return largest_stable_learning_rate(problem, w0, None if rule is None else varied(rule)(1.0))
    except ValueError:
        return 1.0


def _bracket(yes: Callable[[float], bool], guess: float, question: str) -> tuple[float, float]:
    """Return a learning rate with the answer yes and a larger one with the answer no."""
    low = guess * _DOWN
    for _ in range(_MOST_HALVINGS):
        if yes(low):
            break
        low *= _DOWN
    else:
        raise ValueError(
            f"`w0` must be where a small learning rate {_SAID[question]}, got none down to {low:g}"
        )
    high = low * _UP
    for _ in range(_MOST_QUARTERS):
        if not yes(high):
            return low, high
        low, high = high, high * _UP
    raise ValueError(
        f"`w0` must be where a large learning rate does not: up to {low:g} each {_SAID[question]}"
    )


_SAID = {"converges": "converges", "monotone": "lowers the loss at every step"}
