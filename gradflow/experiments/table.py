"""The plotted series as one CSV table, a point a row."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gradflow.plots.series import Series
from gradflow.types import Array

HEADER = ("panel", "title", "series", "label", "x", "y", "value")


def write_table(path: Path, series: Sequence[Series]) -> None:
    """Write every point of the series; numbers stand with all their digits, so that they read back equal."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER)
        for number, each in enumerate(series, 1):
            value: Array | list[str] = [""] * each.x.size if each.value is None else each.value
            writer.writerows(
                (each.panel, each.title, number, each.label, *map(_digits, row))
                for row in zip(each.x, each.y, value, strict=True)
            )


def read_table(path: Path) -> list[Series]:
    """Return the series of a table that `write_table` wrote."""
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    numbers = dict.fromkeys(row["series"] for row in rows)
    return [_read([row for row in rows if row["series"] == number]) for number in numbers]


def _digits(value: object) -> str:
    return value if isinstance(value, str) else repr(float(value))  # type: ignore[arg-type]


def _read(rows: list[dict[str, str]]) -> Series:
    first = rows[0]
    x, y = (np.array([float(row[name]) for row in rows]) for name in ("x", "y"))
    value = np.array([float(row["value"]) for row in rows]) if first["value"] else None
    return Series(int(first["panel"]), first["title"], first["label"], x, y, value)
