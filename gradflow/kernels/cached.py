"""How a kernel is compiled: no lock of the interpreter, on disk for the next process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit

# No more of "fast math" than a b + c in one rounding: the rest forgets nan and inf.
OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": {"contract"}}


def kernel(function: Callable[..., Any]) -> Any:
    """Return the function for numba to compile, without a cache where no folder can be written."""
    return _on_disk(function, OPTIONS)


def summing(function: Callable[..., Any]) -> Any:
    """Return the like of `kernel` for one that sums, in any order."""
    return _on_disk(function, {**OPTIONS, "fastmath": {"contract", "reassoc"}})


def _on_disk(function: Callable[..., Any], options: dict[str, Any]) -> Any:
    try:
        return njit(cache=True, **options)(function)
    except RuntimeError:
        return njit(**options)(function)
