"""tanh without AVX-512, where numpy's own takes 4 to 13 ns an entry: a table, and a polynomial between.

With h the multiple of 1/64 next to x and r = x - h,

    tanh(x) = (tanh h + tanh r) / (1 + tanh h tanh r),

the first from the table, the second r - r^3 / 3 + 2 r^5 / 15 - 17 r^7 / 315. Near 0 the table holds 0 and
what is left is exact to rounding, which no formula through exp is.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradflow.kernels.instructions import avx512

Reals = NDArray[Any]

# A chunk's workspaces take 0.5 MB; with fewer entries than half of that numpy's calls cost more than tanh.
_CHUNK, _LEAST = 16_384, 8_192
# tanh(20) is 1 in double precision.
_END, _STEPS = 20, 64
# Numbers as arrays: a call takes those half as long as Python's floats. Adding _SHIFT rounds to a multiple
# of 1/64, whose number then stands in the lowest bits.
_SHIFT, _MOST, _ONE = np.array(1.5 * 2.0**46), np.array(float(_END)), np.array(1.0)
_FIRST = (_SHIFT - _MOST).view(np.int64)
_C3, _C5, _C7 = np.array(-1.0 / 3.0), np.array(2.0 / 15.0), np.array(-17.0 / 315.0)


def tanh(x: Reals, out: Reals) -> None:
    """Write tanh(x), by the quicker of two ways on this processor."""
    if x.size < _LEAST or x.dtype.char != "d" or avx512("tanh") or not _flat(x, out):
        np.tanh(x, out=out)
    else:
        from_table(x.reshape(-1), out.reshape(-1))


def _flat(x: Reals, out: Reals) -> bool:
    return x.flags.c_contiguous and out.flags.c_contiguous


def from_table(x: Reals, out: Reals) -> None:
    """Write tanh(x) of flat arrays in double precision, within 1e-15 of itself."""
    spare = np.empty((3, min(_CHUNK, x.size)))
    for start in range(0, x.size, _CHUNK):
        part = x[start : start + _CHUNK]
        _chunk(part, out[start : start + _CHUNK], *spare[:, : part.size])


def _chunk(x: Reals, y: Reals, r: Reals, h: Reals, p: Reals) -> None:
    np.minimum(x, _MOST, out=r)
    np.maximum(r, -_MOST, out=r)
    np.add(r, _SHIFT, out=h)
    numbers = p.view(np.int64)
    np.subtract(h.view(np.int64), _FIRST, out=numbers)
    np.subtract(h, _SHIFT, out=h)
    np.subtract(r, h, out=r)
    _table().take(numbers, out=h, mode="clip")
    np.multiply(r, r, out=p)
    np.multiply(p, _C7, out=y)
    np.add(y, _C5, out=y)
    np.multiply(y, p, out=y)
    np.add(y, _C3, out=y)
    np.multiply(y, p, out=y)
    np.multiply(y, r, out=y)
    np.add(y, r, out=y)
    np.multiply(y, h, out=p)
    np.add(p, _ONE, out=p)
    np.add(y, h, out=y)
    np.divide(y, p, out=y)


@cache
def _table() -> Reals:
    return np.tanh(np.arange(-_END * _STEPS, _END * _STEPS + 1) / _STEPS)
