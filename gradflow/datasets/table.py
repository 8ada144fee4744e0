"""From rows of text to numbers and class labels, with the place of what is neither."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isfinite, isnan, nan
from pathlib import Path

import numpy as np

from gradflow.datasets.columns import number
from gradflow.datasets.samples import Labels
from gradflow.datasets.text_rows import Row
from gradflow.types import Array


@dataclass(frozen=True, eq=False)
class Table:
    """The rows of a file below its header, to be read once.

    Attributes
    ----------
    path : Path
    names : list of str
        Of the columns.
    rows : iterator of (line, cells)
    """

    path: Path
    names: list[str]
    rows: Iterator[Row]

    def read(self, inputs: Sequence[int], targets: Sequence[int]) -> tuple[Array, list[Row]]:
        """Return the numbers of the columns `inputs` and, as text still, those of `targets`."""
        values, rest = array("d"), []
        for line, cells in self.rows:
            values.extend(self._finite(line, inputs, [cells[place] for place in inputs]))
            rest.append((line, [cells[place].strip() for place in targets]))
        return np.array(values).reshape(len(rest), len(inputs)), rest

    def amounts(self, places: Sequence[int], rows: Sequence[Row]) -> Array:
        """Return the numbers in `rows`, whose cells are those of the columns `places`."""
        return np.array([self._finite(line, places, cells) for line, cells in rows])

    def amounts_or_labels(
        self, place: int, rows: Sequence[Row], classes: bool
    ) -> tuple[Array | Labels, tuple[str, ...]]:
        """Return the numbers of one column and (); where it is text, or `classes`, labels and their names."""
        cells = [cell for _, (cell,) in rows]
        values = np.array([number(cell) for cell in cells])
        is_text = np.isnan(values)
        if not classes and not is_text.any():
            return values, ()
        mixed = not classes and not is_text.all()
        for (line, (cell,)), odd in zip(rows, is_text.tolist(), strict=True):
            if not cell:
                raise self._refusal("a target in every line", line, place, cell)
            if odd and mixed:
                wanted = "numbers alone or text alone as targets, or both with `classes=True`"
                raise self._refusal(wanted, line, place, cell)
        return _numbered(cells)

    def _finite(self, line: int, places: Sequence[int], cells: list[str]) -> list[float]:
        """Return the numbers in some cells of a line; each is looked at only if there may be none in one."""
        try:
            values = list(map(float, cells))
        except ValueError:
            values = [nan]
        if not isfinite(sum(values)) or "_" in "".join(cells):
            values = [self._number(line, *each) for each in zip(places, cells, strict=True)]
        return values

    def _number(self, line: int, place: int, cell: str) -> float:
        value = number(cell)
        if isnan(value):
            wanted = "finite numbers"
            if not isnan(number(cell.replace(",", ".", 1))):
                wanted += " with points before their decimals"
            raise self._refusal(wanted, line, place, cell)
        return value

    def _refusal(self, wanted: str, line: int, place: int, cell: str) -> ValueError:
        return ValueError(
            f"{self.path.name!r} must hold {wanted}, got {cell.strip()!r:.60} in line {line}, "
            f"column {self.names[place]!r:.60}"
        )


def _numbered(cells: Sequence[str]) -> tuple[Labels, tuple[str, ...]]:
    """Return the place of each cell among all different ones: numbers by size, then text by alphabet."""

    def order(cell: str) -> tuple[bool, float, str]:
        value = number(cell)
        return isnan(value), 0.0 if isnan(value) else value, cell

    ordered = sorted(set(cells), key=order)
    label = {cell: place for place, cell in enumerate(ordered)}
    return np.array([label[cell] for cell in cells], dtype=np.int64), tuple(ordered)
