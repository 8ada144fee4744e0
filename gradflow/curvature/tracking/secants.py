"""Where eigenvectors along a path point to next: they follow the weights as they did in the last steps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.linalg.lapack import dposv

from gradflow.curvature.tracking.subspace import orthonormal
from gradflow.types import Array

# Steps that are remembered.
_NUM_STEPS = 6
# Smallest ridge of the fit, as a share of the steps' squares, and how much a step counts less than the
# next younger one.
_LEAST_RIDGE = 1e-12
_AGING = 2.0
# By the place of the newest step: the diagonal matrix of the ridges, where a wall keeps that step out.
_AGES = (np.arange(_NUM_STEPS)[:, np.newaxis] - np.arange(_NUM_STEPS)) % _NUM_STEPS
_RIDGES = np.where(_AGES == 0, 1e40, _AGING ** (_AGES - 1.0))[:, np.newaxis] * np.eye(_NUM_STEPS)
# The part of the last miss that is taken for noise in the eigenvectors.
_NOISE = 0.2
# Rows that keep more than this of themselves in a rotation keep their past as well.
_HARDLY_TURNED = 0.99
# A vector that shares less than this with the last one is another one.
_SAME = 0.7


class Secants:
    """The last steps of the weights and the turns of the eigenvectors, one a row, that came with them.

    Eigenvectors are functions of the weights: where the new step is the combination s = sum a_i s_i of
    the last ones, the vectors turn by sum a_i d_i, to first order, whatever the rhythm of the path. The
    a_i are fitted by least squares with a ridge as large as the noise in the turns d_i.
    """

    def __init__(self, w: Array, rows: Array) -> None:
        self.rows = list(rows)
        self._turns = [np.zeros((_NUM_STEPS, w.size)) for _ in rows]
        self._steps = np.zeros((_NUM_STEPS, w.size))
        self._inner = np.zeros((_NUM_STEPS, _NUM_STEPS))
        self._place = w
        self._slot = 0
        self._ridge = _LEAST_RIDGE

    def ahead(self, w: Array, count: int) -> Array:
        """Take the step to `w` and return the guess of the first `count` rows there, orthonormal."""
        shares = self._shares(w)
        guesses = [row + shares @ turns for row, turns in zip(self.rows[:count], self._turns, strict=False)]
        return orthonormal(guesses[0][np.newaxis] if count == 1 else np.stack(guesses))

    def _shares(self, w: Array) -> Array:
        """Return the a_i of the step to `w`, which takes the place of the oldest."""
        self._slot = slot = (self._slot + 1) % _NUM_STEPS
        step = np.subtract(w, self._place, out=self._steps[slot])
        self._place = w
        inner = self._inner
        right = self._steps @ step
        inner[slot] = inner[:, slot] = right
        ridge = (self._ridge * float(inner.trace())) * _RIDGES[slot]
        _, shares, failed = dposv(inner + ridge, right, overwrite_a=True)
        return np.zeros(_NUM_STEPS) if failed else shares

    def arrive(self, rows: Array, rotation: Array, followed: Sequence[bool], miss: float) -> None:
        """Take the first rows that were found, where `rotation` (b, b) had turned those of the guess.

        A row that is not `followed` has not been found at the last point, so its turn is unknown;
        `miss` is the size of the error of the guess of the first row.
        """
        kept = rotation.diagonal().tolist()
        if len(rows) > 1 and min(map(abs, kept)) < _HARDLY_TURNED:
            self._rotate(rotation)
        else:
            if min(kept) < 0:
                rows = rows * np.copysign(1.0, kept)[:, np.newaxis]
            if abs(kept[0]) < _SAME:
                self._turns[0][:] = 0.0
        for i, turns in enumerate(self._turns):
            if i < len(rows) and followed[i]:
                np.subtract(rows[i], self.rows[i], out=turns[self._slot])
            else:
                turns[self._slot] = 0.0
        self.rows[: len(rows)] = list(rows)
        turn = self._turns[0][self._slot]
        moved = float(turn @ turn)
        self._ridge = max(_LEAST_RIDGE, min((_NOISE * miss) ** 2 / moved, 1.0)) if moved > 0 else 1.0

    def _rotate(self, rotation: Array) -> None:
        count = len(rotation)
        self._turns[:count] = list(np.tensordot(rotation, np.stack(self._turns[:count]), 1))
        self.rows[:count] = list(rotation @ np.stack(self.rows[:count]))

    def append(self, row: Array) -> None:
        """Add a row without a past."""
        self.rows.append(row)
        self._turns.append(np.zeros_like(self._steps))

    def pop(self) -> Array:
        """Remove and return the last row."""
        self._turns.pop()
        return self.rows.pop()

    def replace(self, rows: Array) -> list[int]:
        """Put these rows first, each with the past of the row that it continues.

        The rows that none of them continues stay behind them; returned are the places that those had.
        """
        left = list(range(len(self.rows)))
        overlaps = np.stack(self.rows) @ rows.T
        turns = []
        for row, overlap in zip(rows, overlaps.T, strict=True):
            nearest = max(left, key=lambda i: abs(overlap[i]))
            turns.append(np.zeros_like(self._steps))
            if abs(overlap[nearest]) > _SAME:
                row *= np.copysign(1.0, overlap[nearest])
                turns[-1] = self._turns[nearest]
                turns[-1][self._slot] = row - self.rows[nearest]
                left.remove(nearest)
        for i in left:
            self._turns[i][self._slot] = 0.0
        self.rows = [*rows, *(self.rows[i] for i in left)]
        self._turns = [*turns, *(self._turns[i] for i in left)]
        self._ridge = 1.0
        return left
