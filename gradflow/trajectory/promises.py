"""What every trajectory promises, asked of one that comes from a file: each breach is one sentence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from gradflow.trajectory.members import Member
from gradflow.trajectory.storage import FORMAT, OPTIONAL, OWN_TIMES, PLAIN, VERSION, form
from gradflow.types import Array

VECTORS = ("times", "steps", "losses", "step_times", "step_losses", "final_state", "final_weights")
TABLES = ("weights", "states", "velocities")
DIMENSIONS = {**dict.fromkeys((*VECTORS, "learning_rates", "loss_slopes"), 1), **dict.fromkeys(TABLES, 2)}
OF_ROWS = ("times", "steps", "weights", "states", "losses", *OPTIONAL)
KINDS_OF_RUN = (None, "flow", "descent")
MOST = 2**62


def check_header(header: Any) -> None:
    """Raise unless the header has everything it should, of the type it should be.

    Raises
    ------
    ValueError
        With a few words, which the reader of files makes a sentence of; so do the other checks.
    """
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise ValueError("another format")
    version = header.get("version")
    if type(version) is not int or version < 1:
        raise ValueError("another version of the format")
    if version > VERSION:
        raise ValueError(f"a version of the format that is newer than this gradflow's {VERSION}")
    for name, kind in (PLAIN | {"outcome": str}).items():
        if type(header.get(name)) is not kind:
            raise ValueError(f"{name!r} of another type")
    for name in ("num_gradients", "num_hvps"):
        if not 0 <= header[name] <= MOST:
            raise ValueError(f"{name!r} that is no count")
    for name in ("records", "crossings"):
        if not _are_names(header.get(name)) or len(set(header[name])) < len(header[name]):
            raise ValueError(f"{name!r} without names of their own")
    if not isinstance(header.get("arrays", {}), dict):
        raise ValueError("'arrays' of another type")
    _check_settings(header["settings"])
    if not _is_description(header.get("origin")):
        raise ValueError("'origin' of another form")


def check_shapes(found: Mapping[str, Member], listed: Mapping[str, Any] | None) -> None:
    """Raise unless the arrays have the dimensions, types and lengths of a run's, and are as listed."""
    for name, member in found.items():
        kind = _kind_of(name)
        if kind and member.dtype.newbyteorder("=") != np.dtype(kind):
            raise ValueError(f"{name!r} of {member.dtype}")
        if len(member.shape) != _dimensions(name, member):
            raise ValueError(f"{name!r} in {len(member.shape)} dimensions")
    num_rows = found["times"].shape[0]
    if not num_rows or any(found[name].shape[0] != num_rows for name in OF_ROWS if name in found):
        raise ValueError("columns of unequal length")
    for one, other in (("step_times", "step_losses"), ("weights", "velocities")):
        if other in found and found[one].shape != found[other].shape:
            raise ValueError(f"{one!r} and {other!r} of unequal shape")
    for name, member in found.items():
        if name.startswith("crossing "):
            _check_crossing(name, member, found)
        elif name.startswith("record ") and not name.startswith(OWN_TIMES):
            times = found.get(name.replace("record ", OWN_TIMES, 1), found["times"])
            if member.shape[0] != times.shape[0]:
                raise ValueError("a record of unequal length")
        if listed is not None and listed[name] != form(member.dtype, member.shape):
            raise ValueError(f"{name!r} of another form than its header lists")


def check_values(run: Mapping[str, Any]) -> None:
    """Raise unless the numbers are those of a run: finite, in order, and in one tale with each other."""
    for name, values in _finite_ones(run):
        if not np.isfinite(values).all():
            raise ValueError(f"{name!r} that are not finite")
    for name, values in _rising_ones(run):
        if (values[1:] < values[:-1]).any():
            raise ValueError(f"{name!r} that fall")
    if run["learning_rates"] is not None and not (run["learning_rates"] > 0).all():
        raise ValueError("'learning_rates' that are not positive")
    _check_steps(run)
    _check_end(run)
    for name, (_, times, _) in run["crossings"].items():
        if times.size and not run["times"][0] <= times.min() <= times.max() <= run["times"][-1]:
            raise ValueError(f"crossings of {name!r:.40} outside the run")


