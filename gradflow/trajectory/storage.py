"""One ``.npz`` file per trajectory: plain arrays and a JSON header, no pickle, never half written."""

from __future__ import annotations

import json
import zipfile
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np

from gradflow.files import check_regular, written_whole
from gradflow.trajectory import members
from gradflow.trajectory.crossings import Crossings
from gradflow.trajectory.origin import Origin

FORMAT = "gradflow-trajectory"
VERSION = 2
ROWS = ("times", "steps", "weights", "losses", "step_times", "step_losses", "final_state", "final_weights")
OPTIONAL = ("learning_rates", "velocities", "loss_slopes")
OWN_TIMES = "record times "
PLAIN = {"message": str, "num_gradients": int, "num_hvps": int, "method": str, "settings": dict}
DIMENSIONS = {
    **dict.fromkeys(("times", "steps", "losses", "step_times", "step_losses", "learning_rates"), 1),
    **dict.fromkeys(("final_state", "final_weights", "loss_slopes"), 1),
    **dict.fromkeys(("weights", "states", "velocities"), 2),
}


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
    """Return the header and the arrays that stand for a trajectory."""
    header = {"format": FORMAT, "version": VERSION, "outcome": run.outcome.name}
    header |= {name: getattr(run, name) for name in PLAIN}
    header |= {"records": list(run.records), "crossings": list(run.crossings)}
    header |= {"origin": run.origin.description}
    arrays = {name: getattr(run, name) for name in ROWS}
    arrays |= {name: getattr(run, name) for name in OPTIONAL if getattr(run, name) is not None}
    if run.states is not run.weights:
        arrays["states"] = run.states
    for index, (name, values) in enumerate(run.records.items()):
        arrays[f"record {index}"] = values
        if run.record_times[name] is not run.times:
            arrays[f"record times {index}"] = run.record_times[name]
    for index, crossing in enumerate(run.crossings.values()):
        arrays |= {f"crossing {index} {part}": values for part, values in enumerate(crossing)}
    return header, arrays


def write(path: Path, header: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
    """Write header and arrays to `path`, whole or not at all."""
    for name, values in arrays.items():
        if values.dtype.hasobject:
            raise ValueError(f"`{name}` must hold numbers or text to be saved, got Python objects")
    with written_whole(path) as (temporary,), open(temporary, "wb") as file:
        np.savez(file, header=np.array(to_json(header)), **arrays)  # type: ignore[arg-type]


def with_suffix(path: Path) -> Path:
    """Return the path with ``.npz`` behind it, unless it is there."""
    return path if path.suffix.lower() == ".npz" else path.with_name(f"{path.name}.npz")


def unpack(path: Path, outcomes: type[Enum]) -> dict[str, Any]:
    """Return the fields of the trajectory in `path`.

    Raises
    ------
    ValueError
        If the file is truncated, is no trajectory, unpacks to far more than a run can, or has a newer
        format. Nothing is unpacked before every array's shape agrees with its size and with the others.
    """
    check_regular(path)
    with open(path, "rb") as file:
        try:
            with zipfile.ZipFile(file) as archive:
                header, columns = _checked(archive, path.stat().st_size)
                fields = _fields(header, {name: members.read(archive, name) for name in columns})
                return fields | {"outcome": outcomes[header["outcome"]]}
        except MemoryError:
            raise
        # On bytes that are not what they seem zipfile, zlib, json and numpy, which parses with ast and
        # tokenize, may raise nearly anything.
        except Exception as error:
            reason = " ".join(str(error).split())
            raise ValueError(
                f"`path` must be a gradflow trajectory, got {str(path)!r}: {reason:.300}"
            ) from error


def _checked(archive: zipfile.ZipFile, packed: int) -> tuple[dict[str, Any], list[str]]:
    """Return the header and the names of the arrays of a run, all of which agree with each other."""
    found = members.described(archive)
    if "header" not in found or "times" not in found:
        raise ValueError("arrays of something else")
    if found["header"].shape != () or found["header"].dtype.kind != "U" or len(found["times"].shape) != 1:
        raise ValueError("a header of another form")
    _check_columns(found)
    members.check_size(archive, found, packed)
    header = json.loads(str(members.read(archive, "header")))
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise ValueError("another format")
    if header["version"] > VERSION:
        raise ValueError(f"format version {header['version']}, newer than this gradflow's {VERSION}")
    if any(type(header[name]) is not kind for name, kind in PLAIN.items()):
        raise ValueError("a header of another form")
    return header, [name for name in found if name != "header"]


def _check_columns(found: dict[str, members.Member]) -> None:
    """Raise unless all columns have as many rows as there are times, and the dimensions they should have."""
    for name, member in found.items():
        if len(member.shape) != DIMENSIONS.get(name, len(member.shape)):
            raise ValueError(f"{name!r} in {len(member.shape)} dimensions")
        if name in DIMENSIONS and member.dtype.kind != ("i" if name == "steps" else "f"):
            raise ValueError(f"{name!r} of {member.dtype}")
    columns = ("times", "steps", "weights", "states", "losses", *OPTIONAL)
    rows = [found[name] for name in found if name in columns]
    for name in found:
        if name.startswith("record ") and not name.startswith(OWN_TIMES):
            own = found.get(f"{OWN_TIMES}{name.removeprefix('record ')}", found["times"])
            if found[name].shape[:1] != own.shape[:1]:
                raise ValueError("a record of unequal length")
    if {member.shape[:1] for member in rows} != {found["times"].shape} or not found["times"].shape[0]:
        raise ValueError("columns of unequal length")
    for one, other in (("step_times", "step_losses"), ("weights", "velocities")):
        if one in found and other in found and found[one].shape != found[other].shape:
            raise ValueError(f"{one!r} and {other!r} of unequal shape")
    for name, member in found.items():
        if name.startswith("crossing ") and member.shape[:1] != found[f"{name[:-1]}0"].shape:
            raise ValueError("crossings of unequal length")


def _fields(header: dict[str, Any], arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    fields = {name: header[name] for name in PLAIN}
    fields |= {name: arrays[name] for name in ROWS}
    fields |= {name: arrays.get(name) for name in OPTIONAL}
    fields["states"] = arrays.get("states", fields["weights"])
    names = list(enumerate(header["records"]))
    fields["records"] = {name: arrays[f"record {index}"] for index, name in names}
    fields["record_times"] = {
        name: arrays.get(f"{OWN_TIMES}{index}", fields["times"]) for index, name in names
    }
    fields["origin"] = Origin(description=header.get("origin", {"lost": "a run of an earlier version"}))
    fields["crossings"] = {
        name: Crossings(*(arrays[f"crossing {index} {part}"] for part in range(3)))
        for index, name in enumerate(header["crossings"])
    }
    return fields
