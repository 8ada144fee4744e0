"""The doors of a recurrent network: which arguments fit each other, and what they make."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gradflow import validate
from gradflow.kernels import activations
from gradflow.kernels.activations import Activation
from gradflow.problems.recurrent.circuit import Circuit
from gradflow.problems.recurrent.dynamics import evaluated
from gradflow.types import Array

Indices = NDArray[np.intp]
Mask = NDArray[np.bool_]

# A net input beyond which an activation is taken to have reached its limit.
FAR = 700.0
# Densest near 0, and so few that a network is built without waiting for compiled code.
_SPREAD = np.linspace(-8.0, 8.0, 901)


def wire(
    drive: ArrayLike,
    targets: ArrayLike,
    target_units: ArrayLike,
    clamped: ArrayLike,
    activation: str,
    connections: ArrayLike | None,
    input_inside: bool,
) -> Circuit:
    """Return the circuit that the arguments of `Recurrent` describe, or refuse one of them."""
    driven = validate.array("drive", drive, 2)
    desired = validate.array("targets", targets, 2)
    num_patterns, num_units = driven.shape
    is_free = ~_mask("clamped", clamped, num_units)
    if not is_free.any():
        raise ValueError("`clamped` must leave a free unit, got all units")
    units = validate.indices("target_units", target_units, num_units)
    if len(set(units.tolist())) != len(units) or not is_free[units].all():
        raise ValueError(f"`target_units` must be free units without repeats, got {target_units!r:.60}")
    if desired.shape != (num_patterns, len(units)):
        raise ValueError(
            "`targets` must have a row per pattern and a column per target unit, shape "
            f"{(num_patterns, len(units))}, got {desired.shape}"
        )
    exist = _connections(connections, is_free)
    _check_reach(exist, units, is_free, driven)
    chosen = activations.choose("activation", activation)
    _warn_out_of_range(chosen, desired, units, driven, input_inside)
    rows, columns = np.nonzero(exist)
    return Circuit(driven, desired, units, is_free, rows, columns, chosen, input_inside)


def resting_states(rest: ArrayLike, shape: tuple[int, ...]) -> Array:
    """Return the resting activations as (P, n)."""
    given = validate.array("rest", rest, min(np.ndim(rest), 2))
    try:
        return np.broadcast_to(given, shape).copy()
    except ValueError:
        raise ValueError(f"`rest` must be a number or fit shape {shape}, got shape {given.shape}") from None


def _mask(name: str, units: Any, num_units: int) -> Mask:
    mask = np.zeros(num_units, dtype=bool)
    if np.size(units):
        mask[validate.indices(name, units, num_units)] = True
    return mask


def _connections(connections: ArrayLike | None, is_free: Mask) -> Mask:
    size = len(is_free)
    exist = np.ones((size, size), dtype=bool) if connections is None else np.asarray(connections)
    if exist.shape != (size, size) or not np.isin(exist, (0, 1)).all():
        raise ValueError(f"`connections` must be a ({size}, {size}) array of bool, got {connections!r:.60}")
    return exist.astype(bool) & is_free[:, None]


def _check_reach(exist: Mask, units: Indices, is_free: Mask, drive: Array) -> None:
    """Refuse target units whose activation no weight moves, or no input."""
    dead = units[~exist[units].any(axis=1)]
    if dead.size:
        raise ValueError(f"`connections` must lead into target unit {dead[0]}, got none: no weight moves it")
    reached = ~is_free | (drive != 0).any(axis=0)
    if not reached.any():
        return
    while True:
        further = reached | exist[:, reached].any(axis=1)
        if (further == reached).all():
            break
        reached = further
    if not reached[units].all():
        lost = units[~reached[units]][0]
        raise ValueError(f"`connections` must lead from the input to target unit {lost}, got no such path")


def _warn_out_of_range(
    activation: Activation, targets: Array, units: Indices, drive: Array, input_inside: bool
) -> None:
    values, _, _ = evaluated(activation, FAR * np.sinh(_SPREAD) / np.sinh(_SPREAD[-1]))
    low = values.min() if values.min() > -FAR else -np.inf
    high = values.max() if values.max() < FAR else np.inf
    shift = 0.0 if input_inside else drive[:, units]
    outside = (targets < low + shift - 1e-12) | (targets > high + shift + 1e-12)
    if outside.any():
        pattern, column = np.argwhere(outside)[0]
        warnings.warn(
            f"the target {targets[pattern, column]:g} of unit {units[column]} for pattern {pattern} lies "
            f"beyond what the unit can reach, {low:g} to {high:g}"
            f"{'' if input_inside else ' plus its drive'}: the loss "
            "cannot fall to 0 and the weights into the unit grow without end",
            stacklevel=4,
        )
