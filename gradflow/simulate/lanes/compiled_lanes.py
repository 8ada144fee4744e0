"""Descents in lanes of compiled code, which takes whole runs, a part of them a call."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np

from gradflow.kernels import switch
from gradflow.kernels.recipes import NETWORK, Recipe
from gradflow.problems.batched import Batched, Compilable
from gradflow.simulate.lanes.ledger import Ledger
from gradflow.simulate.lanes.many_runs import CODES
from gradflow.simulate.lanes.pack import Descents
from gradflow.trajectory import Outcome

# In the order in which the kernels take them.
_OUTCOMES = np.array(
    [CODES[each] for each in (Outcome.FINISHED, Outcome.CONVERGED, Outcome.DIVERGED, Outcome.INTERRUPTED)],
    dtype=np.int64,
)
_LEAST_PART, _MOST_PART = 128, 16_384


def compiled_kernels(problem: Batched) -> tuple[Any, Recipe] | None:
    """Return the module of kernels and the problem's recipe, where numba is in use and knows the problem."""
    if not isinstance(problem, Compilable) or not switch.compiled():
        return None
    recipe = problem.recipe()
    if recipe is None:
        return None
    try:
        return import_module("gradflow.kernels.lane_descents"), recipe
    except Exception as error:  # whatever a numba raises that does not fit this Python, numpy or processor
        switch.give_up(error)
        return None


class CompiledDescents:
    """Descents by the kernel `descend` of `gradflow.kernels.lane_descents`."""

    def __init__(
        self, kernels: Any, recipe: Recipe, asked: Descents, ledger: Ledger, num_threads: int
    ) -> None:
        self._kernel, self._asked, self._ledger = kernels.descend, asked, ledger
        size = ledger.weights.shape[1]
        self._problem = recipe.kind, recipe.sizes, recipe.inputs, recipe.targets
        self._num_signals = (
            int(recipe.sizes[4 : 4 + recipe.sizes[0]].sum()) + 2 if recipe.kind == NETWORK else size
        )
        self._starts = np.ascontiguousarray(ledger.starts)
        self._numbers = np.ascontiguousarray(asked.numbers)
        share = -(-len(self._starts) // (4 * num_threads))
        self._part = min(max(share, _LEAST_PART), _MOST_PART)
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


def _number(tolerance: float | None) -> float:
    return np.nan if tolerance is None else tolerance


_NO_LOSSES, _NO_WEIGHTS = np.zeros((0, 0)), np.zeros((0, 0, 0))
