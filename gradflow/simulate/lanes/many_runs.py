"""What many runs leave: one row a run, in the order in which they were asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradflow.trajectory import Outcome
from gradflow.types import Array

OUTCOMES = tuple(Outcome)
CODES = {outcome: np.int8(code) for code, outcome in enumerate(OUTCOMES)}


@dataclass(frozen=True, eq=False)
class Recorded:
    """Rows on the way of many runs; nan behind the end of a run.

    Attributes
    ----------
    steps : ndarray of int, shape (m,)
        At which steps.
    losses : ndarray, shape (K, m)
    weights : ndarray, shape (K, m, n)
    """

    steps: NDArray[np.int64]
    losses: Array
    weights: Array


@dataclass(frozen=True, eq=False, repr=False)
class ManyRuns:
    """The ends of K runs of one problem with n weights, indexed like what was asked for.

    Arrays are read-only. A run that diverged or failed has the last weights, loss and step that were finite.

    Attributes
    ----------
    weights : ndarray, shape (K, n)
        Where each run ended.
    losses : ndarray, shape (K,)
        The loss there.
    codes : ndarray of int8, shape (K,)
        Why it ended, as a place in the list of `Outcome`; `outcomes` are these themselves.
    num_steps : ndarray of int, shape (K,)
        Steps taken to there.
    num_gradients : ndarray of int, shape (K,)
        Gradients that were evaluated for it. Fewer than steps where a run was found to repeat itself, and
        the rest of it is known.
    times : ndarray, shape (K,)
        Flow time reached: of a descent at rate 1.
    recorded : Recorded or None
        Rows on the way, where these were asked for.
    messages : mapping of int to str
        For each run that FAILED, why.
    """

    weights: Array
    losses: Array
    codes: NDArray[np.int8]
    num_steps: NDArray[np.int64]
    num_gradients: NDArray[np.int64]
    times: Array
    recorded: Recorded | None = None
    messages: Mapping[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for each in fields(self):
            _close(getattr(self, each.name))
        if self.recorded is not None:
            for array in (self.recorded.steps, self.recorded.losses, self.recorded.weights):
                _close(array)
        object.__setattr__(self, "messages", MappingProxyType(dict(self.messages)))

    @property
    def outcomes(self) -> NDArray[np.object_]:
        """Why each run ended, shape (K,); ``runs.outcomes == Outcome.DIVERGED`` are flags."""
        return _OBJECTS[self.codes]

    def __len__(self) -> int:
        return len(self.losses)

    def __repr__(self) -> str:
        counts = Counter(self.codes.tolist())
        told = ", ".join(f"{counts[code]:,} {OUTCOMES[code].name.lower()}" for code in sorted(counts))
        size = self.weights.shape[1]
        return f"ManyRuns({len(self):,} runs of {size:,} weight{'s' * (size > 1)}: {told})"


def uninterrupted(runs: ManyRuns) -> ManyRuns:
    """Return the runs, and raise KeyboardInterrupt if Ctrl-C stopped some of them."""
    if (runs.codes == CODES[Outcome.INTERRUPTED]).any():
        raise KeyboardInterrupt
    return runs


_OBJECTS = np.array(OUTCOMES, dtype=object)


def _close(value: Any) -> None:
    if isinstance(value, np.ndarray):
        value.flags.writeable = False
