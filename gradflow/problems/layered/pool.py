"""Workspaces that wait for the next call, so that no call allocates what an earlier one has left."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable
from typing import Any

# So many sizes (of batches, of blocks of directions) keep their workspaces.
_MOST_SIZES = 8


class Pool:
    """Idle workspaces by size: a call takes one and gives it back, so that calls on many threads share none.

    It pickles, and copies, as an empty pool.
    """

    def __init__(self) -> None:
        self._idle: dict[Hashable, deque[Any]] = {}

    def __reduce__(self) -> tuple[type[Pool], tuple[()]]:
        return Pool, ()

    def take(self, size: Hashable, make: Callable[[], Any]) -> Any:
        """Return an idle workspace of this size, or a new one."""
        try:
            return self._idle[size].pop()
        except (KeyError, IndexError):
            return make()

    def give(self, size: Hashable, workspace: Any) -> None:
        """Keep `workspace`, which nobody uses any more, for a later call."""
        if size not in self._idle and len(self._idle) >= _MOST_SIZES:
            self._idle.clear()
        self._idle.setdefault(size, deque()).append(workspace)
