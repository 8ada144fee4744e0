"""Which problem the words of a command mean: a named one, one of the user's own, or data."""

from __future__ import annotations

import argparse

from gradflow.cli.arguments import Refused, one_of_them


def problem_name(options: argparse.Namespace) -> str | None:
    """Return the problem that is given as a word or as an option, None where data make it."""
    if options.word is not None and options.problem is not None:
        raise Refused(f"give the problem once, got {options.word!r} and --problem {options.problem!r}")
    name = options.problem if options.word is None else options.word
    if options.data is not None:
        if name is not None:
            raise Refused(f"give either a problem or --data, got {name!r} and --data {options.data!r}")
        if options.target is None:
            raise Refused(
                "`target` must be given with --data: the column to learn, by its name or its number "
                "(-1 for the last)"
            )
        return None
    for option in ("target", "columns"):
        if vars(options)[option] is not None:
            raise Refused(f"`data` must be given with --{option}: --data FILE.csv")
    name = options.default_problem if name is None else name
    if not is_own_file(name):
        _check_case(name)
    return str(name)


def is_own_file(name: str) -> bool:
    """Whether a problem is one of the user's own: FILE.py:function."""
    return name.endswith(".py") or ".py:" in name


def own_file_of(options: argparse.Namespace) -> str | None:
    """Return FILE.py:function where that is the problem."""
    name = problem_name(options)
    return name if name is not None and is_own_file(name) else None


def _check_case(name: str) -> None:
    from gradflow import cases

    if name in cases.CASES:
        return
    if name.endswith(".csv"):
        raise Refused(
            f"`problem` must be a name, got a file of data: --data {name} --target COLUMN learns from it"
        )
    raise Refused(f"`problem` {one_of_them([*cases.CASES, 'FILE.py:function'], name)}")
