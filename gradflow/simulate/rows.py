"""Columns that grow while a run goes on."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

# Bytes set aside for rows that are expected but may never come.
LARGEST_START = 2**30


class Rows:
    """A growing array of rows of one shape; `expected` rows fit before it first has to move."""

    def __init__(self, expected: int) -> None:
        self._expected = max(1, expected)
        self._buffer: NDArray[Any] | None = None

    def put(self, index: int, row: Any) -> None:
        """Copy a row to its place."""
        if self._buffer is None or index >= len(self._buffer):
            self._grow(np.asarray(row), index + 1)
        self._buffer[index] = row  # type: ignore[index]

    def put_block(self, index: int, rows: NDArray[Any]) -> None:
        """Copy rows (k, ...) to successive places."""
        if self._buffer is None or index + len(rows) > len(self._buffer):
            self._grow(rows[0], index + len(rows))
        self._buffer[index : index + len(rows)] = rows  # type: ignore[index]

    def retype(self, kind: np.dtype[Any]) -> None:
        """Go on with values of another type."""
        if self._buffer is not None:
            self._buffer = self._buffer.astype(kind)

    def array(self, count: int) -> Any:
        """Return the first `count` rows, None where there are none; what lies behind them takes no memory."""
        return None if self._buffer is None else self._buffer[:count]

    def _grow(self, row: NDArray[Any], least: int) -> None:
        old = self._buffer
        expected = min(self._expected, LARGEST_START // max(row.nbytes, 1))
        wanted = expected if old is None else 2 * len(old)
        self._buffer = np.empty((max(least, wanted), *row.shape), dtype=row.dtype)
        if old is not None:
            self._buffer[: len(old)] = old
