"""Answers as text for people and as values for files."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np


def plain(answers: Any) -> Any:
    """Return answers as JSON has them: numbers, words, lists and dictionaries; nan becomes None.

    A number without end becomes the word inf.

    Examples
    --------
    >>> plain({"slopes": np.array([0.5, np.nan]), 2: np.int64(3)})
    {'slopes': [0.5, None], '2': 3}
    """
    if isinstance(answers, Mapping):
        return {str(name): plain(each) for name, each in answers.items()}
    if isinstance(answers, np.ndarray | np.generic):
        return plain(answers.tolist())
    if isinstance(answers, list | tuple):
        return [plain(each) for each in answers]
    if isinstance(answers, float) and not math.isfinite(answers):
        return None if math.isnan(answers) else str(answers)
    return answers


def lines(answers: Mapping[str, Any], indent: str = "") -> list[str]:
    r"""Return answers as lines of text: dictionaries of lists of equal length are tables.

    Examples
    --------
    >>> print(*lines({"limit": 2.0, "runs": {"eta": [0.1, 0.25], "steps": [10, 4000]}}), sep="\n")
    limit: 2
    runs
       eta  steps
       0.1     10
      0.25  4,000
    """
    text: list[str] = []
    for name, each in answers.items():
        if not isinstance(each, Mapping):
            text.append(f"{indent}{name}: {_cell(each)}")
        else:
            text.append(f"{indent}{name}")
            text += _table(each, f"{indent}  ") if _is_table(each) else lines(each, f"{indent}  ")
    return text


def _is_table(answers: Mapping[str, Any]) -> bool:
    columns = list(answers.values())
    lengths = {len(each) if _is_list(each) else -1 for each in columns}
    return len(columns) > 1 and len(lengths) == 1 and -1 not in lengths


def _table(columns: Mapping[str, Any], indent: str) -> list[str]:
    cells = [[str(name), *map(_cell, each)] for name, each in columns.items()]
    widths = [max(map(len, column)) for column in cells]
    rows = zip(*cells, strict=True)
    return [
        indent + "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows
    ]


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence | np.ndarray) and not isinstance(value, str)


def _cell(value: Any) -> str:
    if _is_list(value):
        return ", ".join(_cell(each) for each in value) or "none"
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, int | np.integer):
        return f"{value:,}"
    if isinstance(value, float | np.floating):
        return "-" if math.isnan(value) else f"{value:.6g}"
    return str(value)
