"""The small grammar of learning rates: numbers, shares of the stability limit, ranges of either.

::

    rates = item {"," item}
    item  = rate | rate ":" rate ":" count ["log" | "lin"]
    rate  = number | [number "*"] "limit" | number "/lambda"

``0.02:2:20log`` are 20 from 0.02 to 2, evenly apart on a logarithm; without a word evenly apart.
``limit`` is the stability limit of the rule at the start, ``lambda`` the sharpness there.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass

from gradflow.cli.arguments import count, positive

MOST = 1000
# Of what is computed, so that names of files stay short.
DIGITS = 6
# Inside a range, where nobody asked for a certain number.
INNER_DIGITS = 4


@dataclass(frozen=True)
class Rate:
    """A number in units of 1, of the limit or of 1 / lambda."""

    value: float
    unit: str = ""

    def times(self, limit: float | None, sharpness: float | None) -> float | None:
        """Return the learning rate, None where its unit does not exist."""
        if not self.unit:
            return self.value
        if sharpness is None or not sharpness > 0:
            return None
        size = limit if self.unit == "limit" else 1 / sharpness
        return None if size is None else float(f"{self.value * size:.{DIGITS}g}")


@dataclass(frozen=True)
class Span:
    """So many learning rates from one to another, both included."""

    first: Rate
    last: Rate
    count: int
    is_log: bool

    def times(self, limit: float | None, sharpness: float | None) -> list[float] | None:
        """Return the learning rates, None where a unit does not exist."""
        first, last = self.first.times(limit, sharpness), self.last.times(limit, sharpness)
        if first is None or last is None:
            return None
        # Here, since words are read without waiting for numpy.
        import numpy as np

        spread = np.geomspace if self.is_log else np.linspace
        inner = [float(f"{value:.{INNER_DIGITS}g}") for value in spread(first, last, self.count)[1:-1]]
        return [first, *inner, last] if self.count > 1 else [first]


@dataclass(frozen=True)
class LearningRates:
    """What was asked for, before the limit is known."""

    items: tuple[Rate | Span, ...]

    @property
    def needs_limit(self) -> bool:
        """Whether they are numbers only with the limit."""
        return self.times(None, None) is None

    def times(self, limit: float | None, sharpness: float | None) -> tuple[float, ...] | None:
        """Return the learning rates, ascending and each once; None where a unit does not exist."""
        found: set[float] = set()
        for item in self.items:
            value = item.times(limit, sharpness)
            if value is None:
                return None
            found.update(value if isinstance(value, list) else [value])
        return tuple(sorted(found))


def learning_rates(text: str) -> LearningRates:
    """Return the learning rates that a text asks for.

    Examples
    --------
    >>> learning_rates("0.1, 0.5*limit, 2/lambda").times(0.38, 10.0)
    (0.1, 0.19, 0.2)
    >>> learning_rates("0.01:1:3log").times(None, None)
    (0.01, 0.1, 1.0)
    """
    items = tuple(_item(part.strip(), text) for part in text.split(","))
    if sum(item.count if isinstance(item, Span) else 1 for item in items) > MOST:
        raise argparse.ArgumentTypeError(f"must be at most {MOST} learning rates, got {text!r:.60}")
    return LearningRates(items)


def learning_rates_or_auto(text: str) -> LearningRates | None:
    """Return the learning rates that a text asks for, None for "auto"."""
    return None if text.strip().lower() == "auto" else learning_rates(text)


def _item(part: str, text: str) -> Rate | Span:
    try:
        if ":" not in part:
            return _rate(part)
        first, last, number = part.split(":")
        is_log = number.endswith("log")
        number = number.removesuffix("log").removesuffix("lin")
        return Span(_rate(first), _rate(last), count(number), is_log)
    except (ValueError, argparse.ArgumentTypeError):
        raise argparse.ArgumentTypeError(
            "must be positive numbers separated by commas, shares of the limit such as 0.5*limit or "
            f"2/lambda, or a range such as 0.02:2:20log, got {text!r:.60}"
        ) from None


def _rate(text: str) -> Rate:
    text = text.strip()
    if text == "limit":
        return Rate(1.0, "limit")
    for end, unit in (("*limit", "limit"), ("/lambda", "lambda")):
        if text.replace(" ", "").endswith(end):
            return Rate(positive(text.replace(" ", "").removesuffix(end)), unit)
    if not math.isfinite(value := positive(text)):
        raise ValueError
    return Rate(value)
