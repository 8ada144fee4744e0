"""How a kernel is compiled: without the interpreter's lock, and on disk for the next process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit
from numba.extending import intrinsic

# No more of "fast math" than a b + c in one rounding: the rest forgets nan and inf.
_OPTIONS: dict[str, Any] = {"error_model": "numpy", "fastmath": {"contract"}}

scalar = njit(inline="always", **_OPTIONS)


def kernel(function: Callable[..., Any]) -> Any:
    """Return the function for numba to compile, without a cache where no folder can be written."""
    return _on_disk(function, _OPTIONS)


def summing(function: Callable[..., Any]) -> Any:
    """Return the like of `kernel` for one that sums, in any order."""
    return _on_disk(function, {**_OPTIONS, "fastmath": {"contract", "reassoc"}})


def _on_disk(function: Callable[..., Any], options: dict[str, Any]) -> Any:
    try:
        return njit(cache=True, nogil=True, **options)(function)
    except RuntimeError:
        return njit(nogil=True, **options)(function)


@intrinsic
def fused(_context: Any, a: Any, b: Any, c: Any) -> Any:
    """Return a b + c with one rounding."""
    return a(a, b, c), lambda _target, builder, _signature, arguments: builder.fma(*arguments)


@intrinsic
def polynomial(_context: Any, x: Any, coefficients: Any) -> Any:
    """Return the polynomial in x, by Horner's rule from the highest of its coefficients, in the type of x."""

    def code(target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        value, numbers = arguments
        flags = ("contract",)
        terms = [
            target.cast(builder, builder.extract_value(numbers, n), coefficients.dtype, x)
            for n in range(coefficients.count)
        ]
        total = terms[0]
        for term in terms[1:]:
            total = builder.fadd(builder.fmul(total, value, flags=flags), term, flags=flags)
        return total

    return x(x, coefficients), code
