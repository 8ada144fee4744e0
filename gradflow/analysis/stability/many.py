"""The verdicts of many runs at once: those of `regime`, from arrays with one row a run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gradflow import validate
from gradflow.analysis.stability import regimes
from gradflow.analysis.stability.lane_curvature import exact_curvatures, largest_curvatures, largest_exponents
from gradflow.analysis.stability.limits import stable_product
from gradflow.analysis.stability.orbit import ARRIVED, NUM_WINDOWS
from gradflow.analysis.stability.regimes import NUM_CONTINUED, regime
from gradflow.problems.batched import Batched
from gradflow.problems.completed import as_problem, batched_form
from gradflow.problems.problem import Problem
from gradflow.rules import GradientDescent, LinearLimit, LinearStep, Preconditioned, UpdateRule
from gradflow.simulate.descend import descend
from gradflow.simulate.lanes import descend_many
from gradflow.simulate.lanes.many_runs import uninterrupted
from gradflow.simulate.lanes.request import paired, rates, starts
from gradflow.trajectory import Outcome
from gradflow.types import Array

Make = Callable[[float], UpdateRule]
Flags = NDArray[np.bool_]
# Rows of weights of a block of runs take so many bytes.
_BLOCK_BYTES = 32_000_000
_MAX_PERIOD, _TOL = 32, 1e-4


@dataclass(frozen=True, eq=False)
class ManyRegimes:
    """What learning rates do to runs, one row a run.

    Attributes
    ----------
    names : ndarray of str, shape (K,)
        As in `Regime`; FAILED where a run could not go on.
    final_losses : ndarray, shape (K,)
        At the end of the run, before its continuation.
    """

    names: NDArray[np.str_]
    final_losses: Array

    def share(self, name: str) -> float:
        """Return the share of the runs that have a regime."""
        return float((self.names == name).mean())


def regimes_of_many(
    problem: Problem,
    W0: ArrayLike,
    learning_rates: ArrayLike,
    num_steps: int,
    *,
    rule: Make | None = None,
    threads: int | None = None,
) -> ManyRegimes:
    """Return what `regime` says of each of many runs, which are made and continued in lanes.

    Curvatures are differences of gradients here, good to about 1e-9, so that a run just at a threshold of a
    verdict may be given the other one. Runs of rules whose steps are not linear are judged one by one.

    Parameters
    ----------
    problem : Problem
        One that is `Batched`, for speed.
    W0 : array_like, shape (K, n) or (n,)
        Starting weights, one row a run, or one start for all.
    learning_rates : array_like, shape (K,) or ()
        One for each run, or one for all.
    num_steps : int
        Of each run; it is continued as `regime` does.
    rule : callable, optional
        From a learning rate to the rule of a run; plain descent by default.
    threads : int, optional
        Threads that runs are divided among, one for each free core by default.

    Raises
    ------
    ValueError
        If an argument is malformed.

    See Also
    --------
    regime : One run, with the numbers that the verdict rests on.
    gradflow.descend_many : The runs alone.

    Examples
    --------
    >>> from gradflow.problems import Quadratic
    >>> regimes_of_many(Quadratic([1.0]), [1.0], [0.9, 1.1, 2.1], 50).names.tolist()
    ['MONOTONE', 'OVERSHOOTING', 'DIVERGED']
    """
    size = as_problem(problem).num_weights
    W, etas = paired(starts(W0, size), rates(learning_rates))
    count = validate.count("num_steps", num_steps)
    batched = batched_form(as_problem(problem))
    if batched is None or not _is_linear(rule):
        return _one_by_one(as_problem(problem), W, etas, count, rule)
    ask = partial(_judged, batched, num_steps=count, rule=rule, threads=threads)
    return _in_blocks(ask, W, etas, count, regimes.continuations())


def _is_linear(rule: Make | None) -> bool:
    one = GradientDescent(1.0) if rule is None else rule(1.0)
    return (
        isinstance(one, LinearLimit) and isinstance(one, LinearStep) and not isinstance(one, Preconditioned)
    )


def _one_by_one(problem: Problem, W: Array, etas: Array, num_steps: int, rule: Make | None) -> ManyRegimes:
    make: Make = GradientDescent if rule is None else rule
    runs = [descend(problem, w, make(eta), num_steps) for w, eta in zip(W, etas.tolist(), strict=True)]
    names = ["FAILED" if run.outcome is Outcome.FAILED else regime(run, problem).name for run in runs]
    return ManyRegimes(np.array(names), np.array([run.final_loss for run in runs]))


def _in_blocks(
    judge: Callable[..., ManyRegimes], W: Array, etas: Array, num_steps: int, lengths: list[int]
) -> ManyRegimes:
    """Return the verdicts, as many runs at a time as have room, continued for the first of the lengths."""
    names, losses = np.full(len(W), "EDGE_OF_STABILITY"), np.empty(len(W))
    block = max(1, _BLOCK_BYTES // (8 * W.shape[1] * (num_steps + lengths[0] + 1)))
    for first in range(0, len(W), block):
        part = slice(first, first + block)
        found = judge(W[part], etas[part], lengths=lengths)
        names[part], losses[part] = found.names, found.final_losses
    return ManyRegimes(names, losses)


def _judged(
    problem: Any,
    W: Array,
    etas: Array,
    *,
    lengths: list[int],
    num_steps: int,
    rule: Make | None,
    threads: int | None,
) -> ManyRegimes:
    whole, last = as_problem(problem), num_steps + lengths[0]
    runs = uninterrupted(
        descend_many(problem, W, etas, last, rule=rule, record_every=1, repeats=None, threads=threads)
    )
    assert runs.recorded is not None
    losses, weights = runs.recorded.losses, runs.recorded.weights
    complete = runs.outcomes == Outcome.FINISHED
    names = np.where(complete, "EDGE_OF_STABILITY", "DIVERGED")
    growing = complete & _grows(losses[:, num_steps:], losses[:, 0])
    if growing.any() and len(lengths) > 1:
        ask = partial(_judged, problem, num_steps=num_steps, rule=rule, threads=threads)
        names[growing] = _in_blocks(ask, W[growing], etas[growing], num_steps, lengths[1:]).names
    else:
        names[growing] = "DIVERGED"
    rest = np.flatnonzero(complete & ~growing)
    if rest.size:
        seen = _Seen(whole, problem, rule, num_steps, etas[rest], losses[rest], weights[rest])
        names[rest] = seen.names()
    ends = np.minimum(runs.num_steps, num_steps)
    return ManyRegimes(names, losses[np.arange(len(W)), ends])


def _grows(losses: Array, first: Array) -> Flags:
    with np.errstate(all="ignore"):
        highest = np.array([part.max(axis=1) for part in np.array_split(losses, 4, axis=1)])
        return (highest[-1] > first) & (highest[1:] > (1 + regimes.GROWTH) * highest[:-1]).all(axis=0)


@dataclass(eq=False)
class _Seen:
    """Runs that came to the end of their continuations, and whose losses do not grow any more."""

    whole: Problem
    problem: Batched
    rule: Make | None
    num_steps: int
    etas: Array
    losses: Array
    weights: Array

    def names(self) -> NDArray[np.str_]:
        """Return the verdicts, by the rules of `regime`."""
        first, final = self.weights[:, 0], self.weights[:, -1]
        first_x, final_x = self._effective(first, self.etas), self._effective(final, self.etas)
        continued = self.weights[:, self.num_steps :]
        lengths = np.linalg.norm(np.diff(continued, axis=1), axis=2)
        settled = settle(lengths, np.abs(final).max(axis=1))
        rises = np.diff(self.losses) > regimes.RISE * (
            np.abs(self.losses[:, :-1]) + regimes.RISE * np.abs(self.losses[:, :1])
        )
        rose, quiet = rises.any(axis=1), ~rises[:, self.num_steps :].any(axis=1)
        moved = np.abs(final_x - first_x) > regimes.MOVED * final_x
        arrived = settled & _within(final_x, regimes.EDGE) & moved & (final.shape[1] > 1)
        thrown = self.losses.max(axis=1) > regimes.CATAPULT_RISE * self.losses[:, 0]
        flatter = (final_x < regimes.EDGE[0]) & (final_x < first_x)
        periods = np.zeros(len(first), dtype=np.int64)
        tails = continued[~settled, -regimes.TAIL :]
        periods[~settled] = periods_of(tails, np.abs(continued[~settled]).max(axis=(1, 2)))
        return np.select(
            [
                self._stalled(final_x),
                thrown & flatter & (settled | quiet),
                rose & (arrived | self._hovers(settled)),
                ~settled & (periods > 1),
                self._chaotic(~settled & (periods == 0)),
                rose | (final_x > 1.0),
            ],
            ["STALLED", "CATAPULT", "EDGE_OF_STABILITY", "PERIODIC", "CHAOTIC", "OVERSHOOTING"],
            "MONOTONE",
        )

    def _effective(self, W: Array, etas: Array) -> Array:
        """Return the effective sharpness at rows of weights."""
        steepest = stable_product(GradientDescent(1.0) if self.rule is None else self.rule(1.0))
        return 2.0 * etas * largest_curvatures(self.whole, self.problem, W) / steepest

    def _hovers(self, settled: Flags) -> Flags:
        """Return which runs do not settle, go on falling, and stay at the edge on the average."""
        with np.errstate(all="ignore"):
            fifths = [part.mean(axis=1) for part in np.array_split(self.losses, 5, axis=1)]
            falling = ~settled & (fifths[-1] / fifths[2] < regimes.LONG_RUN_FALL)
        found = np.zeros(len(falling), dtype=bool)
        which = np.flatnonzero(falling)
        taken = self.losses.shape[1] - 1 - self.num_steps
        rows = [self.num_steps + row for row in regimes.sampled(taken)]
        values = [self._effective(self.weights[which, row], self.etas[which]) for row in rows]
        found[which] = _within(np.mean(values, axis=0), regimes.HOVER)
        return found

    def _stalled(self, final_x: Array) -> Flags:
        """Return which runs are on flat ground that is no minimum."""
        changed = np.ptp(self.losses[:, self.num_steps :], axis=1)
        still = (changed <= regimes.STALLED_CHANGE * np.abs(self.losses[:, 0])) & (
            final_x < regimes.STALLED_SHARPNESS
        )
        found, which = np.zeros(len(still), dtype=bool), np.flatnonzero(still)
        if which.size:
            W = self.weights[which, -1]
            gradients = self.problem.losses_and_gradients(W)[1]
            rows = zip(exact_curvatures(self.whole, W), gradients, W, strict=True)
            found[which] = [regimes.is_flat(*row) for row in rows]
        return found

    def _chaotic(self, candidates: Flags) -> Flags:
        """Return which of the candidates have a positive Lyapunov exponent."""
        found, which = np.zeros(len(candidates), dtype=bool), np.flatnonzero(candidates)
        if which.size:
            exponents = largest_exponents(
                self.whole, self.problem, self.weights[which, -1], self.etas[which], self.rule, NUM_CONTINUED
            )
            found[which] = exponents > regimes.CHAOS
        return found


def _within(values: Array, ends: tuple[float, float]) -> Flags:
    return (values >= ends[0]) & (values <= ends[1])


def settle(lengths: Array, largest: Array) -> Flags:
    """Return which rows of step lengths (K, m) die away for good, as `orbit.settles` says of one."""
    longest = np.array([part.max(axis=1) for part in np.array_split(lengths, NUM_WINDOWS, axis=1)])
    with np.errstate(all="ignore"):
        fall = -np.diff(np.log(longest), axis=0)
    half = len(fall) // 2
    slows = ~(fall[-half:].sum(axis=0) >= 0.5 * fall[:half].sum(axis=0))
    goes_on = (np.diff(longest, axis=0) < 0).all(axis=0) & ~slows
    return (longest[-1] <= ARRIVED * (1.0 + largest)) | goes_on


def periods_of(points: Array, scales: Array) -> NDArray[np.int64]:
    """Return the periods of rows of points (K, m, n), as `orbit.period_of` says of one."""
    sizes = np.ptp(points, axis=1).max(axis=1)
    found = np.where(sizes <= 1e-9 * scales, 1, 0)
    for period in range(1, min(_MAX_PERIOD, points.shape[1] // 2) + 1):
        left = np.flatnonzero(found == 0)
        apart = np.abs(points[left, period:] - points[left, :-period]).max(axis=(1, 2))
        found[left[apart <= _TOL * sizes[left]]] = period
    return found
