"""Columns that grow while a run goes on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Bytes set aside for rows that are expected but may never come.
LARGEST_START = 2**30
# Beyond so many bytes a column grows by an eighth at a time instead of doubling.
LARGE = 2**24


class Rows:
    """A growing array of rows of one shape; `expected` rows fit before it first has to grow.

    It grows in place, where the system moves pages instead of copying them. Where somebody holds a view of
    it, such as the trajectory of a checkpoint, it is copied instead: what was handed out stays as it is.
    `growing` is called before it does.
    """

    def __init__(self, expected: int, growing: Callable[[], None] | None = None) -> None:
        self._expected, self._growing = max(1, expected), growing
        self._buffer: NDArray[Any] | None = None
        self._room = 0

    @property
    def nbytes(self) -> int:
        """Bytes set aside."""
        return 0 if self._buffer is None else self._buffer.nbytes

    def put(self, index: int, row: Any) -> None:
        """Copy a row to its place."""
        if index >= self._room:
            self._grow(np.asarray(row), index + 1)
        self._buffer[index] = row  # type: ignore[index]

    def put_block(self, index: int, rows: NDArray[Any]) -> None:
        """Copy rows (k, ...) to successive places."""
        end = index + len(rows)
        if end > self._room:
            self._grow(rows[0], end)
        self._buffer[index:end] = rows  # type: ignore[index]

    def retype(self, kind: np.dtype[Any]) -> None:
        """Go on with values of another type."""
        if self._buffer is not None:
            self._buffer = self._buffer.astype(kind)

    def array(self, count: int) -> Any:
        """Return the first `count` rows, None where there are none; what lies behind them takes no memory."""
        return None if self._buffer is None else self._buffer[:count]

    def _grow(self, row: NDArray[Any], least: int) -> None:
        if self._buffer is None:
            expected = min(self._expected, LARGEST_START // max(row.nbytes, 1))
            self._buffer = np.empty((max(least, expected), *row.shape), dtype=row.dtype)
        else:
            if self._growing is not None:
                self._growing()
            more = self._room if self._buffer.nbytes < LARGE else self._room // 8
            self._extend(max(least, self._room + more))
        self._room = len(self._buffer)

    def _extend(self, num_rows: int) -> None:
        assert self._buffer is not None
        shape = (num_rows, *self._buffer.shape[1:])
        try:
            self._buffer.resize(shape)
        except ValueError:
            # numpy knows of a view, or cannot tell.
            old = self._buffer
            self._buffer = np.empty(shape, dtype=old.dtype)
            self._buffer[: len(old)] = old
