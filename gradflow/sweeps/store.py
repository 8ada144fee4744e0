"""One SQLite file of finished points: written row by row, shared by processes, never half."""

from __future__ import annotations

import io
import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from gradflow.types import Array

# "gfsw" as a number, by which SQLite knows whose file it is, and the version of its tables.
APPLICATION, VERSION = 0x67667377, 1
# Two processes wait for each other so many seconds.
PATIENCE = 60.0
# SQLite takes so many values in one question.
_AT_ONCE = 500
_TABLES = """
create table points (key text primary key, parameters text not null, numbers text not null) without rowid;
create table arrays (key text not null, name text not null, data blob not null, primary key (key, name))
    without rowid;
"""


@dataclass(frozen=True, eq=False)
class Row:
    """What one point of a sweep came to.

    Attributes
    ----------
    key : str
        Digest of all that the answer depends on.
    parameters : mapping of str to number, str or bool
        Where on the axes it lies.
    numbers : mapping of str to number, str, bool or None
        The answers; None where there is none.
    arrays : mapping of str to ndarray
        Longer answers.
    """

    key: str
    parameters: Mapping[str, Any]
    numbers: Mapping[str, Any]
    arrays: Mapping[str, Array] = field(default_factory=lambda: MappingProxyType({}))


class Store:
    """Finished points of sweeps in one SQLite file.

    A point is written whole or not at all, and stays when the process is killed behind it. Several processes
    may read and write at once (write-ahead logging, which needs a local disk). Arrays are kept in numpy's
    ``.npy`` form and never unpickled.

    Parameters
    ----------
    path : str or path
        The file; it is made if there is none.

    Raises
    ------
    ValueError
        If the file is of something else, of another version, or damaged.
    OSError
        If it cannot be opened or written.

    See Also
    --------
    Sweep : Computes what a store does not have.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     store = Store(folder + "/sweep.db")
    ...     store.add([Row("a1", {"learning_rate": 0.1}, {"final_loss": 2.5})])
    ...     len(store), "a1" in store, [row.numbers["final_loss"] for row in store.rows()]
    (1, True, [2.5])
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        with self._open() as base:
            kind, version = (
                base.execute(f"pragma {name}").fetchone()[0] for name in ("application_id", "user_version")
            )
            tables = base.execute("select count(*) from sqlite_master").fetchone()[0]
            if (kind, version, tables) == (0, 0, 0):
                self._make(base)
            elif kind != APPLICATION:
                raise ValueError(
                    f"`path` must be a store of sweeps, got a database of something else, {self._name}"
                )
            elif version != VERSION:
                raise ValueError(
                    f"`path` must be a store of version {VERSION}, got version {version}, {self._name}"
                )

    @property
    def _name(self) -> str:
        return repr(str(self.path))

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection; what SQLite says of a file that is none becomes a sentence."""
        try:
            with closing(sqlite3.connect(self.path, timeout=PATIENCE, isolation_level=None)) as base:
                yield base
        except sqlite3.OperationalError as error:
            raise OSError(f"the store {self._name} could not be used: {error}") from error
        except sqlite3.DatabaseError as error:
            raise ValueError(f"`path` must be a store of sweeps, got {self._name}: {error}") from error

    def _make(self, base: sqlite3.Connection) -> None:
        base.execute("pragma journal_mode = wal")
        base.execute("begin immediate")
        # Another process may have been quicker.
        if not base.execute("select count(*) from sqlite_master").fetchone()[0]:
            for statement in _TABLES.split(";"):
                base.execute(statement)
            base.execute(f"pragma application_id = {APPLICATION}")
            base.execute(f"pragma user_version = {VERSION}")
        base.execute("commit")

    def add(self, rows: Iterable[Row]) -> None:
        """Write rows, all of them or none; one that is there already stays as it is."""
        points, arrays = [], []
        for row in rows:
            points.append((row.key, _text(row.parameters), _text(row.numbers)))
            arrays += [(row.key, name, _packed(array)) for name, array in row.arrays.items()]
        with self._open() as base:
            base.execute("begin immediate")
            try:
                base.executemany("insert or ignore into points values (?, ?, ?)", points)
                base.executemany("insert or ignore into arrays values (?, ?, ?)", arrays)
                base.execute("commit")
            except BaseException:
                if base.in_transaction:
                    base.execute("rollback")
                raise

    def rows(self, keys: Iterable[str] | None = None) -> Iterator[Row]:
        """Yield rows, of `keys` in their order where they are there, or all."""
        with self._open() as base:
            wanted = (
                [key for (key,) in base.execute("select key from points")] if keys is None else list(keys)
            )
            for start in range(0, len(wanted), _AT_ONCE):
                yield from self._some(base, wanted[start : start + _AT_ONCE])

    def _some(self, base: sqlite3.Connection, keys: list[str]) -> Iterator[Row]:
        marks = ",".join("?" * len(keys))
        arrays: dict[str, dict[str, Array]] = {}
        for key, name, data in base.execute(f"select * from arrays where key in ({marks})", keys):
            arrays.setdefault(key, {})[name] = _unpacked(data)
        points = {row[0]: row for row in base.execute(f"select * from points where key in ({marks})", keys)}
        for key in keys:
            if key in points:
                _, parameters, numbers = points[key]
                yield Row(key, json.loads(parameters), json.loads(numbers), arrays.get(key, {}))

    def __contains__(self, key: object) -> bool:
        with self._open() as base:
            return base.execute("select 1 from points where key = ?", (key,)).fetchone() is not None

    def __len__(self) -> int:
        with self._open() as base:
            return int(base.execute("select count(*) from points").fetchone()[0])

    def __repr__(self) -> str:
        count = len(self)
        return f"Store({str(self.path)!r}, {count:,} point{'s' * (count != 1)})"


def _text(values: Mapping[str, Any]) -> str:
    return json.dumps(dict(values), allow_nan=True)


def _packed(array: Array) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.asarray(array), allow_pickle=False)
    return buffer.getvalue()


def _unpacked(data: bytes) -> Array:
    return np.load(io.BytesIO(data), allow_pickle=False)
