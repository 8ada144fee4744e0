"""The doors: each function checks one argument and returns it in the form the code works with."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradflow import foreign
from gradflow.foreign import shown
from gradflow.types import Array

# A run of so many steps would take a century; indices and memory end not far above.
MOST = 2**62


def array(name: str, value: Any, ndim: int) -> Array:
    """Return `value` as a finite float64 array of `ndim` dimensions that the caller does not share."""
    given = foreign.plain(name, value)
    if np.iscomplexobj(given):
        raise ValueError(f"`{name}` must be real numbers, got {shown(value)}")
    try:
        # Text and dates have a form as floats too, which nobody means.
        if given.dtype.kind in "mMSU":
            raise TypeError("no numbers")
        with np.errstate(over="ignore"):
            result = np.array(given, dtype=np.float64, order="C")
    except OverflowError:
        raise ValueError(f"`{name}` must be numbers that fit a float, got {shown(value)}") from None
    except (TypeError, ValueError):
        raise ValueError(f"`{name}` must be numbers, got {shown(value)}") from None
    if result.ndim != ndim:
        raise ValueError(f"`{name}` must have {ndim} dimension(s), got shape {result.shape}")
    if result.size == 0:
        raise ValueError(f"`{name}` must not be empty, got shape {result.shape}")
    if not np.isfinite(result).all():
        raise ValueError(f"`{name}` must be finite, got {foreign.first_not_finite(result, value)}")
    return result


def weight_vector(name: str, value: Any, num_weights: int | None) -> Array:
    """Return `value` as a finite vector of `num_weights` weights (any number when None)."""
    result = array(name, value, 1)
    if num_weights is not None and result.size != num_weights:
        raise ValueError(f"`{name}` must have {num_weights} weights, got {result.size}")
    return result


def positive(name: str, value: Any) -> float:
    """Return `value` as a positive finite float."""
    number = np.nan
    if isinstance(value, Real) and not isinstance(value, bool | np.bool_):
        with suppress(OverflowError):
            number = float(value)
    if not 0 < number < np.inf:
        raise ValueError(f"`{name}` must be a positive number, got {shown(value)}")
    return number


def count(name: str, value: Any, least: int = 1) -> int:
    """Return `value` as an int from `least` to 2^62."""
    number = whole(name, value, least)
    if number > MOST:
        raise ValueError(f"`{name}` must be at most 2^62, got {shown(value)}")
    return number


def whole(name: str, value: Any, least: int = 0) -> int:
    """Return `value` as an int of at least `least`, however large, as seeds may be."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, Integral) or value < least:
        raise ValueError(f"`{name}` must be a whole number of at least {least}, got {shown(value)}")
    return int(value)


def function(name: str, value: Any) -> None:
    """Raise unless `value` can be called."""
    if not callable(value):
        raise ValueError(f"`{name}` must be a function, got {shown(value)}")


def scale(name: str, value: Any) -> float | Array:
    """Return a positive number, a vector of positive numbers, or a symmetric positive definite matrix."""
    if np.ndim(value) == 0:
        return positive(name, value.item() if isinstance(value, np.ndarray) else value)
    result = array(name, value, min(np.ndim(value), 2))
    if result.ndim == 1:
        if not (result > 0).all():
            raise ValueError(f"`{name}` must be positive in every entry, got a least entry {result.min():g}")
        return result
    if result.shape[0] != result.shape[1] or not np.allclose(result, result.T, rtol=1e-12, atol=0.0):
        raise ValueError(f"`{name}` must be a symmetric matrix, got shape {result.shape} or unequal halves")
    try:
        np.linalg.cholesky(result)
    except np.linalg.LinAlgError:
        raise ValueError(f"`{name}` must be a positive definite matrix, got an eigenvalue <= 0") from None
    return result


def numbers(name: str, value: Any) -> Array:
    """Return `value` as float64, finite or not, itself where it is such an array."""
    try:
        return np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError, OverflowError, RuntimeError):
        pass
    try:
        # Tried last: the look at what `value` is would cost every evaluation a microsecond or more.
        return np.asarray(foreign.plain(name, value), dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"`{name}` must be numbers that fit a float, got {shown(value)}") from None


def shaped(w: Any, num_weights: int) -> Array:
    """Return `w` as float64 of shape (num_weights,), finite or not: the cheap door of every evaluation."""
    result = numbers("w", w)
    if result.shape != (num_weights,):
        raise ValueError(f"`w` must have shape ({num_weights},), got {result.shape}")
    return result


def directions(v: Any, num_weights: int) -> Array:
    """Return `v` as float64 of shape (num_weights,) or (num_weights, k)."""
    result = numbers("v", v)
    if result.ndim not in (1, 2) or result.shape[0] != num_weights:
        raise ValueError(f"`v` must have shape ({num_weights},) or ({num_weights}, k), got {result.shape}")
    return result


def indices(name: str, value: Any, num_samples: int) -> NDArray[np.intp]:
    """Return `value` as a vector of sample numbers from 0 to num_samples - 1, repeats allowed."""
    # Batches pass here at every step.
    result = value if type(value) is np.ndarray else foreign.plain(name, value)
    if result.ndim != 1 or result.size == 0 or result.dtype.kind not in "iu":
        raise ValueError(f"`{name}` must be a non-empty vector of whole numbers, got {shown(value)}")
    chosen = result.astype(np.intp, copy=False)
    # One look for both ends: below 0 is a huge unsigned number.
    if np.maximum.reduce(chosen.view(np.uintp)) >= num_samples:
        raise ValueError(f"`{name}` must lie in 0 to {num_samples - 1}, got {result.min()} to {result.max()}")
    return chosen


def choice(name: str, value: Any, options: Sequence[str]) -> str:
    """Return `value` if it is one of `options`."""
    if not isinstance(value, str) or value not in options:
        raise ValueError(f"`{name}` must be one of {', '.join(options)}, got {shown(value)}")
    return value
