"""One ``.npz`` file per trajectory: plain arrays and a JSON header, no pickle, never half written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from gradflow.files import as_file, written_whole
from gradflow.trajectory.members import KINDS, MOST_MEMBERS

FORMAT = "gradflow-trajectory"
VERSION = 2
ROWS = ("times", "steps", "weights", "losses", "step_times", "step_losses", "final_state", "final_weights")
OPTIONAL = ("learning_rates", "velocities", "loss_slopes")
OWN_TIMES = "record times "
PLAIN = {"message": str, "num_gradients": int, "num_hvps": int, "method": str, "settings": dict}


def to_json(value: Any) -> str:
    """Return JSON text; arrays become lists and what JSON has no word for becomes its repr."""
    return json.dumps(value, default=_plain)


def _plain(value: Any) -> Any:
    """Return the nearest thing that JSON has a word for."""
    if isinstance(value, np.longdouble):
        return float(value)  # numpy's own `tolist` gives a longdouble back
    if isinstance(value, np.ndarray | np.generic) and not isinstance(value, np.clongdouble):
        return value.tolist()
    return repr(value)


def json_values(settings: dict[str, Any]) -> dict[str, Any]:
    """Return settings as they come back from a file."""
    values: dict[str, Any] = json.loads(to_json(settings))
    return values


def pack(run: Any) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return the header and the arrays that stand for a trajectory.

    Raises
    ------
    ValueError
        If an array holds neither numbers nor text, or there are more than a file is read with.
    """
    arrays = {name: getattr(run, name) for name in ROWS}
    arrays |= {name: getattr(run, name) for name in OPTIONAL if getattr(run, name) is not None}
    if run.states is not run.weights:
        arrays["states"] = run.states
    for index, (name, values) in enumerate(run.records.items()):
        arrays[f"record {index}"] = values
        if run.record_times[name] is not run.times:
            arrays[f"{OWN_TIMES}{index}"] = run.record_times[name]
    for index, crossing in enumerate(run.crossings.values()):
        arrays |= {f"crossing {index} {part}": values for part, values in enumerate(crossing)}
    _check_arrays(arrays)
    header = {"format": FORMAT, "version": VERSION, "outcome": run.outcome.name}
    header |= {"arrays": {name: form(values.dtype, values.shape) for name, values in arrays.items()}}
    header |= {name: getattr(run, name) for name in PLAIN}
    header |= {"records": list(run.records), "crossings": list(run.crossings)}
    return header | {"origin": run.origin.description}, arrays


def form(dtype: np.dtype, shape: tuple[int, ...]) -> list[str | int]:
    """Return type and shape of an array as the header lists them."""
    return [dtype.str[1:], *shape]


def _check_arrays(arrays: dict[str, np.ndarray]) -> None:
    if len(arrays) >= MOST_MEMBERS:
        raise ValueError(
            f"`trajectory` must have fewer than {MOST_MEMBERS:,} arrays to be saved, got {len(arrays):,}: "
            "records and crossings"
        )
    for name, values in arrays.items():
        if values.dtype.kind not in KINDS:
            what = "Python objects" if values.dtype.hasobject else f"{values.dtype}"
            raise ValueError(f"`{name}` must hold numbers or text to be saved, got {what:.60}")


def write(path: Path, run: Any) -> None:
    """Write a trajectory to this path, whole or not at all."""
    packed = pack(run)
    with written_whole(path) as (temporary,):
        write_packed(temporary, *packed)


def write_packed(path: Path, header: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
    """Write what `pack` returned."""
    with open(path, "wb") as file:
        np.savez(file, header=np.array(to_json(header)), **arrays)  # type: ignore[arg-type]


def named(path: Any, suffix: str = ".npz") -> Path:
    """Return the path with the suffix behind its name, unless it is there.

    Raises
    ------
    ValueError
        If it is no path, or does not end in the name of a file.
    """
    given = as_file("path", path)
    return given if given.suffix.lower() == suffix else given.with_name(f"{given.name}{suffix}")
