"""Problems evaluated at many weight vectors at once: what they offer to runs in lanes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gradflow import validate
from gradflow.kernels.recipes import Recipe
from gradflow.types import Array

Chosen = NDArray[np.intp] | slice
Flags = NDArray[np.bool_]
# Numbers or flags.
Entries = NDArray[Any]

# One lane alone would be summed over in another order.
LEAST_COLUMNS = 2


@runtime_checkable
class Batched(Protocol):
    """A problem with a loss and a gradient at each of many weight vectors."""

    def losses_and_gradients(self, W: Array) -> tuple[Array, Array]:
        """Return the losses (K,) and the gradients (K, n) at the rows of W (K, n), arrays of the caller.

        A row's answer must not depend on the other rows, but for rounding.
        """


class Lanes(Protocol):
    """A problem at so many weight vectors, one a lane, in a layout and workspaces of its own.

    Weights, gradients and whatever goes with them are flat arrays of `size` entries, made by the caller;
    only the problem knows where in them the weights of a lane are.
    """

    size: int

    def put(self, flat: Entries, lanes: Chosen, rows: Entries) -> None:
        """Write rows (k, n), or one number for each lane (k, 1), into the entries of the lanes."""

    def take(self, flat: Array, lanes: Chosen) -> Array:
        """Return the entries of the lanes as rows (k, n), an array of the caller."""

    def total(self, flat: Array) -> Array:
        """Return for each lane the sum of its entries."""

    def some(self, flags: Flags) -> Flags:
        """Return for each lane whether one of its entries is true."""

    def evaluate(self, weights: Array, gradients: Array, losses: Array | None) -> None:
        """Write the gradients at the weights, and the losses (L,) where they are asked for."""


@runtime_checkable
class Laned(Protocol):
    """A problem whose evaluation at many weight vectors has a layout of its own."""

    @property
    def lane_bytes(self) -> int:
        """What the workspaces of one lane take."""

    def lanes(self, num_lanes: int) -> Lanes:
        """Return workspaces for so many lanes, for one thread."""


@runtime_checkable
class Compilable(Protocol):
    """A problem that compiled kernels may know."""

    def recipe(self) -> Recipe | None:
        """Return the problem in numbers; None where compiled lanes would not be quicker."""


class ColumnLanes:
    """Lanes of few weights: the state is (n, L), one weight of all lanes after another.

    Parameters
    ----------
    num_weights, num_lanes : int
    num_scratch : int
        How many workspaces of one entry a lane the function takes.
    function : callable
        ``function(W, out, losses, scratch)`` writes the gradients at W (n, L) into `out` and, unless it
        is None, the losses (L,); `scratch` (num_scratch, L) may be written over.
    """

    def __init__(
        self,
        num_weights: int,
        num_lanes: int,
        num_scratch: int,
        function: Callable[[Array, Array, Array | None, Array], None],
    ) -> None:
        self._shape = num_weights, max(num_lanes, LEAST_COLUMNS)
        self._num_lanes = num_lanes
        self.size = num_weights * self._shape[1]
        self._scratch, self._losses = np.empty((num_scratch, self._shape[1])), np.empty(self._shape[1])
        self._function = function

    def put(self, flat: Entries, lanes: Chosen, rows: Entries) -> None:
        """Write rows into the entries of the lanes."""
        flat.reshape(self._shape)[:, : self._num_lanes][:, lanes] = rows.T

    def take(self, flat: Array, lanes: Chosen) -> Array:
        """Return the entries of the lanes as rows."""
        return flat.reshape(self._shape)[:, : self._num_lanes][:, lanes].T.copy()

    def total(self, flat: Array) -> Array:
        """Return for each lane the sum of its entries."""
        return np.add.reduce(flat.reshape(self._shape), axis=0)[: self._num_lanes]

    def some(self, flags: Flags) -> Flags:
        """Return for each lane whether one of its entries is true."""
        return np.logical_or.reduce(flags.reshape(self._shape), axis=0)[: self._num_lanes]

    def evaluate(self, weights: Array, gradients: Array, losses: Array | None) -> None:
        """Write the gradients, and the losses where they are asked for."""
        own = None if losses is None else self._losses
        self._function(weights.reshape(self._shape), gradients.reshape(self._shape), own, self._scratch)
        if losses is not None:
            losses[...] = self._losses[: self._num_lanes]


class RowLanes:
    """Lanes of any `Batched` problem: the state is (L, n)."""

    def __init__(self, problem: Batched, num_weights: int, num_lanes: int) -> None:
        self._problem, self._shape = problem, (num_lanes, num_weights)
        self.size = num_weights * num_lanes

    def put(self, flat: Entries, lanes: Chosen, rows: Entries) -> None:
        """Write rows into the entries of the lanes."""
        flat.reshape(self._shape)[lanes] = rows

    def take(self, flat: Array, lanes: Chosen) -> Array:
        """Return the entries of the lanes as rows."""
        return np.array(flat.reshape(self._shape)[lanes])

    def total(self, flat: Array) -> Array:
        """Return for each lane the sum of its entries."""
        return np.add.reduce(flat.reshape(self._shape), axis=1)

    def some(self, flags: Flags) -> Flags:
        """Return for each lane whether one of its entries is true."""
        return np.logical_or.reduce(flags.reshape(self._shape), axis=1)

    def evaluate(self, weights: Array, gradients: Array, losses: Array | None) -> None:
        """Write the gradients, and the losses where they are asked for."""
        found, slopes = self._problem.losses_and_gradients(weights.reshape(self._shape).copy())
        gradients.reshape(self._shape)[...] = slopes
        if losses is not None:
            losses[...] = found


class ByColumns(ABC):
    """A problem of few weights that writes its gradients one weight of all lanes after another."""

    num_weights: int

    @property
    def _num_scratch(self) -> int:
        """How many workspaces of one number a lane `_columns` takes."""
        return 2

    @property
    def lane_bytes(self) -> int:
        """What the workspaces of one lane take."""
        return 8 * self._num_scratch

    def lanes(self, num_lanes: int) -> ColumnLanes:
        """Return workspaces for so many lanes."""
        return ColumnLanes(self.num_weights, num_lanes, self._num_scratch, self._columns)

    def losses_and_gradients(self, W: ArrayLike) -> tuple[Array, Array]:
        """Return the losses (K,) and the gradients (K, n) at the rows of W (K, n)."""
        return evaluated(self, self.num_weights, W)

    @abstractmethod
    def _columns(self, W: Array, out: Array, losses: Array | None, scratch: Array) -> None:
        """Write the gradients at W (n, L) into `out`, and the losses (L,) where they are asked for."""


def rows(W: ArrayLike, num_weights: int) -> Array:
    """Return W as float64 of shape (K, n), finite or not."""
    result = validate.numbers("W", W)
    if result.ndim != 2 or result.shape[1] != num_weights:
        raise ValueError(f"`W` must have shape (K, {num_weights}), got {result.shape}")
    return result


def evaluated(problem: Laned, num_weights: int, W: ArrayLike) -> tuple[Array, Array]:
    """Return losses (K,) and gradients (K, n) at the rows of W by lanes of the problem."""
    given = rows(W, num_weights)
    lanes = problem.lanes(len(given))
    weights, gradients, losses = np.zeros(lanes.size), np.zeros(lanes.size), np.empty(len(given))
    lanes.put(weights, slice(None), given)
    lanes.evaluate(weights, gradients, losses)
    return losses, lanes.take(gradients, slice(None))
