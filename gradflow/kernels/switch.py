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


_WHERE_INSTALLED = Choice("numba", "it is installed")
# What has been made under the present choice, by names; None stands for numpy.
made: dict[tuple[str, str], Any] = {}
_choice: Choice | None = None


def use(name: str) -> None:
    """Choose the kernels of this process from now on.

    Results agree to rounding. Problems and runs that exist already follow at their next pass. The
    environment variable is read when kernels are first needed, and again after ``use("auto")``.

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
    global _choice
    wanted = _checked("name", name)
    _choice = None if wanted == "auto" else _given(wanted, "gradflow.kernels.use asks for it")
    made.clear()


def choice() -> Choice:
    """Return the kernels in use, and why.

    Raises
    ------
    ValueError
        If ``GRADFLOW_KERNELS`` is none of "auto", "numba" and "numpy".
    ImportError
        If it asks for numba, which is not installed.
    """
    global _choice
    if _choice is None:
        _choice = _by_default()
    return _choice


def compiled() -> bool:
    """Return whether numba's kernels are in use."""
    return choice().name == "numba"


def asked_for() -> bool:
    """Return whether the kernels were chosen by name, not because they are installed."""
    return choice() != _WHERE_INSTALLED


def give_up(error: Exception) -> None:
    """Go on without numba, which has failed with `error`, unless it was asked for by name."""
    global _choice
    if choice() != _WHERE_INSTALLED:
        raise error
    first_line = f"{type(error).__name__}: {error}".splitlines()[0]
    _choice = Choice("numpy", f"numba does not work here: {first_line:.120}")


def _by_default() -> Choice:
    wanted = _checked(VARIABLE, os.environ.get(VARIABLE, "auto"))
    if wanted != "auto":
        return _given(wanted, f"{VARIABLE} asks for it")
    if not _installed():
        return Choice("numpy", f"numba is not installed: {_HINT}")
    return _WHERE_INSTALLED


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
