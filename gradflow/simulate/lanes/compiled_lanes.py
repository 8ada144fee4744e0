"""Runs in lanes of compiled code, which takes whole runs, a part of them a call."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np

from gradflow.kernels import switch
from gradflow.kernels.recipes import NETWORK, Recipe
from gradflow.problems.batched import Batched, Compilable
from gradflow.simulate.lanes.flow_request import Flows
from gradflow.simulate.lanes.ledger import Ledger
from gradflow.simulate.lanes.many_runs import CODES
from gradflow.simulate.lanes.pack import Descents
from gradflow.solvers.dormand_prince import ERROR, STAGES
from gradflow.trajectory import Outcome

# In the order in which the kernels take them.
_FLOW_OUTCOMES = np.array(
    [
        CODES[each]
        for each in (
            Outcome.FINISHED,
            Outcome.CONVERGED,
            Outcome.DIVERGED,
            Outcome.INTERRUPTED,
            Outcome.FAILED,
            Outcome.BUDGET,
        )
    ],
    dtype=np.int64,
)
_OUTCOMES = _FLOW_OUTCOMES[:4]
NO_BUDGET = 2**62
# A few seconds of numpy's lanes on small networks.
WORTH = 30_000_000
# What a flow may need, before anything is known of it.
STEPS_OF_A_FLOW = 500
_LEAST_PART, _MOST_PART = 128, 16_384


def compiled_kernels(problem: Batched, kind: str, num_steps: float) -> tuple[Any, Recipe] | None:
    """Return a module of kernels and the problem's recipe, where numba is in use and knows the problem.

    Compiling takes some ten seconds, once on a machine: for fewer than `WORTH` steps in all only where numba
    was asked for by name.
    """
    if not isinstance(problem, Compilable) or not switch.compiled():
        return None
    if num_steps < WORTH and not switch.asked_for():
        return None
    recipe = problem.recipe()
    if recipe is None:
        return None
    try:
        return import_module(f"gradflow.kernels.lane_{kind}"), recipe
    except Exception as error:  # whatever a numba raises that does not fit this Python, numpy or processor
        switch.give_up(error)
        return None


class CompiledDescents:
    """Descents by the kernel `descend` of `gradflow.kernels.lane_descents`."""

    def __init__(
        self, kernels: Any, recipe: Recipe, asked: Descents, ledger: Ledger, num_threads: int
    ) -> None:
        self._kernel, self._asked, self._ledger = kernels.descend, asked, ledger
        self._problem, self._num_signals = _problem_of(recipe, ledger)
        self._starts = np.ascontiguousarray(ledger.starts)
        self._numbers = np.ascontiguousarray(asked.numbers)
        self._part = _part(len(self._starts), num_threads)
        # Compiled, or read from the disk, before threads begin.
        self._call(0, 0)

    def descend(self) -> None:
        """Take runs from the ledger until there are no more, and bring each to its end."""
        while (runs := self._ledger.draw(self._part)).size:
            self._call(int(runs[0]), int(runs[-1]) + 1)
            self._ledger.note(runs)

    def _call(self, first: int, stop: int) -> None:
        asked, ledger, kept = self._asked, self._ledger, self._ledger.recorded
        self._kernel(
            self._problem,
            self._num_signals,
            self._starts,
            self._numbers,
            (first, stop),
            asked.last_step,
            (_number(asked.loss_tolerance), _number(asked.gradient_tolerance), ledger.every),
            -1.0 if asked.repeats is None else asked.repeats,
            ledger.halt,
            (ledger.codes, ledger.losses, ledger.num_steps, ledger.num_gradients, ledger.weights, _OUTCOMES),
            (_NO_LOSSES, _NO_WEIGHTS) if kept is None else (kept.losses, kept.weights),
        )


class CompiledFlows:
    """Gradient flows by the kernel `integrate` of `gradflow.kernels.lane_flows`."""

    def __init__(self, kernels: Any, recipe: Recipe, asked: Flows, ledger: Ledger, num_threads: int) -> None:
        self._kernel, self._asked, self._ledger = kernels.integrate, asked, ledger
        self._problem, self._num_signals = _problem_of(recipe, ledger)
        self._starts = np.ascontiguousarray(ledger.starts)
        self._part = _part(len(self._starts), num_threads)
        self._coefficients = np.zeros((7, 7))
        for place, stage in enumerate((*STAGES, ERROR)):
            self._coefficients[place, : len(stage)] = stage
        self._call(0, 0)

    def integrate(self) -> None:
        """Take runs from the ledger until there are no more, and bring each to its end."""
        while (runs := self._ledger.draw(self._part)).size:
            self._call(int(runs[0]), int(runs[-1]) + 1)
            self._ledger.note(runs)

    def _call(self, first: int, stop: int) -> None:
        asked, ledger = self._asked, self._ledger
        most = NO_BUDGET if asked.max_evaluations is None else asked.max_evaluations
        self._kernel(
            self._problem,
            self._num_signals,
            asked.minus_rate,
            self._coefficients,
            self._starts,
            asked.atols,
            (first, stop),
            asked.end_time,
            (asked.rtol, _number(asked.gradient_tolerance), most),
            ledger.halt,
            (
                ledger.codes,
                ledger.losses,
                ledger.num_steps,
                ledger.num_gradients,
                ledger.times,
                ledger.weights,
                _FLOW_OUTCOMES,
            ),
        )


def _problem_of(recipe: Recipe, ledger: Ledger) -> tuple[tuple[Any, ...], int]:
    """Return what kernels take for the problem, and the rows of workspace that one sample needs."""
    signals = int(recipe.sizes[4 : 4 + recipe.sizes[0]].sum()) + 2
    rows = signals if recipe.kind == NETWORK else ledger.weights.shape[1]
    return (recipe.kind, recipe.sizes, recipe.inputs, recipe.targets), rows


def _part(num_runs: int, num_threads: int) -> int:
    """Return how many runs a call takes: some calls a thread, whole blocks of lanes."""
    return min(max(-(-num_runs // (4 * num_threads)), _LEAST_PART), _MOST_PART)


def _number(tolerance: float | None) -> float:
    return np.nan if tolerance is None else tolerance


_NO_LOSSES, _NO_WEIGHTS = np.zeros((0, 0)), np.zeros((0, 0, 0))
