"""Which vector instructions numpy's loops take on this processor."""

from __future__ import annotations

from functools import cache

# Names of x86 targets in numpy's dispatch, old and new, that mean AVX-512.
_AVX512 = ("AVX512", "X86_V4")


@cache
def target(ufunc: str, dtype: str) -> str:
    """Return numpy's name of the instructions in its loop of a ufunc, "none" where it has no choice."""
    from numpy.lib import introspect

    found = introspect.opt_func_info(f"^{ufunc}$", f"^{dtype}$").get(ufunc, {})
    return next((str(each["current"]) for each in found.values()), "none")


def avx512(ufunc: str, dtype: str = "float64") -> bool:
    """Return whether numpy's loop of a ufunc takes AVX-512."""
    return target(ufunc, dtype).startswith(_AVX512)
