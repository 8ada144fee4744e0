"""Problems of a sweep that a worker can make again from their names: cases, and functions of a file."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from gradflow import cases
from gradflow.cli.arguments import Refused, one_of_them
from gradflow.cli.own_file import function_named, loaded, needed_by, own_functions, parted
from gradflow.cli.problem_names import is_own_file
from gradflow.cli.subjects import start_of
from gradflow.sweeps.points import LEARNING_RATE as RATES
from gradflow.sweeps.points import SEED
from gradflow.types import Array


@dataclass(frozen=True)
class OfCase:
    """A named case, as a function of what it is made from."""

    name: str

    def __call__(self, widths: int | Sequence[int] | None = None) -> Any:
        """Return the problem, with hidden layers of other widths if these are given."""
        given = (widths,) if isinstance(widths, int) else widths
        return cases.make(self.name, widths=given).problem

    def start(self, problem: Any, seed: int) -> Array:
        """Return the starting weights of the case."""
        return cases.CASES[self.name].start(problem, seed)


@dataclass(frozen=True)
class OfFile:
    """A function of a Python file, as far as a worker needs it; `digest` changes with the file's text."""

    path: str
    function: str
    digest: str

    def __call__(self, **values: Any) -> Any:
        """Call it and return what it returns: a problem, or problem, w0."""
        return _functions(self.path, self.digest)[self.function](**values)

    def start(self, problem: Any, seed: int) -> Array:
        """Return the problem's own starting weights, or standard normal ones, as every command does."""
        return start_of(problem)(seed)


@lru_cache(maxsize=4)
def _functions(path: str, _digest: str) -> dict[str, Any]:
    return own_functions(loaded(Path(path)))


def problem_of(name: str, axes: Sequence[str]) -> OfCase | OfFile:
    """Return what makes a problem.

    Raises
    ------
    Refused
        If there is no such case, file or function, it does not take one of the axes, or needs more.
    """
    made = _of_file(name) if is_own_file(name) else _of_case(name)
    function = _functions(made.path, made.digest)[made.function] if isinstance(made, OfFile) else made
    _check_parameters(name, function, axes)
    return made


def _check_parameters(name: str, function: Callable[..., Any], axes: Sequence[str]) -> None:
    known = inspect.signature(function).parameters.values()
    names = [each.name for each in known if each.kind is not each.VAR_KEYWORD]
    takes_all = any(each.kind is each.VAR_KEYWORD for each in known)
    needed = needed_by(function)
    if SEED in needed or (SEED in names and SEED in axes):
        raise Refused(
            "`problem` must take no `seed` in a sweep, which draws starting weights by initial_weights(seed) "
            f"of the problem, got {name!r:.60}"
        )
    for each in axes:
        if each not in (RATES, SEED, *names) and not takes_all:
            raise Refused(f"`axes` {one_of_them([RATES, SEED, *names], each)}")
    for each in needed:
        if each not in axes:
            raise Refused(f"`axes` must have {each}, which {name:.60} needs: --axis {each}=VALUES")


def _of_case(name: str) -> OfCase:
    if name not in cases.CASES:
        raise Refused(f"`problem` {one_of_them([*cases.CASES, 'FILE.py:function'], name)}")
    return OfCase(name)


def _of_file(name: str) -> OfFile:
    path, function = parted(name)
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise Refused(
            f"`problem` must be FILE.py:function, got {name!r:.60}: {error.strerror or error}"
        ) from None
    whole = str(path.resolve())
    try:
        function_named(function, _functions(whole, digest), path)
    except ValueError as error:
        raise Refused(error) from None
    return OfFile(whole, function, digest)
