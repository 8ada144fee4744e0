"""What other libraries hold, as numpy arrays: frames, series, tensors, without importing any of them."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray


@runtime_checkable
class _Frame(Protocol):
    """A table of named columns, as pandas has it."""

    @property
    def columns(self) -> Iterable[Hashable]: ...

    def items(self) -> Iterable[tuple[Hashable, Any]]: ...

    def to_numpy(self) -> NDArray[Any]: ...


@runtime_checkable
class _Tensor(Protocol):
    """An array that may be part of a graph and lie on a device, as torch has it."""

    def detach(self) -> Any: ...

    def cpu(self) -> Any: ...

    def is_floating_point(self) -> bool: ...


def plain(name: str, value: Any) -> NDArray[Any]:
    """Return `value` as numpy takes it, NaN for what is missing: None, pandas' NA, masked entries.

    Raises
    ------
    ValueError
        If it has no form as an array, an entry of an array of objects is text, or a column of a frame has
        no numbers; the position is named.
    """
    if not _is_plain(value) and isinstance(value, _Frame):
        columns = [_column(name, label, each) for label, each in value.items()]
        return np.column_stack(columns) if columns else np.empty((0, 0))
    try:
        given = _held(value)
    except (TypeError, ValueError, RuntimeError):
        raise ValueError(f"`{name}` must be numbers, got {shown(value)}") from None
    return _entries(name, given, None) if given.dtype.kind == "O" else given


def shown(value: Any) -> str:
    """Return the beginning of an argument's repr, or its type where it has none that Python will write."""
    try:
        return f"{value!r:.60}"
    except Exception:  # whatever a foreign repr raises; int refuses to write more than 4300 digits
        return f"a {type(value).__name__}"


def first_not_finite(result: NDArray[Any], value: Any) -> str:
    """Return what is not finite in `result`, made of `value`, and where: "nan at [3, 2], column 'age'"."""
    found = np.argwhere(~np.isfinite(result))
    place = tuple(found[0].tolist())
    text = f"{result[place]}" + (f" at {list(place)}" if place else "")
    if isinstance(value, _Frame):
        text += f", column {list(value.columns)[place[1]]!r:.60}"
    return text + (f", and {len(found) - 1} more" if len(found) > 1 else "")


def _is_plain(value: Any) -> bool:
    # To ask a list whether it follows a protocol takes four times as long as to make an array of it.
    return type(value) in (np.ndarray, list, tuple, float, int)


def _held(value: Any) -> NDArray[Any]:
    if _is_plain(value):
        return np.asarray(value)
    if isinstance(value, _Tensor):
        held = value.detach().cpu()
        return np.asarray(held.double() if held.is_floating_point() else held)
    if isinstance(value, np.ma.MaskedArray) and np.ma.is_masked(value):
        return np.ma.filled(value.astype(np.float64), np.nan)
    return np.asarray(value)


def _column(name: str, label: Hashable, series: Any) -> NDArray[Any]:
    given = np.asarray(series)
    numbers = _entries(name, given, label) if given.dtype.kind == "O" else given
    try:
        if numbers.dtype.kind in "mMSUc":
            raise TypeError("no numbers")
        return numbers if numbers.dtype.kind in "biuf" else numbers.astype(np.float64)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"`{name}` must be numbers, got {given.dtype} in column {label!r:.60}") from None


def _entries(name: str, given: NDArray[Any], column: Hashable | None) -> NDArray[Any]:
    """Return an array of objects as one of numbers if they are; text in it is no number, not even "1"."""
    found = [np.nan if _is_missing(entry) else entry for entry in given.flat]
    for number, entry in enumerate(found):
        if isinstance(entry, str | bytes):
            place = [int(i) for i in np.unravel_index(number, given.shape)]
            where = f" at {place}" if column is None else f" at [{number}], column {column!r:.60}"
            raise ValueError(f"`{name}` must be numbers, got {entry!r:.60}{where}")
    try:
        numbers = np.array(found)
    except ValueError:
        return given
    if numbers.dtype.kind in "biuf" and numbers.shape == (given.size,):
        return numbers.reshape(given.shape)
    objects = np.empty(given.size, dtype=object)
    objects[:] = found
    return objects.reshape(given.shape)


def _is_missing(entry: Any) -> bool:
    """Whether `entry` is None or not equal to itself; pandas' NA answers the question with itself."""
    if entry is None:
        return True
    same = entry == entry
    return not same if isinstance(same, bool | np.bool_) else same is entry
