"""How the weights of all lanes move: steps of rules that are linear, with numbers of each lane."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gradflow.problems.batched import Chosen, Lanes
from gradflow.rules import Clocked, LinearStep, UpdateRule
from gradflow.types import Array

Make = Callable[[float], UpdateRule]


def coefficients(make: Make | None, learning_rates: Array) -> Array | None:
    """Return (q, p, s, r) of each run, shape (K, 4): w <- w + q g + p v, v <- s g + r v; None if not linear.

    Of rules without memory q alone, shape (K, 1). Rules say themselves that their steps are linear; the
    numbers are what they make of weights, gradient and memory of one.
    """
    if make is None:
        return np.negative(learning_rates)[:, np.newaxis]
    values, places = np.unique(learning_rates, return_inverse=True)
    rows = [_of_rule(make(value)) for value in values.tolist()]
    found = [row for row in rows if row is not None]
    if len(found) < len(rows):
        return None
    width = max(map(len, found))
    return np.array([row + [0.0] * (width - len(row)) for row in found])[places]


def clock_factors(make: Make | None, learning_rates: Array) -> Array | float:
    """Return for each run how many times its learning rate one step lasts."""
    if make is None:
        return 1.0
    values, places = np.unique(learning_rates, return_inverse=True)
    rules = [make(value) for value in values.tolist()]
    return np.array([rule.clock_factor if isinstance(rule, Clocked) else 1.0 for rule in rules])[places]


def _of_rule(rule: UpdateRule) -> list[float] | None:
    if not isinstance(rule, LinearStep) or not isinstance(rule.learning_rate, float):
        return None
    zero, one = np.zeros(1), np.ones(1)
    memory = rule.init(zero)
    moved, remembered = rule.update(zero, one, memory, 0)
    if memory is None:
        return [float(moved[0])]
    carried, kept = rule.update(zero, zero, one, 0)
    return [float(moved[0]), float(carried[0]), float(remembered[0]), float(kept[0])]


class LinearMove:
    """w <- w + q g + p v, v <- s g + r v in every lane, with numbers of its own."""

    def __init__(self, lanes: Lanes, has_memory: bool) -> None:
        self._lanes = lanes
        # q alone, or q, p, s and r.
        self._numbers = np.zeros((4 if has_memory else 1, lanes.size))
        self.memory = np.zeros(lanes.size) if has_memory else None
        self._scratch = np.empty(lanes.size) if has_memory else None

    def place(self, which: Chosen, numbers: Array) -> None:
        """Give lanes the numbers (k, 1) or (k, 4) of new runs, which remember nothing."""
        for flat, column in zip(self._numbers, numbers.T, strict=False):
            self._lanes.put(flat, which, column[:, np.newaxis])
        if self.memory is not None:
            self._lanes.put(self.memory, which, np.zeros((len(numbers), 1)))

    def hold(self, which: Chosen, count: int) -> None:
        """Let lanes stay where they are."""
        for flat in self._numbers[:2]:
            self._lanes.put(flat, which, np.zeros((count, 1)))

    def __call__(self, weights: Array, gradients: Array) -> None:
        """Move the weights; the gradients may be written over."""
        if self.memory is not None:
            q, p, s, r = self._numbers
            weights += np.multiply(p, self.memory, out=self._scratch)
            self.memory *= r
            self.memory += np.multiply(s, gradients, out=self._scratch)
        else:
            q = self._numbers[0]
        gradients *= q
        weights += gradients
