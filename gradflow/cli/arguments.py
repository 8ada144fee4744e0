"""The doors of the command line: each turns one text into a value or says in one sentence why not."""

from __future__ import annotations

import argparse
import math
import sys
from typing import NoReturn


class Refused(Exception):
    """Arguments that only a command itself can judge; the message is the sentence to print."""


class Parser(argparse.ArgumentParser):
    """A parser that answers wrong arguments with one sentence and exit status 2."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and leave."""
        sys.stderr.write(f"{self.prog}: {message} (see {self.prog} --help)\n")
        sys.exit(2)


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
    """Return a whole number of at least 1."""
    (value,) = counts(text) if "," not in text else (0,)
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 1, got {text!r}")
    return value


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
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 0, got {text!r}")
    return int(text)
