"""The attractor of descent as a function of the learning rate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gradflow import validate
from gradflow.analysis.stability.critical import varied
from gradflow.analysis.stability.orbit import Stretch, period_of
from gradflow.problems.problem import Problem
from gradflow.rules import UpdateRule
from gradflow.simulate.iteration import Iterate
from gradflow.types import Array

_NUDGE = 1e-6


@dataclass(frozen=True, eq=False)
class Bifurcations:
    """Where descent ends up at each learning rate.

    Attributes
    ----------
    learning_rates : ndarray, shape (m,)
    points : ndarray, shape (m, num_kept, n)
        Successive weights on the attractor; nan where the run diverged.
    losses : ndarray, shape (m, num_kept)
        Losses there.
    periods : ndarray of int, shape (m,)
        Steps after which the attractor repeats, 1 for a point; 0 if none was found, as in chaos, and
        where the run diverged.
    diverged : ndarray of bool, shape (m,)
    """

    learning_rates: Array
    points: Array
    losses: Array
    periods: NDArray[np.int64]
    diverged: NDArray[np.bool_]


def bifurcation_diagram(
    problem: Problem,
    learning_rates: ArrayLike,
    w0: ArrayLike,
    *,
    rule: UpdateRule | None = None,
    num_transient: int = 1000,
    num_kept: int = 128,
    max_period: int = 32,
) -> Bifurcations:
    """Return the attractor of descent at each learning rate, followed from one to the next.

    The first run starts at `w0`, every other one where the last ended (at `w0` again after one that
    diverged), so that the same branch is followed where there are several; moved by a millionth of
    `w0`'s length and the weights, since a run at rest would stay where nothing is stable any more.

    Parameters
    ----------
    problem : Problem
    learning_rates : array_like, shape (m,)
        In the order in which they are followed.
    w0 : array_like, shape (n,)
    rule : UpdateRule, optional
        Its learning rate is varied and its own value ignored; plain descent by default.
    num_transient, num_kept : int
        Steps taken before, and kept, at each learning rate.
    max_period : int
        Longest period looked for, at most half of `num_kept`.

    Raises
    ------
    ValueError
        If an argument is malformed.

    Examples
    --------
    >>> from gradflow.problems import DoubleWell
    >>> bifurcation_diagram(DoubleWell(), [0.9, 1.2, 1.26, 2.5], [0.9]).periods
    array([1, 2, 4, 0])
    """
    start = validate.weight_vector("w0", w0, problem.num_weights)
    rates = validate.array("learning_rates", learning_rates, 1)
    skipped = validate.count("num_transient", num_transient, least=0)
    kept = validate.count("num_kept", num_kept, least=2)
    longest = validate.count("max_period", max_period)
    points, losses = np.full((rates.size, kept, start.size), np.nan), np.full((rates.size, kept), np.nan)
    periods = np.zeros(rates.size, dtype=np.int64)
    w = start
    for i, rate in enumerate(rates.tolist()):
        taken = varied(rule)(validate.positive("learning_rates", rate))
        run = Stretch(problem, taken, Iterate(0, w, taken.init(w)), tail=kept)
        run.advance(skipped + kept)
        w = start
        if run.is_complete:
            points[i], losses[i] = run.tail, run.losses[skipped:]
            periods[i] = period_of(points[i], run.largest, longest)
            last = run.last.weights
            w = last + _NUDGE * (last + np.linalg.norm(start))
    return Bifurcations(rates, points, losses, periods, np.isnan(losses[:, 0]))
