"""A reader of CSV files."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from itertools import chain
from os import PathLike

from gradflow.datasets.columns import (
    Column,
    asked,
    asked_one_or_more,
    headed,
    other_places,
    places,
)
from gradflow.datasets.samples import Samples, measured
from gradflow.datasets.table import Table
from gradflow.datasets.text_rows import checked_delimiter, regular_path, text_rows


def from_csv(
    path: str | PathLike[str],
    target: Column | Sequence[Column],
    *,
    columns: Sequence[Column] | None = None,
    classes: bool = False,
    standardize: bool = False,
    delimiter: str | None = None,
    header: bool | None = None,
    encoding: str = "utf-8-sig",
) -> Samples:
    r"""Return inputs and targets from a file of comma-separated values, by the standard library alone.

    Parameters
    ----------
    path : str or path-like
        The file. Nothing in it is evaluated.
    target : str, int or sequence of those
        The column of the targets by name or number, counted from 0 or, if negative, from the end;
        several make targets of shape (N, c).
    columns : sequence of str or int, optional
        The columns of the inputs; by default all but the targets.
    classes : bool
        Whether numbers in the target column are names of classes. Text always is.
    standardize : bool
        Whether inputs are given mean 0 and deviation 1; what undoes it is kept.
    delimiter : str, optional
        By default that of tab, semicolon, bar, comma and blanks which fits the first two rows.
    header : bool, optional
        Whether the first row has names. By default it does if a column is asked for by name, or if none
        of its cells is a number.
    encoding : str
        Of the text; the default is UTF-8 with or without a byte order mark.

    Returns
    -------
    Samples
        To be unpacked as ``inputs, targets``. Amounts are floats; classes are labels 0 to k - 1 in the
        order of their names, numbers by size.

    Raises
    ------
    FileNotFoundError, IsADirectoryError
        If there is no file at `path`.
    ValueError
        If the file is empty or not separated text; if a line is too short or too long, a cell no finite
        number (named by its line and column), or a column unknown (the nearest name is named); if
        an input to be standardized is constant.

    See Also
    --------
    Samples : What comes back.
    from_sklearn, idx_folder : Other readers.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "fruit.csv")
    ...     _ = path.write_text("size,weight,kind\n1,4,plum\n3,8,apple\n")
    ...     samples = from_csv(path, "kind", standardize=True)
    >>> samples.inputs, samples.targets, samples.classes
    (array([[-1., -1.],
           [ 1.,  1.]]), array([1, 0]), ('apple', 'plum'))
    >>> samples.means, samples.scales
    (array([2., 6.]), array([1., 2.]))
    """
    wanted, is_single = asked_one_or_more("target", target)
    if classes and not is_single:
        raise ValueError(f"`classes` must be those of a single target, got {len(wanted)} in a sequence")
    chosen = [] if columns is None else asked("columns", columns)
    if header is None and any(isinstance(each, str) for each in chain(wanted, chosen)):
        header = True
    file = regular_path(path)
    with closing(text_rows(file, checked_delimiter(delimiter), encoding)) as rows:
        table = Table(file, *headed(file, rows, header))
        aims = places("target", wanted, table.names)
        taken = places("columns", chosen, table.names) or other_places(file, table.names, aims)
        if not taken or set(taken) & set(aims):
            raise ValueError("`columns` must be inputs beside the target, got none or the target itself")
        inputs, cells = table.read(taken, aims)
    targets, kinds = (
        table.amounts_or_labels(aims[0], cells, classes) if is_single else (table.amounts(aims, cells), ())
    )
    names, target_names = (tuple(table.names[place] for place in part) for part in (taken, aims))
    samples = measured(inputs, targets, names, target_names, kinds)
    return samples.standardized() if standardize else samples
