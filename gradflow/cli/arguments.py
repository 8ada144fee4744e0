"""The doors of the command line: each turns one text into a value or says in one sentence why not."""

from __future__ import annotations

import argparse
import difflib
import math
import sys
from typing import Any, NoReturn

from gradflow.cli import streams


class Refused(Exception):
    """Arguments that only a command itself can judge; the message is the sentence to print."""


class Parser(argparse.ArgumentParser):
    """A parser that answers wrong arguments with one sentence and exit status 2."""

    def parse_known_args(  # type: ignore[override]
        self, args: Any = None, namespace: Any = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Parse, and let each command judge its own words, so that it names its own help."""
        words = sys.argv[1:] if args is None else list(args)
        for word in words:
            # argparse drops a value "--" and hands on an empty list.
            if word.startswith("--") and word.endswith("=--"):
                self.error(f"argument {word[:-3]}: must have a value, got '--'")
        options, unknown = super().parse_known_args(words, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}{self._likely(unknown[0])}")
        return options, []

    def _likely(self, word: str) -> str:
        """Return a question whether another option was meant, if one looks like it."""
        known = [option for option in self._option_string_actions if option.startswith("--")]
        asked = word.partition("=")[0]
        likely = [each for each in known if _shortens(asked, each)]
        likely = likely or difflib.get_close_matches(asked, known, 1)
        return f", did you mean {likely[0]}?" if likely and asked.startswith("--") else ""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and leave."""
        streams.complain(self.prog, f"{message} (see {self.prog} --help)")
        sys.exit(2)

    def _print_message(self, message: str, _: Any = None) -> None:
        """Say help and version, or fail: argparse lets them get lost."""
        streams.say(message)


def _shortens(short: str, word: str) -> bool:
    """Whether the letters of `short` stand in `word` in their order, as in --lr and --learning-rates."""
    letters = iter(word)
    return all(letter in letters for letter in short)


def problem_name(options: argparse.Namespace) -> str:
    """Return the name of the problem, which is given as a word or as an option."""
    from gradflow import cases

    if options.word is not None and options.problem is not None:
        raise Refused(f"give the problem once, got {options.word!r} and --problem {options.problem!r}")
    name = options.default_problem
    for given in (options.word, options.problem):
        name = name if given is None else given
    try:
        cases.check_name(name)
    except ValueError as error:
        raise Refused(error) from None
    return str(name)


def positive(text: str) -> float:
    """Return a positive finite number."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"must be a positive number, got {text!r}")
    return value


def positives(text: str) -> tuple[float, ...]:
    """Return positive numbers that were separated by commas, repeats left out."""
    try:
        return tuple(dict.fromkeys(positive(part) for part in text.split(",")))
    except argparse.ArgumentTypeError:
        raise argparse.ArgumentTypeError(
            f"must be positive numbers separated by commas, got {text!r}"
        ) from None


def positives_or_auto(text: str) -> tuple[float, ...] | None:
    """Return positive numbers that were separated by commas, None for "auto"."""
    return None if text == "auto" else positives(text)


def count(text: str) -> int:
    """Return a whole number of at least 1, written 10000 or 1e4."""
    try:
        value = int(text) if text.strip().isdecimal() else float(text)
    except ValueError:
        value = 0
    if not 1 <= value < math.inf or value != int(value):
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 1, got {text:.60}")
    return int(value)


def share(text: str) -> float:
    """Return a number of at least 0 and below 1."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < 1:
        raise argparse.ArgumentTypeError(f"must be at least 0 and below 1, got {text!r}")
    return value


def counts(text: str) -> tuple[int, ...]:
    """Return whole numbers of at least 1 that were separated by commas."""
    try:
        values = tuple(int(part) for part in text.split(","))
    except ValueError:
        values = (0,)
    if min(values) < 1:
        raise argparse.ArgumentTypeError(
            f"must be whole numbers of at least 1 separated by commas, got {text!r}"
        )
    return values


def seed(text: str) -> int:
    """Return a whole number of at least 0."""
    try:
        value = int(text) if text.isdecimal() else -1
    except ValueError:  # more digits than Python reads
        value = -1
    if value < 0:
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 0, got {text!r:.60}")
    return value
