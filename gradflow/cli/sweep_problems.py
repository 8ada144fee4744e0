"""Problems of a sweep that a worker can make again from their names: cases, and functions of a file."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from gradflow import cases
from gradflow.cli.arguments import Refused, one_of_them
from gradflow.cli.own_file import loaded, own_functions, parted
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


@lru_cache(maxsize=4)
def _functions(path: str, _digest: str) -> dict[str, Any]:
    return own_functions(loaded(Path(path)))


def problem_of(name: str, parameters: Sequence[str]) -> OfCase | OfFile:
    """Return what makes a problem.

    Raises
    ------
    Refused
        If there is no such case, file or function, or it does not take one of `parameters`.
    """
    made = _of_file(name) if ".py" in name else _of_case(name)
    function = _functions(made.path, made.digest)[made.function] if isinstance(made, OfFile) else made
    known = inspect.signature(function).parameters.values()
    names = [each.name for each in known if each.kind is not each.VAR_KEYWORD]
    takes_all = any(each.kind is each.VAR_KEYWORD for each in known)
    for each in parameters:
        if each not in names and not takes_all:
            raise Refused(f"`axes` {one_of_them(['learning_rate', 'seed', *names], each)}")
    return made


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
    functions = _functions(str(path.resolve()), digest)
    if function not in functions:
        raise Refused(f"`problem` {one_of_them([f'{path}:{each}' for each in functions], name)}")
    return OfFile(str(path.resolve()), function, digest)
