"""The columns of a table of text: their names, and those that a user asks for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from itertools import chain, islice
from math import isfinite, nan
from numbers import Integral
from pathlib import Path
from typing import Any

from gradflow import validate
from gradflow.datasets.text_rows import Row

Column = str | int


def number(cell: str) -> float:
    """Return the finite number that `cell` is, or NaN; 1_000 is one for Python alone."""
    try:
        value = nan if "_" in cell else float(cell)
    except ValueError:
        return nan
    return value if isfinite(value) else nan


def headed(path: Path, rows: Iterator[Row], header: bool | None) -> tuple[list[str], Iterator[Row]]:
    """Return the names of the columns, numbers as text where there is no header, and the rows below."""
    head = list(islice(rows, 2))
    if not head:
        raise ValueError(f"{path.name!r} must have rows, got an empty file")
    first, below = head[0][1], head[1:]
    if not (_is_header(path, [cells for _, cells in head]) if header is None else header):
        return [str(place) for place in range(len(first))], chain(head, rows)
    if not below:
        raise ValueError(f"{path.name!r} must have rows below its header, got none")
    return [name.strip() for name in first], chain(below, rows)


def asked(argument: str, value: Any) -> list[Column]:
    """Return the names and numbers of columns in `value`, at least one."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        chosen = list(value)
        if chosen and all(_is_column(each) for each in chosen):
            return chosen
    raise ValueError(
        f"`{argument}` must be names or numbers of columns in a sequence, got {validate.shown(value)}"
    )


def asked_one_or_more(argument: str, value: Any) -> tuple[list[Column], bool]:
    """Return the columns in `value`, and whether it is a single one."""
    return ([value], True) if _is_column(value) else (asked(argument, value), False)


def places(argument: str, chosen: Sequence[Column], names: list[str]) -> list[int]:
    """Return where the columns are."""
    return [_place(argument, column, names) for column in chosen]


def other_places(path: Path, names: list[str], taken: Sequence[int]) -> list[int]:
    """Return where the columns are that are not `taken`, each of which must have a name."""
    others = [place for place in range(len(names)) if place not in taken]
    nameless = [place for place in others if not names[place]]
    if nameless:
        raise ValueError(
            f"{path.name!r} must have a name for every input, got none for column {nameless[0]}, as a "
            "column of row numbers has none; `columns` says which are the inputs"
        )
    return others


def _is_column(value: Any) -> bool:
    return isinstance(value, str | Integral) and not isinstance(value, bool)


def _is_header(path: Path, rows: list[list[str]]) -> bool:
    numeric = [[number(cell) == number(cell) for cell in cells] for cells in rows]
    if not any(numeric[0]):
        return True
    if any(below and not above for above, below in zip(numeric[0], numeric[-1], strict=True)):
        raise ValueError(
            f"{path.name!r} must have names or numbers in its first row, got both; "
            "`header` says whether it is a header"
        )
    return False


def _place(argument: str, column: Column, names: list[str]) -> int:
    if not isinstance(column, str):
        if not -len(names) <= column < len(names):
            raise ValueError(f"`{argument}` must be a column from 0 to {len(names) - 1}, got {column}")
        return int(column) % len(names)
    found = [place for place, name in enumerate(names) if name == column]
    if len(found) == 1:
        return found[0]
    if found:
        raise ValueError(
            f"`{argument}` must be the name of one column, got {column!r:.60} of columns {found}"
        )
    near = get_close_matches(column.lower(), [name.lower() for name in names], n=1, cutoff=0.0)
    nearest = next(name for name in names if name.lower() == near[0])
    raise ValueError(
        f"`{argument}` must be one of {len(names)} columns, got {column!r:.60}; nearest is {nearest!r:.60}"
    )
