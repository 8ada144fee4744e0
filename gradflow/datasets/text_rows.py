"""The rows of a file of separated values as text, with the numbers of their lines."""

from __future__ import annotations

import csv
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any, TextIO

from gradflow import files, validate

# In the order in which they are tried: a comma may be a decimal one, a blank part of a text.
DELIMITERS = ("\t", ";", "|", ",", " ")
# More characters than a million columns need; without an end of line a file would be read as a whole.
LONGEST_LINE = 2**24

Row = tuple[int, list[str]]


def regular_path(path: Any) -> Path:
    """Return `path` if there is a file."""
    given = files.as_path("path", path)
    try:
        files.check_regular(given)
    except FileNotFoundError:
        raise FileNotFoundError(f"`path` must be a file, got {str(path)!r}, where there is none") from None
    return given


def text_rows(path: Path, delimiter: str | None, encoding: str) -> Generator[Row]:
    """Yield the number of its line and the cells of each row, all of one length, blank lines left out."""
    try:
        with path.open(encoding=encoding, newline="") as file:
            yield from _even(path, _rows(path, file, delimiter))
    except LookupError:
        raise ValueError(f"`encoding` must be one that Python knows, got {encoding!r:.60}") from None
    except UnicodeError:
        raise ValueError(
            f"{path.name!r} must be text in {encoding}, got other bytes; `encoding` says what it is in"
        ) from None


def checked_delimiter(delimiter: Any) -> str | None:
    """Return `delimiter` if it is None or one character that can separate cells."""
    if delimiter is None or (
        isinstance(delimiter, str) and len(delimiter) == 1 and delimiter not in '"\r\n\0'
    ):
        return delimiter
    raise ValueError(f"`delimiter` must be one character, got {validate.shown(delimiter)}")


def _rows(path: Path, file: TextIO, delimiter: str | None) -> Iterator[Row]:
    chosen = _found_delimiter(file) if delimiter is None else delimiter
    lines = _lines(path, file)
    if chosen == " ":
        lines = (line.strip() for line in lines)
    reader = csv.reader(lines, delimiter=chosen, skipinitialspace=True, strict=True)
    try:
        for cells in reader:
            if any(cell and not cell.isspace() for cell in cells):
                yield reader.line_num, cells
    except csv.Error as problem:
        raise ValueError(
            f"{path.name!r} must be separated values, got {problem} in line {reader.line_num}"
        ) from None


def _found_delimiter(file: TextIO) -> str:
    """Return the first separator that cuts two rows alike, or else the one that cuts the first row most."""
    head: list[str] = []
    while len(head) < 2 and (line := file.readline(LONGEST_LINE)):
        if line.strip():
            head.append(line.strip())
    file.seek(0)
    counts = {delimiter: [_count(line, delimiter) for line in head] or [1] for delimiter in DELIMITERS}
    for delimiter, cells in counts.items():
        if min(cells) == max(cells) > 1:
            return delimiter
    return max((",", *DELIMITERS), key=lambda delimiter: counts[delimiter][0])


def _count(line: str, delimiter: str) -> int:
    try:
        return len(next(csv.reader([line], delimiter=delimiter, skipinitialspace=True)))
    except csv.Error:  # a cell beyond all measure, which is refused where it is read
        return 1


def _lines(path: Path, file: TextIO) -> Iterator[str]:
    number = 0
    while line := file.readline(LONGEST_LINE):
        number += 1
        if len(line) == LONGEST_LINE:
            raise ValueError(
                f"{path.name!r} must have lines below {LONGEST_LINE} characters, got a longer line {number}"
            )
        if "\0" in line:
            raise ValueError(f"{path.name!r} must be text, got a zero byte in line {number}")
        yield line


def _even(path: Path, rows: Iterator[Row]) -> Iterator[Row]:
    width = None
    for line, cells in rows:
        width = len(cells) if width is None else width
        if len(cells) != width:
            raise ValueError(
                f"{path.name!r} must have {width} cells in every line, got {len(cells)} in line {line}"
            )
        yield line, cells