def _check_settings(settings: dict[str, Any]) -> None:
    """Raise unless what a trajectory reads in its own settings is there."""
    sketch = settings.get("sketch")
    is_sketch = isinstance(sketch, dict) and {"num_weights", "size", "seed"} == set(sketch)
    if sketch is not None and not (is_sketch and all(type(each) is int for each in sketch.values())):
        raise ValueError("'settings' with a sketch of another form")
    if settings.get("kind") not in KINDS_OF_RUN:
        raise ValueError("'settings' of another kind of run")
    if settings.get("losses") == "rows" and type(settings.get("batch")) is not int:
        raise ValueError("'settings' with losses of batches that are none")


def _check_crossing(name: str, member: Member, found: Mapping[str, Member]) -> None:
    shape = found[f"{name[:-1]}0"].shape
    if name.endswith("2"):
        shape = (*shape, *found["final_weights"].shape)
    if member.shape != shape:
        raise ValueError("crossings of unequal length")


def _check_steps(run: Mapping[str, Any]) -> None:
    """Raise unless the rows stand where the steps say: a flow's inside its step, a descent's at its end."""
    times, steps, step_times = run["times"], run["steps"], run["step_times"]
    if step_times.size == 0:
        if len(steps) > 1:
            raise ValueError("rows without steps")
        return
    if steps[0] < 0 or steps[-1] != len(step_times) - 1:
        raise ValueError("'steps' that were not taken")
    last, first = step_times[steps], step_times[np.maximum(steps - 1, 0)]
    inside = (first <= times) & (times <= last) if run["settings"].get("kind") == "flow" else times == last
    if not inside.all():
        raise ValueError("'times' that are not those of the steps")


def _check_end(run: Mapping[str, Any]) -> None:
    """Raise unless the run ends where its last row is."""
    weights, states, end = run["weights"], run["states"], run["final_weights"]
    sketch = run["settings"].get("sketch")
    if weights.shape[1] != (end.size if sketch is None else sketch["size"]):
        raise ValueError("'weights' of another width than the end")
    if sketch is None and not np.array_equal(weights[-1], end):
        raise ValueError("'final_weights' that are not those of the last row")
    state = end if states is weights else states[-1]
    if run["settings"].get("kind") == "flow" and run["final_state"].size != state.size:
        raise ValueError("'final_state' of another length than the states")
    if not np.array_equal(run["final_state"][: state.size], state):
        raise ValueError("'final_state' that is not that of the last row")


def _finite_ones(run: Mapping[str, Any]) -> Iterator[tuple[str, Array]]:
    for name in ("times", "weights", "states", "velocities", "loss_slopes", "learning_rates", "step_times"):
        if run[name] is not None:
            yield name, run[name]
    yield "final_state", run["final_state"]
    yield "losses", run["losses"][:-1]
    yield "step_losses", run["step_losses"][:-1]
    for values in run["record_times"].values():
        yield "record_times", values
    for crossing in run["crossings"].values():
        for values in crossing:
            yield "crossings", values


def _rising_ones(run: Mapping[str, Any]) -> Iterator[tuple[str, Array]]:
    for name in ("times", "steps", "step_times"):
        yield name, run[name]
    for values in run["record_times"].values():
        yield "record_times", values


def _kind_of(name: str) -> str | None:
    """Return the type of an array by its name, None where any will do."""
    if name == "steps":
        return "i8"
    return "f8" if name in DIMENSIONS or name.startswith((OWN_TIMES, "crossing ")) else None


def _dimensions(name: str, member: Member) -> int:
    if name.startswith("crossing "):
        return 2 if name.endswith("2") else 1
    if name.startswith(OWN_TIMES):
        return 1
    return DIMENSIONS.get(name, max(1, len(member.shape)))


def _are_names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _is_description(value: Any) -> bool:
    """Whether this may describe what made a run; whether it leads back to it is seen when it is asked for."""
    if value is None:
        return True
    if not isinstance(value, dict):
        return False
    if "lost" in value:
        return isinstance(value["lost"], str)
    return isinstance(value.get("class"), str) and isinstance(value.get("fields"), dict)
