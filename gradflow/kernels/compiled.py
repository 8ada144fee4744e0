"""The kernels that numba compiles, each made when it is first needed and kept on disk where that can be."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradflow.kernels import switch

Kernel = Callable[..., Any]

# For fewer entries numpy costs no more than a call into compiled code, and numba need not be loaded.
LEAST_ENTRIES = 1_000
_MODULES = {"d": "gradflow.kernels.double", "f": "gradflow.kernels.single"}
# Arguments of kernels that are numbers.
_NUMBERS = ("share",)


def find(name: str, *arrays: NDArray[Any]) -> Kernel | None:
    """Return the compiled kernel called `name` for contiguous `arrays` of one type; None where numpy does it.

    A kernel takes the arrays flat and writes over the last one.
    """
    if arrays[0].size < LEAST_ENTRIES:
        return None
    for each in arrays:
        if not each.flags.c_contiguous:
            return None
    key = name, arrays[0].dtype.char
    try:
        return switch.made[key]
    except KeyError:
        return switch.made.setdefault(key, _made(*key))


def ready() -> bool:
    """Return whether compiled code is in use, having tried it."""
    return find("tanh_values", np.zeros(LEAST_ENTRIES)) is not None


def _made(name: str, character: str) -> Kernel | None:
    if character not in _MODULES or not switch.compiled():
        return None
    try:
        kernel: Any = getattr(import_module(_MODULES[character]), name)
        return _compiled(kernel, character)
    except Exception as error:  # whatever a numba raises that does not fit this Python, numpy or processor
        switch.give_up(error)
        return None


def _compiled(kernel: Any, character: str) -> Kernel:
    """Compile for flat arrays and numbers; in memory where what is on disk cannot be read or written."""
    import numba

    number = numba.from_dtype(np.dtype(character))
    names = kernel.py_func.__code__.co_varnames[: kernel.py_func.__code__.co_argcount]
    signature = tuple(number if name in _NUMBERS else number[::1] for name in names)
    try:
        kernel.compile(signature)
    except Exception:  # whatever pickle raises at a file that is cut short, or a disk that is full
        kernel = numba.jit(**kernel.targetoptions)(kernel.py_func)
        kernel.compile(signature)
    return kernel
