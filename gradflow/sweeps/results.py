"""The table that a sweep leaves."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gradflow.files import as_path
from gradflow.studies.table import aligned
from gradflow.sweeps.store import Row
from gradflow.trajectory.frames import as_frame, write_csv

if TYPE_CHECKING:
    import pandas
    import xarray

# Rows that `table` shows before it says how many more there are.
SHOWN = 20


@dataclass(frozen=True, eq=False, repr=False)
class SweepResult:
    """What a sweep came to, one row a point, in the order of the axes.

    Attributes
    ----------
    axes : mapping of str to tuple
        The values of each axis.
    rows : sequence of Row
        The points that have an answer.
    missing : mapping of str to int
        Why others have none, and how many; empty when the sweep is whole.
    is_interrupted : bool
        Whether Ctrl-C or SIGTERM ended it.

    See Also
    --------
    Sweep : Makes it.
    """

    axes: Mapping[str, tuple[Any, ...]]
    rows: Sequence[Row]
    missing: Mapping[str, int]
    is_interrupted: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether every point has its answer."""
        return not self.missing

    @property
    def names(self) -> list[str]:
        """The columns: the axes, then what was computed."""
        answers = dict.fromkeys(name for row in self.rows for name in row.numbers)
        return [*self.axes, *answers]

    def column(self, name: str) -> NDArray[Any]:
        """Return one column, one entry a row; nan, or None in text, where a row has no value.

        Raises
        ------
        ValueError
            If there is no column of this name.
        """
        if name not in self.names:
            raise ValueError(f"`name` must be one of {', '.join(self.names)}, got {name!r:.60}")
        values = [{**row.parameters, **row.numbers}.get(name) for row in self.rows]
        is_text = any(isinstance(value, str | list) for value in values)
        if is_text:
            column = np.empty(len(values), dtype=object)
            column[:] = [tuple(value) if isinstance(value, list) else value for value in values]
            return column
        return np.array([np.nan if value is None else value for value in values])

    def grid(self, name: str) -> NDArray[Any]:
        """Return a column in the shape of the axes, nan (None in text) where a point is missing."""
        column = self.column(name)
        shape = tuple(len(values) for values in self.axes.values())
        is_text = column.dtype == object
        grid = np.full(shape, None if is_text else np.nan, dtype=object if is_text else float)
        places = {each: {value: i for i, value in enumerate(values)} for each, values in self.axes.items()}
        for row, value in zip(self.rows, column, strict=True):
            grid[tuple(places[each][_hashable(row.parameters[each])] for each in self.axes)] = value
        return grid

    def table(self, shown: int = SHOWN) -> str:
        """Return the first rows as aligned text."""
        lines = [
            [*self.names],
            *(
                [_told({**row.parameters, **row.numbers}.get(name)) for name in self.names]
                for row in self.rows[:shown]
            ),
        ]
        more = len(self.rows) - shown
        return "\n".join(aligned(lines) + ([f"... and {more:,} more rows"] if more > 0 else []))

    def to_pandas(self) -> pandas.DataFrame:
        """Return the table as a frame, one row a point (extra ``data``)."""
        return as_frame(self._columns)

    def to_csv(self, path: str | os.PathLike[str]) -> Path:
        """Write the table and return the path."""
        return write_csv(self._columns, as_path("path", path))

    @property
    def _columns(self) -> dict[str, NDArray[Any]]:
        return {name: self.column(name) for name in self.names}

    def to_xarray(self) -> xarray.Dataset:
        """Return every answer on the grid of the axes (extra ``data``)."""
        import xarray

        answers = [name for name in self.names if name not in self.axes]
        coordinates = {
            name: [str(value) if isinstance(value, tuple) else value for value in values]
            for name, values in self.axes.items()
        }
        return xarray.Dataset({name: (tuple(self.axes), self.grid(name)) for name in answers}, coordinates)

    def __len__(self) -> int:
        return len(self.rows)

    def __repr__(self) -> str:
        sizes = " x ".join(f"{len(values)} {name}" for name, values in self.axes.items())
        outcomes = Counter(row.numbers.get("outcome") for row in self.rows)
        told = ", ".join(f"{count:,} {name.lower()}" for name, count in outcomes.most_common() if name)
        lost = "".join(f"; {count:,} missing: {why}" for why, count in self.missing.items())
        return f"SweepResult({sizes}{': ' + told if told else ''}{lost})"


def _hashable(value: Any) -> Any:
    return tuple(_hashable(each) for each in value) if isinstance(value, list | tuple) else value


def _told(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.5g}" if isinstance(value, float) else str(value)
