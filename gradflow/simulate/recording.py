"""The columns of what users record: at every row of the run, or in a rhythm of their own."""

from __future__ import annotations

import warnings
from array import array
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradflow import validate
from gradflow.errors import FAILURES, RecordWarning
from gradflow.simulate.hooks import HookError, check_hook, evaluated
from gradflow.simulate.place import AtPlace, Place, takes_product
from gradflow.simulate.rows import Rows
from gradflow.types import Array

Record = Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Every:
    """A record evaluated at steps 0, `stride`, 2 `stride`, ... whatever rows the run keeps; see `every`."""

    stride: int
    function: Callable[[float, Array], Any]


def every(stride: int, function: Callable[[float, Array], Any]) -> Every:
    """Return a record with a rhythm of its own: evaluated at every `stride`-th step of the run.

    Its values stand in ``run.records[name]``, their flow times in ``run.record_times[name]``. The steps of
    a flow are those its integrator accepted.

    Parameters
    ----------
    stride : int
        Steps from one value to the next; the first is at step 0.
    function : callable
        ``function(t, w)``, or an object with a method ``at_place(place)``.

    Raises
    ------
    ValueError
        If `stride` is not a whole number of at least 1 or `function` cannot be called so.

    Examples
    --------
    >>> from gradflow import descend
    >>> from gradflow.problems import Quadratic
    >>> run = descend(Quadratic(1.0), [1.0], 0.5, 5, record={"w": every(2, lambda t, w: w[0])})
    >>> run.record_times["w"], run.records["w"]
    (array([0., 1., 2.]), array([1.    , 0.25  , 0.0625]))
    """
    check_hook("function", function)
    return Every(validate.count("stride", stride), function)


class Column:
    """The values of one record, nan where it could give none."""

    def __init__(self, name: str, record: Any, expected: int) -> None:
        self.name = name
        self.stride = record.stride if isinstance(record, Every) else None
        self.function = record.function if isinstance(record, Every) else record
        self.takes_product = takes_product(self.function)
        self.asks_place = isinstance(self.function, AtPlace)
        self._rows = Rows(expected)
        self._kind: np.dtype[Any] | None = None
        self._shape: tuple[int, ...] = ()
        self._gaps: set[int] = set()
        self._times = array("d")
        self._warned = False
        self._last_step = -1
        self.count = 0

    def value(self, place: Place) -> NDArray[Any] | None:
        """Return the value at a place, None with one warning where the record can give none."""
        try:
            value = np.asarray(evaluated(self.function, place))
        except FAILURES as failure:
            self._warn(
                f"record {self.name!r} has no value at t = {place.time:.6g} (nan stands there): {failure}"
            )
            return None
        except HookError as error:
            error.bug.add_note(
                f"in record {self.name!r}, which is called with (t, w), at t = {place.time:.6g}"
            )
            raise
        if value.dtype.hasobject:
            raise HookError(
                ValueError(f"record {self.name!r} must return numbers or text, got {value.item(0)!r:.60}")
            )
        if self._kind is not None and value.shape != self._shape:
            raise HookError(
                ValueError(
                    f"record {self.name!r} must return the same shape at every row, got {value.shape} "
                    f"after {self._shape}"
                )
            )
        return value

    def is_due(self, step: int, kept: bool) -> bool:
        """Return whether there is a value to write: of a row that is kept, or of a step of its own rhythm."""
        if self.stride is None:
            return kept
        return step % self.stride == 0 and step > self._last_step

    def put(self, index: int, step: int, time: float, value: NDArray[Any] | None) -> None:
        """Write a value to its place, and the time if the rhythm is the record's own."""
        self._last_step = step
        if value is None:
            self._gaps.add(index)
        else:
            self._admit(value)
            self._rows.put(index, value)
        if self.stride is not None:
            del self._times[index:]
            self._times.append(time)
        self.count = index + 1

    def times(self, of_rows: Array) -> Array:
        """Return the flow times of the values."""
        return of_rows if self.stride is None else np.array(self._times)[: self.count]

    def array(self, count: int) -> NDArray[Any]:
        """Return the first `count` values."""
        values = self._rows.array(count)
        gaps = [*sorted(gap for gap in self._gaps if gap < count), *range(self.count, count)]
        if values is None:
            return np.full(count, np.nan)
        if gaps or len(values) < count:
            kind = np.result_type(values.dtype, np.float64) if values.dtype.kind in "biuf" else values.dtype
            whole = np.empty((count, *self._shape), dtype=kind)
            whole[: len(values)] = values
            whole[gaps] = np.nan
            return whole
        return values

    def _admit(self, value: NDArray[Any]) -> None:
        """Make room for a value of another type."""
        if self._kind is None:
            self._kind, self._shape = value.dtype, value.shape
        elif value.dtype != self._kind:
            self._kind = np.result_type(self._kind, value)
            self._rows.retype(self._kind)

    def _warn(self, sentence: str) -> None:
        if not self._warned:
            self._warned = True
            warnings.warn(sentence, RecordWarning, stacklevel=2)


def columns(record: Record | None, expected: int) -> list[Column]:
    """Return an empty column for every record, checked.

    Raises
    ------
    ValueError
        If `record` does not map names to functions of (t, w).
    """
    if record is not None and not isinstance(record, Mapping):
        raise ValueError(
            "`record` must map names to functions of (t, w), as in {'first': lambda t, w: w[0]}, "
            f"got {record!r:.60}"
        )
    named = dict(record or {})
    for name, function in named.items():
        if not isinstance(name, str):
            raise ValueError(f"`record` must map names (text) to functions, got the name {name!r:.60}")
        check_hook(f"record[{name!r}]", function.function if isinstance(function, Every) else function)
    return [Column(name, function, expected) for name, function in named.items()]
