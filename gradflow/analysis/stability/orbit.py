"""A stretch of a run, as much of it as a verdict needs, and what its tail does: settle, repeat, neither."""

from __future__ import annotations

from collections import deque
from collections.abc import Container

import numpy as np

from gradflow.errors import Undefined
from gradflow.problems.problem import Problem
from gradflow.rules import UpdateRule
from gradflow.simulate.iteration import Iterate, iterates
from gradflow.types import Array

NUM_WINDOWS = 8
# Steps shorter than this share of the weights are rounding: the run has arrived.
ARRIVED = 1e-12


class Stretch:
    """A run from one of its iterates on, which may go on and on and keeps few weight vectors.

    Parameters
    ----------
    problem : Problem
    rule : UpdateRule
    start : Iterate
        Row 0.
    tail : int
        How many of the last weight vectors are kept.
    samples : container of int
        The rows whose weight vectors are kept besides.

    Attributes
    ----------
    largest : float
        The largest absolute weight of all rows.
    is_complete : bool
        Whether it stayed finite and defined so far; if not, the rows before are kept.
    last : Iterate
        The last row.
    """

    def __init__(
        self,
        problem: Problem,
        rule: UpdateRule,
        start: Iterate,
        *,
        tail: int = 1,
        samples: Container[int] = (),
    ) -> None:
        self._path = iterates(rule, start, lambda at: problem.loss_and_gradient(at.weights))
        self._wanted = samples
        self._losses: list[float] = []
        self._lengths: list[float] = []
        self._weights: deque[Array] = deque(maxlen=tail)
        self.samples: dict[int, Array] = {}
        self.largest = 0.0
        self.is_complete = True
        self.last = start

    def advance(self, num_rows: int) -> None:
        """Go on until there are so many rows, unless the run leaves the finite numbers before."""
        with np.errstate(all="ignore"):
            while self.is_complete and len(self._losses) < num_rows:
                self.is_complete = self._add_row()

    @property
    def losses(self) -> Array:
        """The loss at every row, shape (m,)."""
        return np.array(self._losses)

    @property
    def lengths(self) -> Array:
        """The length of every step, shape (m - 1,)."""
        return np.array(self._lengths)

    @property
    def tail(self) -> Array:
        """The last weights, shape (up to `tail`, n)."""
        return np.array(self._weights)

    def _add_row(self) -> bool:
        try:
            at, (loss, gradient) = next(self._path)
        except (Undefined, StopIteration):
            return False
        w = at.weights
        if not (np.isfinite(loss) and np.isfinite(gradient).all() and np.isfinite(w).all()):
            return False
        if self._losses:
            self._lengths.append(float(np.linalg.norm(w - self.last.weights)))
        if len(self._losses) in self._wanted:
            self.samples[len(self._losses)] = w
        self._losses.append(float(loss))
        self._weights.append(w)
        self.largest = max(self.largest, float(np.abs(w).max()))
        self.last = at
        return True


def settles(lengths: Array, largest: float) -> bool:
    """Return whether steps of these lengths (m,) die away for good.

    The longest steps of eight equal windows must fall from each to the next, and in the second half at
    least half as fast (as logarithms) as in the first: an exponential decay keeps its pace and an
    algebraic one most of it, while an approach to a cycle of steps that stay slows down. Steps below
    the rounding of the weights, of which the `largest` is given, have died away.
    """
    longest = np.array([window.max() for window in np.array_split(lengths, NUM_WINDOWS)])
    if longest[-1] <= ARRIVED * (1.0 + largest):
        return True
    if not (np.diff(longest) < 0).all():
        return False
    fall = -np.diff(np.log(longest))
    half = fall.size // 2
    return bool(fall[-half:].sum() >= 0.5 * fall[:half].sum())


def period_of(points: Array, scale: float, max_period: int = 32, tol: float = 1e-4) -> int:
    """Return the number of steps after which the rows (m, n) repeat, 1 if they rest, 0 if they do not repeat.

    A return must miss by no more than `tol` times the size of the attractor; the smallest such period
    is taken. An attractor smaller than 1e-9 of `scale`, the weights that the run went through, is a point.
    """
    size = float(np.ptp(points, axis=0).max())
    if size <= 1e-9 * scale:
        return 1
    for period in range(1, min(max_period, len(points) // 2) + 1):
        if np.abs(points[period:] - points[:-period]).max() <= tol * size:
            return period
    return 0
