"""A problem that a Python file of the user's own makes: FILE.py:function."""

from __future__ import annotations

import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from gradflow import validate
from gradflow.cli import suggestions
from gradflow.cli.arguments import Refused
from gradflow.cli.subjects import Subject, start_of
from gradflow.problems.completed import as_problem
from gradflow.problems.problem import Problem, Start
from gradflow.simulate.counting import CountedProblem
from gradflow.types import Array
from gradflow.words import own_words

HOW = "it is called without arguments, or with `seed`, and returns a problem, or problem, w0"
MODULE = "gradflow_own_problem"


def subject_of_file(given: str) -> Subject:
    """Return the problem that FILE.py:function makes.

    Raises
    ------
    ValueError
        If the file is missing, has no such function, or the function returns something else.
    """
    path, function = parted(given)
    if not path.is_file():
        raise ValueError(f"`problem` must be FILE.py:function, got {given!r:.60}: there is no such file")
    make = _function(loaded(path), path, function)
    problem, start = _made(make, 0)
    CountedProblem(problem).check_start(start(0).copy())
    description = (own_words(make) or f"{function} of {path.name}").partition("\n")[0]
    if _takes_seed(make):
        return Subject(path.stem, description, problem, lambda seed: _made(make, seed)[1](seed))
    return Subject(path.stem, description, problem, start)


def parted(given: str) -> tuple[Path, str]:
    """Return file and function of FILE.py:function."""
    head, colon, function = given.partition(".py:")
    return (Path(f"{head}.py"), function) if colon else (Path(given), "")


@contextmanager
def blamed(given: str | None) -> Iterator[None]:
    """Say in one sentence where the user's own code failed; everything else passes.

    Raises
    ------
    Refused
        In place of an error that was raised in the file or in what it called.
    """
    try:
        yield
    except (Exception, SystemExit) as error:
        if given is None or isinstance(error, Refused) or (place := _place(error, parted(given)[0])) is None:
            raise
        said = " ".join(str(error).split())
        raise Refused(
            f"{parted(given)[0]} failed in line {place}: {type(error).__name__}: {said:.200}"
        ) from None


def _place(error: BaseException, path: Path) -> int | None:
    """Return the line of the file in which an error was raised, None where it was not there."""
    if isinstance(error, SyntaxError) and error.filename and _is_same(error.filename, path):
        return error.lineno or 1
    lines = [
        each.lineno for each in traceback.extract_tb(error.__traceback__) if _is_same(each.filename, path)
    ]
    return lines[-1] if lines else None


def _is_same(name: str, path: Path) -> bool:
    return Path(name).resolve() == path.resolve()


def loaded(path: Path) -> ModuleType:
    """Run the file as a module, with its folder where Python looks for others."""
    spec = importlib.util.spec_from_file_location(MODULE, path)
    if spec is None or spec.loader is None:
        raise ValueError(f"`problem` must be a Python file, got {str(path)!r:.60}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[MODULE] = module
    sys.path.insert(0, str(path.resolve().parent))
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        spec.loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = before
    return module


def own_functions(module: ModuleType) -> dict[str, Callable[..., Any]]:
    """Return the functions of a file that have names for others, in their order."""
    return {
        each: value
        for each, value in vars(module).items()
        if inspect.isfunction(value) and value.__module__ == MODULE and not each.startswith("_")
    }


def _function(module: ModuleType, path: Path, name: str) -> Callable[..., Any]:
    own = own_functions(module)
    known = f"one of the functions {', '.join(own)}" if own else "a function, and the file has none"
    if name not in own:
        likely = suggestions.meant(name, own) if name else ""
        raise ValueError(f"`problem` must name {known}, as {path}:NAME, got {name!r:.60}{likely}")
    make = own[name]
    needed = [
        each.name
        for each in inspect.signature(make).parameters.values()
        if each.default is each.empty and each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)
    ]
    if set(needed) - {"seed"}:
        raise ValueError(
            f"`problem` must name a function that takes nothing, got {name}({', '.join(needed)}): {HOW}"
        )
    return make


def _takes_seed(make: Callable[..., Any]) -> bool:
    return "seed" in inspect.signature(make).parameters


def _made(make: Callable[..., Any], seed: int) -> tuple[Problem, Callable[[int], Array]]:
    """Return the problem, and its starting weights by seed: those the function returns too, or its own."""
    found = make(seed=seed) if _takes_seed(make) else make()
    given, w0 = found if isinstance(found, tuple) and len(found) == 2 else (found, None)
    name = make.__name__
    try:
        problem = as_problem(given)
    except ValueError as error:
        raise ValueError(f"`problem` must be made by {name} ({error}): {HOW}") from None
    if w0 is None and not isinstance(given, Start) and not isinstance(problem.num_weights, int | np.integer):
        raise ValueError(f"`problem` must have starting weights: let {name} return problem, w0")
    start = start_of(given) if w0 is None else lambda _: w0
    return problem, lambda each: validate.weight_vector("w0", start(each), problem.num_weights)
