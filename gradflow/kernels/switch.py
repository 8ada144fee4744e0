"""Which code computes the elementwise functions: numpy's, or our own compiled by numba."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from typing import Any

VARIABLE = "GRADFLOW_KERNELS"
_NAMES = ("auto", "numba", "numpy")
_HINT = "pip install 'gradflow-sim[fast]'"


@dataclass(frozen=True)
class Choice:
    """The kernels in use.

    Attributes
    ----------
    name : str
        "numba" or "numpy".
    reason : str
        Why, as the end of a sentence.
    """

    name: str
    reason: str


_asked: Choice | None = None
_broken = ""


def use(name: str) -> None:
    """Choose the kernels of this process from now on.

    Results agree to rounding: within 2 units in the last place with numba, within 1e-15 of a value with
    numpy. Workspaces, problems and runs that exist already follow at their next pass.

    Parameters
    ----------
    name : str
        "numpy", "numba", or "auto": what the environment variable ``GRADFLOW_KERNELS`` says, else numba
        where it is installed.

    Raises
    ------
    ValueError
        If `name` is none of these.
    ImportError
        If numba is asked for and not installed.

    See Also
    --------
    choice : What is in use, and why.

    Examples
    --------
    >>> use("numpy")
    >>> choice()
    Choice(name='numpy', reason='gradflow.kernels.use asks for it')
    >>> use("auto")
    """
    global _asked
    wanted = _checked("name", name)
    _asked = None if wanted == "auto" else _given(wanted, "gradflow.kernels.use asks for it")


def choice() -> Choice:
    """Return the kernels in use, and why.

    Raises
    ------
    ValueError
        If ``GRADFLOW_KERNELS`` is none of "auto", "numba" and "numpy".
    ImportError
        If it asks for numba, which is not installed.
    """
    if _asked is not None:
        return _asked
    wanted = _checked(VARIABLE, os.environ.get(VARIABLE, "auto"))
    if wanted != "auto":
        return _given(wanted, f"{VARIABLE} asks for it")
    if not _installed():
        return Choice("numpy", f"numba is not installed: {_HINT}")
    if _broken:
        return Choice("numpy", f"numba does not work here: {_broken}")
    return Choice("numba", "it is installed")


def compiled() -> bool:
    """Return whether numba's kernels are in use."""
    return choice().name == "numba"


def give_up(error: Exception) -> None:
    """Go on without numba, which has failed with `error`, unless it was asked for by name."""
    global _broken
    if choice().reason != "it is installed":
        raise error
    _broken = f"{type(error).__name__}: {error}".splitlines()[0][:120]


def _checked(name: str, value: Any) -> str:
    if not isinstance(value, str) or value not in _NAMES:
        raise ValueError(f"`{name}` must be one of {', '.join(_NAMES)}, got {value!r:.60}")
    return value


def _given(name: str, reason: str) -> Choice:
    if name == "numba" and not _installed():
        raise ImportError(f"{reason.split()[0]} asks for numba, which is not installed: {_HINT}")
    return Choice(name, reason)


@cache
def _installed() -> bool:
    return find_spec("numba") is not None
