"""The eigenvalues below the tracked ones, and when each must be looked at again."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from gradflow.curvature.tracking.subspace import orthonormal, top_outside
from gradflow.problems.problem import Product
from gradflow.types import Array

# As many rivals are followed at the most.
MOST = 4
# Rivals nearer than this share of the Hessian's size take part in every call.
_ALWAYS = 1e-3
# The relative gap to what is not known that a certificate takes for granted.
_GAP = 0.04
# How many times faster than lately eigenvalues may move before a rival is looked at.
_SAFETY = 3.0
# The share of the last call's largest change that the next one is taken to be capable of.
_FADING = 0.8
# Calls between two searches among all the others: as a rule, at the least where a near eigenvalue asks for
# them, and while no tracked value has lately changed by more than a small share of the Hessian's size.
_SEARCH_EVERY = 20
_LEAST_CALLS = 5
_SLOW_EVERY = 40
_SLOW = 3e-4
_SLOW_FADING = 0.98
# Lanczos steps of a search, and the share of noise in its start.
_NUM_STEPS = 6
_NOISE = 0.3


@dataclass
class Rival:
    """An eigenvalue below the tracked ones; all but `value` are in units of the Hessian's size.

    `gap` to the last tracked one and `unsure`, the residual, are those of the last look, `age` calls ago;
    `pace` is the change per call.
    """

    value: float
    gap: float
    unsure: float
    pace: float = 0.0
    age: int = 0

    def wait(self, pace: float) -> float:
        """Return the calls until it may meet the tracked ones, which change by `pace` a call."""
        clear = self.gap - self.unsure
        speed = _SAFETY * (pace + self.pace)
        if clear < _ALWAYS:
            return 0.0
        return clear / speed if speed > 0 else np.inf


@dataclass
class Rivals:
    """The rivals that are followed, descending, and the largest of the others, with its vector."""

    followed: list[Rival] = field(default_factory=list)
    other: Rival | None = None
    other_vector: Array | None = None
    pace: float = 0.0
    lasting_pace: float = 0.0
    calls_since_search: int = 0
    _rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))

    def num_due(self) -> int:
        """Return how many of the followed ones take part in this call; all do where a search is due."""
        if not self.followed or self.search_is_due():
            return len(self.followed)
        due = [i + 1 for i, rival in enumerate(self.followed) if rival.age + 1 >= rival.wait(self.pace)]
        return max(due, default=0)

    def search_is_due(self) -> bool:
        """Return whether the others must be searched in this call."""
        calls = self.calls_since_search + 1
        if calls < _LEAST_CALLS or self.other is None:
            return calls >= self._most_calls()
        return calls >= min(self._most_calls(), self.other.wait(self.pace))

    def _most_calls(self) -> int:
        """Return the calls between two searches at the most."""
        return _SLOW_EVERY if self.lasting_pace < _SLOW else _SEARCH_EVERY

    def pass_call(self, change: float) -> None:
        """Count a call in which the tracked values changed by `change`, in units of the Hessian's size."""
        self.pace = max(change, _FADING * self.pace)
        self.lasting_pace = max(change, _SLOW_FADING * self.lasting_pace)
        self.calls_since_search += 1
        for rival in self.followed:
            rival.age += 1

    def look(self, values: Array, residuals: Array, top: float, size: float) -> None:
        """Take the values of the first followed ones, below `top`, and their residuals."""
        for rival, value, residual in zip(self.followed, values.tolist(), residuals.tolist(), strict=False):
            change = abs(value - rival.value) / size / rival.age
            rival.pace = max(change, _FADING**rival.age * rival.pace)
            rival.value, rival.gap, rival.unsure, rival.age = value, (top - value) / size, residual / size, 0

    def far(self) -> bool:
        """Return whether the last one followed is far enough to be left to the searches."""
        return bool(self.followed) and self.followed[-1].wait(self.pace) > 2 * self._most_calls()

    def leave(self, vector: Array) -> None:
        """Leave the last one followed, with its vector, to the searches."""
        rival = self.followed.pop()
        if self.other is None or rival.value > self.other.value:
            self.other, self.other_vector = rival, vector

    def gap_below(self, num_seen: int) -> float:
        """Return the gap to vouch for where so many of the followed ones take part in a call."""
        below = [*self.followed[num_seen:], *([self.other] if self.other else [])]
        return max(_ALWAYS, min([_GAP, *(rival.gap for rival in below)]))

    def unseen(self, rows: list[Array], num_seen: int) -> list[tuple[float, Array]]:
        """Return the values and vectors below the first `num_seen`; the last of the `rows` are theirs."""
        unseen = [rival.value for rival in self.followed[num_seen:]]
        known = list(zip(unseen, rows[len(rows) - len(unseen) :], strict=True))
        if self.other is not None and self.other_vector is not None:
            known.append((self.other.value, self.other_vector))
        return known

    def keep(self, values: list[float], change: float, strangers: bool) -> None:
        """Follow eigenvectors with these values at the last call; all take part in the next one.

        The tracked values changed by `change`; where `strangers` came up a search is due.
        """
        self.followed = [Rival(value, 0.0, 0.0, age=1) for value in values[:MOST]]
        self.pace, self.lasting_pace = max(self.pace, change), max(self.lasting_pace, change)
        if strangers:
            self.calls_since_search = _SLOW_EVERY

    def highest(self) -> float:
        """Return the largest value known below the tracked ones."""
        known = [*self.followed, *([self.other] if self.other else [])]
        return max((rival.value for rival in known), default=-np.inf)

    def search(self, product: Product, rows: list[Array], top: float, size: float) -> Array | None:
        """Search the complement of `rows`; return the vector of a rival that must be followed from now on.

        A first search, from noise alone, takes twice the steps.
        """
        calls, self.calls_since_search = self.calls_since_search, 0
        noise = self._rng.standard_normal(rows[0].size)
        noise /= np.linalg.norm(noise)
        last, vector = self.other, self.other_vector
        start = noise if vector is None else vector + _NOISE * noise
        num_steps = 2 * _NUM_STEPS if vector is None else _NUM_STEPS
        found = top_outside(product, start, orthonormal(np.stack(rows)), num_steps)
        self.other = self.other_vector = None
        if found is None or size == 0:
            return None
        rise = 0.0 if last is None else max(0.0, found.value - last.value) / size / max(calls, 1)
        self.other = Rival(found.value, (top - found.value) / size, found.residual / size, rise)
        self.other_vector = found.vector
        if len(self.followed) == MOST or self.other.wait(self.pace) >= self._most_calls():
            return None
        self.followed.append(self.other)
        newcomer, self.other, self.other_vector = self.other_vector, None, None
        return newcomer
