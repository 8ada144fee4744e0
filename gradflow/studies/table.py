"""Tables of text."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return lines with the first and the last column to the left and the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            text.ljust(width) if place in (0, len(row) - 1) else text.rjust(width)
            for place, (text, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def number(learning_rate: float) -> str:
    """Return a learning rate in all its digits."""
    return f"{learning_rate}".removesuffix(".0")


def brief(value: float) -> str:
    """Return a number in four digits, or a dash where there is none."""
    return f"{value:.4g}" if np.isfinite(value) else "-"
