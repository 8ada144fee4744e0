"""One ``.npz`` file per trajectory: plain arrays and a JSON header, no pickle, never half written."""

from __future__ import annotations

import json
import os
import tokenize
import zipfile
import zlib
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np

if TYPE_CHECKING:
    from gradflow.trajectory import Trajectory

FORMAT = "gradflow-trajectory"
VERSION = 1
# What zipfile, zlib, numpy and json raise on bytes that are not what they seem.
FOREIGN = (
    OSError,
    EOFError,
    KeyError,
    TypeError,
    ValueError,
    AttributeError,
    IndexError,
    RuntimeError,
    zlib.error,
    zipfile.BadZipFile,
    MemoryError,
    tokenize.TokenError,
    SyntaxError,
)
ROWS = ("times", "steps", "weights", "losses", "step_times", "step_losses", "final_state", "final_weights")
OPTIONAL = ("learning_rates", "velocities", "loss_slopes")
PLAIN = ("message", "num_gradients", "num_hvps", "method", "settings")


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


def pack(run: Trajectory) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return the header and the arrays that stand for a trajectory."""
    header = {"format": FORMAT, "version": VERSION, "outcome": run.outcome.name}
    header |= {name: getattr(run, name) for name in PLAIN}
    header |= {"records": list(run.records), "crossings": list(run.crossings)}
    arrays = {name: getattr(run, name) for name in ROWS}
    arrays |= {name: getattr(run, name) for name in OPTIONAL if getattr(run, name) is not None}
    if run.states is not run.weights:
        arrays["states"] = run.states
    arrays |= {f"record {index}": values for index, values in enumerate(run.records.values())}
    for index, crossing in enumerate(run.crossings.values()):
        arrays |= {f"crossing {index} {part}": values for part, values in enumerate(crossing)}
    return header, arrays


def write(path: Path, header: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
    """Write header and arrays under a temporary name beside `path`, then rename."""
    for name, values in arrays.items():
        if values.dtype.hasobject:
            raise ValueError(f"`{name}` must hold numbers or text to be saved, got Python objects")
    temporary = path.with_name(f".{path.name}.{uuid4().hex}.part")
    try:
        with open(temporary, "xb") as file:
            np.savez(file, header=np.array(to_json(header)), **arrays)  # type: ignore[arg-type]
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def unpack(path: Path, outcomes: type[Enum]) -> dict[str, Any]:
    """Return the fields of the trajectory in `path`.

    Raises
    ------
    ValueError
        If the file is truncated, is no trajectory, or has a newer format.
    """
    try:
        with open(path, "rb") as opened, np.load(opened, allow_pickle=False) as file:
            header = json.loads(str(file["header"]))
            if header["format"] != FORMAT:
                raise KeyError("format")
            if header["version"] > VERSION:
                raise ValueError(f"format version {header['version']}, newer than this gradflow's {VERSION}")
            return _fields(header, file) | {"outcome": outcomes[header["outcome"]]}
    except FOREIGN as error:
        if isinstance(error, FileNotFoundError | IsADirectoryError | PermissionError):
            raise
        raise ValueError(f"`path` must be a gradflow trajectory, got {str(path)!r}: {error}") from None


def _fields(header: dict[str, Any], file: Any) -> dict[str, Any]:
    fields = {name: header[name] for name in PLAIN}
    fields |= {name: file[name] for name in ROWS}
    fields |= {name: file.get(name) for name in OPTIONAL}
    fields["states"] = file.get("states", fields["weights"])
    fields["records"] = {name: file[f"record {index}"] for index, name in enumerate(header["records"])}
    fields["crossings"] = {
        name: tuple(file[f"crossing {index} {part}"] for part in range(3))
        for index, name in enumerate(header["crossings"])
    }
    if not isinstance(fields["settings"], dict) or not isinstance(fields["num_gradients"], int):
        raise ValueError("a header of another form")
    rows = [fields[name] for name in ("times", "steps", "weights", "states", "losses", *OPTIONAL)]
    if len({len(each) for each in (*rows, *fields["records"].values()) if each is not None}) != 1:
        raise ValueError("columns of unequal length")
    return fields
