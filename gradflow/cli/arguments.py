"""The doors of the command line: each turns one text into a value or says in one sentence why not."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from gradflow.cli import streams, suggestions

MOST_SEEDS = 1000


class Refused(Exception):
    """Arguments that only a command itself can judge; the message is the sentence to print."""


class Parser(argparse.ArgumentParser):
    """A parser that answers wrong arguments with one sentence and exit status 2."""

    # Options of the other command that this one has not, and why.
    elsewhere: dict[str, str]

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.elsewhere = {}

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
        """Return what is known of another command's option, or a question whether another was meant."""
        asked = word.partition("=")[0]
        if asked in self.elsewhere:
            return f": {self.elsewhere[asked]}"
        known = [option for option in self._option_string_actions if option.startswith("--")]
        return suggestions.meant(asked, known, suggestions.OPTIONS) if asked.startswith("--") else ""

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            names = [str(each) for each in action.choices]
            raise argparse.ArgumentError(None, f"the command {one_of_them(names, str(value))}")

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and leave."""
        streams.complain(self.prog, f"{message} (see {self.prog} --help)")
        sys.exit(2)

    def _print_message(self, message: str, _: Any = None) -> None:
        """Say help and version, or fail: argparse lets them get lost."""
        streams.say(message)


def one_of_them(names: Sequence[str], given: str, synonyms: dict[str, str] | None = None) -> str:
    """Return what to say of a word that is none of `names`."""
    return f"must be one of {', '.join(names)}, got {given!r:.60}{suggestions.meant(given, names, synonyms)}"


def one_of(names: Sequence[str], synonyms: dict[str, str] | None = None) -> Callable[[str], str]:
    """Return the door for one of `names`, in any case, with _ for - too."""

    def door(text: str) -> str:
        for name in names:
            if text.lower().replace("_", "-") == name.lower():
                return name
        raise argparse.ArgumentTypeError(one_of_them(names, text, synonyms))

    return door


def positive(text: str) -> float:
    """Return a positive finite number."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"must be a positive number, got {text!r:.60}")
    return value


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
        raise argparse.ArgumentTypeError(f"must be at least 0 and below 1, got {text!r:.60}")
    return value


def counts(text: str) -> tuple[int, ...]:
    """Return whole numbers of at least 1 that were separated by commas."""
    try:
        values = tuple(int(part) for part in text.split(","))
    except ValueError:
        values = (0,)
    if min(values) < 1:
        raise argparse.ArgumentTypeError(
            f"must be whole numbers of at least 1 separated by commas, got {text!r:.60}"
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


def seeds(text: str) -> tuple[int, ...]:
    """Return seeds written FIRST:END, END left out as in Python, or separated by commas.

    Examples
    --------
    >>> seeds("0:3"), seeds("4,7")
    ((0, 1, 2), (4, 7))
    """
    first, colon, end = text.partition(":")
    try:
        if not colon:
            return tuple(dict.fromkeys(seed(part) for part in text.split(",")))
        values = range(seed(first), seed(end))
    except argparse.ArgumentTypeError:
        values = range(0)
    if not 0 < len(values) <= MOST_SEEDS:
        raise argparse.ArgumentTypeError(
            f"must be FIRST:END with the first below the end and at most {MOST_SEEDS} seeds, such as 0:10, "
            f"or numbers separated by commas, got {text!r:.60}"
        )
    return tuple(values)
