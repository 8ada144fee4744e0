"""A trajectory as a table for pandas and CSV, or as a dataset for xarray."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gradflow import validate
from gradflow.files import written_whole
from gradflow.trajectory.storage import named, to_json

if TYPE_CHECKING:
    import pandas
    import xarray

    from gradflow.trajectory.trajectory import Trajectory

ROWS, STEPS, CROSSINGS = "rows", "steps", "crossings"
Columns = dict[str, NDArray[Any]]


def to_pandas(run: Trajectory, of: str) -> pandas.DataFrame:
    """Return a part of the run as a frame, see `Trajectory.to_pandas`."""
    frame = as_frame(columns(run, of))
    return frame if of == CROSSINGS else frame.set_index("time")


def as_frame(table: Columns) -> pandas.DataFrame:
    """Return columns of one length as a frame.

    Raises
    ------
    ImportError
        If pandas is not installed.
    """
    try:
        import pandas
    except ImportError:
        raise ImportError('to_pandas needs pandas: pip install "gradflow-sim[data]"') from None
    return pandas.DataFrame(table)


def to_csv(run: Trajectory, path: Any, of: str) -> Path:
    """Write a part of the run as text, see `Trajectory.to_csv`."""
    return write_csv(columns(run, of), named(path, ".csv"))


def write_csv(table: Columns, path: Path) -> Path:
    """Write columns of one length under their names; numbers come back from the text as they are."""
    with written_whole(path) as (temporary,), open(temporary, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(table)
        writer.writerows(zip(*(values.tolist() for values in table.values()), strict=True))
    return path


def columns(run: Trajectory, of: str) -> Columns:
    """Return the columns of the rows, the steps, the crossings, or of the record of this name.

    Raises
    ------
    ValueError
        If there is no such part, or a record of the rows has the name of another column.
    """
    validate.choice("of", of, (ROWS, STEPS, CROSSINGS, *run.records))
    if of == STEPS:
        taken = np.arange(len(run.step_times))
        return {"time": run.step_times, "step": taken, "step_loss": run.step_losses}
    if of == CROSSINGS:
        return _crossings(run)
    if of != ROWS:
        return _merged({"time": run.record_times[of]}, _spread(of, run.records[of]))
    table: Columns = {"time": run.times, "step": run.steps, "loss": run.losses}
    if run.learning_rates is not None:
        table["learning_rate"] = run.learning_rates
    for name, values in run.records.items():
        if run.record_times[name] is run.times:
            table = _merged(table, _spread(name, values))
    return _merged(table, _spread("w", run.weights))


def _crossings(run: Trajectory) -> Columns:
    found = run.crossings.values()
    names = [name for name, crossing in run.crossings.items() for _ in crossing.times]
    levels, times = (
        np.concatenate([np.empty(0), *(getattr(crossing, part) for crossing in found)])
        for part in ("levels", "times")
    )
    weights = np.concatenate([np.empty((0, run.final_weights.size)), *(each.weights for each in found)])
    table = {"event": np.array(names, dtype=object), "level": levels, "time": times}
    return _merged(table, _spread("w", weights))


def _spread(name: str, values: NDArray[Any]) -> Columns:
    """Return one column for each entry of what has a value at each row: w[0], w[1], or matrix[0,1]."""
    if values.ndim == 1:
        return {name: values}
    places = list(np.ndindex(values.shape[1:]))
    return {f"{name}[{','.join(map(str, place))}]": values[(slice(None), *place)] for place in places}


def _merged(table: Columns, more: Columns) -> Columns:
    _check_new(more, table, "table")
    return table | more


def _check_new(names: Any, taken: Any, what: str) -> None:
    for name in names:
        if name in taken:
            raise ValueError(f"`records` must have names of their own in a {what}, got {name!r:.60}")


def to_xarray(run: Trajectory) -> xarray.Dataset:
    """Return the whole run as a dataset, see `Trajectory.to_xarray`."""
    try:
        import xarray
    except ImportError:
        raise ImportError('to_xarray needs xarray: pip install "gradflow-sim[data]"') from None
    variables: dict[str, Any] = {
        "weights": (("time", "weight"), run.weights),
        "loss": ("time", run.losses),
        "step_loss": ("step_time", run.step_losses),
    }
    if run.learning_rates is not None:
        variables["learning_rate"] = ("time", run.learning_rates)
    coordinates: dict[str, Any] = {
        "time": run.times,
        "step": ("time", run.steps),
        "step_time": run.step_times,
    }
    for name, values in run.records.items():
        _check_new([name], ("weight", *variables, *coordinates), "dataset")
        along = "time" if run.record_times[name] is run.times else f"{name}_time"
        coordinates[along] = run.record_times[name]
        variables[name] = ((along, *(f"{name}_{axis}" for axis in range(1, values.ndim))), values)
    for name, crossing in run.crossings.items():
        along, width = f"{name}_crossing", "final_weight" if run.settings.get("sketch") else "weight"
        found = {
            f"{along}_level": (along, crossing.levels),
            f"{along}_time": (along, crossing.times),
            f"{along}_weights": ((along, width), crossing.weights),
        }
        _check_new((along, *found), (*variables, *coordinates), "dataset")
        variables |= found
    attributes: dict[str, Any] = {"outcome": run.outcome.name, "message": run.message, "method": run.method}
    attributes |= {"num_gradients": run.num_gradients, "num_hvps": run.num_hvps}
    return xarray.Dataset(variables, coordinates, attributes | {"settings": to_json(run.settings)})
