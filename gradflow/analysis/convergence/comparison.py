"""Two trajectories side by side: at equal flow time, or as paths whatever the time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gradflow import pictures
from gradflow.trajectory import Trajectory
from gradflow.trajectory.sketch import Sketch
from gradflow.types import Array

View = Callable[[Array], Array]

# Rows times segments handled at once: 32 MB an array.
_BLOCK = 4_000_000


@dataclass(frozen=True, eq=False, repr=False)
class Comparison:
    """How far a run is from a reference at equal flow time.

    Attributes
    ----------
    times : ndarray, shape (m,)
        Flow times at which the two were compared.
    distance : ndarray, shape (m,)
        ``|w_run(t) - w_reference(t)|``; between sketches, an estimate of it.
    loss_gap : ndarray, shape (m,)
        E(w_run(t)) - E(w_reference(t)), in units of the loss.
    travelled : ndarray, shape (m,)
        ``|w_reference(t) - w_reference(first row)|``, how far the reference is from its start.
    """

    times: Array
    distance: Array
    loss_gap: Array
    travelled: Array

    def __post_init__(self) -> None:
        for values in vars(self).values():
            values.flags.writeable = False

    @property
    def final_distance(self) -> float:
        """Distance at the last compared time."""
        return float(self.distance[-1])

    @property
    def largest_distance(self) -> float:
        """Largest distance at any compared time."""
        return float(self.distance.max())

    @property
    def relative_distance(self) -> Array:
        """Distance over what the reference has travelled, shape (m,); 0 where both are 0."""
        moved = self.travelled > 0
        unmoved = np.where(self.distance > 0, np.inf, 0.0)
        return np.divide(self.distance, self.travelled, out=unmoved, where=moved)

    def _repr_html_(self) -> str:
        """Return a picture of the distance and the numbers, for notebooks."""
        facts = {
            "flow times": f"{len(self.times):,}, {self.times[0]:.6g} to {self.times[-1]:.6g}",
            "final distance": pictures.number(self.final_distance),
            "largest distance": pictures.number(self.largest_distance),
            "final loss gap": pictures.number(float(self.loss_gap[-1])),
        }
        return pictures.block("Comparison", facts, pictures.lines("distance", [(self.times, self.distance)]))

    def __repr__(self) -> str:
        return (
            f"Comparison at {len(self.times):,} flow times {self.times[0]:.6g} to {self.times[-1]:.6g}: "
            f"final distance {self.final_distance:.6g}, largest {self.largest_distance:.6g}, "
            f"final loss gap {self.loss_gap[-1]:.6g}"
        )


def compare(run: Trajectory, reference: Trajectory) -> Comparison:
    """Return how far `run` is from `reference` in weights and in loss, at equal flow time.

    The times are the rows of the run within the reference's span; for a flow against a descent they
    are the descent's rows, where it really is. Rows that coincide in time are compared as they
    stand, others are interpolated as by ``Trajectory.at``. A sketched run is compared with another
    sketch made alike, or with full weights, which are sketched likewise first.

    Parameters
    ----------
    run, reference : Trajectory

    Returns
    -------
    Comparison

    Raises
    ------
    ValueError
        If one is no trajectory, or the two do not overlap in flow time, have different numbers of weights,
        or carry different sketches.

    Examples
    --------
    Descent with eta = 1/2 on E = w^2 / 2 from w = 1 is at 1/4 where the flow is at exp(-1).

    >>> from gradflow.flows import GradientFlow
    >>> from gradflow.problems import Quadratic
    >>> from gradflow.simulate import descend, integrate
    >>> problem = Quadratic(1.0)
    >>> flow = integrate(GradientFlow(problem), [1.0], 1.0, rtol=1e-10)
    >>> round(compare(descend(problem, [1.0], 0.5, 2), flow).final_distance, 8)
    0.11787944
    """
    _check(run, reference)
    times = _common_times(run, reference)
    of_run, of_reference = _views(run, reference)
    weights, losses = _at(run, times)
    reference_weights, reference_losses = _at(reference, times)
    seen = of_reference(reference_weights)
    return Comparison(
        times=times,
        distance=_lengths(of_run(weights) - seen),
        loss_gap=losses - reference_losses,
        travelled=_lengths(seen - of_reference(reference.weights[:1])),
    )


def path_distance(run: Trajectory, reference: Trajectory) -> Array:
    """Return how far each row of `run` is from the nearest point of the reference's path, whatever its time.

    The path is the polygon through the reference's rows. A run that follows the same path at
    another speed is at distance 0 here, though not in `compare`. Distances below 1e-8 of the
    path's extent are upper bounds: which segment is nearest is decided up to rounding of squares.

    Parameters
    ----------
    run, reference : Trajectory
        Sketches are treated as in `compare`.

    Returns
    -------
    ndarray, shape (m,)
        One distance for each row of `run`.

    Raises
    ------
    ValueError
        If one is no trajectory, or the two have different numbers of weights or carry different sketches.
    """
    _check(run, reference)
    of_run, of_reference = _views(run, reference)
    path = of_reference(reference.weights)
    rows, path = of_run(run.weights) - path[0], path - path[0]
    if len(path) == 1:
        return _lengths(rows)
    nearest = _nearest_segment(rows, path)
    return _segment_distance(rows, path[nearest], path[nearest + 1])


def _views(run: Trajectory, reference: Trajectory) -> tuple[View, View]:
    """Return what to apply to the rows of each so that they can be subtracted."""
    ours, theirs = run.settings.get("sketch"), reference.settings.get("sketch")
    if ours and theirs and ours != theirs:
        raise ValueError(f"`run` and `reference` must carry equal sketches, got {ours} and {theirs}")
    if ours and not theirs:
        return _as_it_is, Sketch(**ours).apply
    if theirs and not ours:
        return Sketch(**theirs).apply, _as_it_is
    if run.weights.shape[1] != reference.weights.shape[1]:
        raise ValueError(
            "`run` and `reference` must have equal numbers of weights, "
            f"got {run.weights.shape[1]} and {reference.weights.shape[1]}"
        )
    return _as_it_is, _as_it_is


def _as_it_is(rows: Array) -> Array:
    return rows


def _check(run: object, reference: object) -> None:
    """Raise ValueError unless both are trajectories."""
    for name, given in (("run", run), ("reference", reference)):
        if not isinstance(given, Trajectory):
            cure = ": read it with gf.Trajectory.load(path)" if isinstance(given, str | Path) else ""
            raise ValueError(f"`{name}` must be a trajectory, got {given!r:.60}{cure}")


def _common_times(run: Trajectory, reference: Trajectory) -> Array:
    at_reference = run.is_continuous and not reference.is_continuous
    clock, other = (reference, run) if at_reference else (run, reference)
    first, last = other.times[[0, -1]]
    slack = _slack(other.times)
    times = clock.times[(clock.times >= first - slack) & (clock.times <= last + slack)]
    if times.size == 0:
        raise ValueError(
            f"`run` and `reference` must overlap in flow time, got rows between {clock.times[0]:g} and "
            f"{clock.times[-1]:g} of one and {first:g} to {last:g} of the other"
        )
    return times


def _slack(times: Array) -> float:
    """Return the difference between flow times that rounding explains."""
    return 4 * np.finfo(float).eps * float(np.abs(times[[0, -1]]).max())


def _at(trajectory: Trajectory, times: Array) -> tuple[Array, Array]:
    """Return weights and losses at flow times: rows as they stand, the rest interpolated."""
    rows = trajectory.times
    nearest = np.searchsorted(0.5 * (rows[1:] + rows[:-1]), times)
    between = np.abs(rows[nearest] - times) > _slack(rows)
    weights, losses = trajectory.weights[nearest], trajectory.losses[nearest]
    if between.any():
        weights[between] = trajectory.at(times[between])
        losses[between] = trajectory.losses_at(times[between])
    return weights, losses


def _nearest_segment(rows: Array, path: Array) -> NDArray[np.intp]:
    """Return the index of the nearest segment of `path` for each row, up to rounding of |path|^2."""
    starts, along = path[:-1], np.diff(path, axis=0)
    lengths = np.einsum("sn,sn->s", along, along)
    start_norms = np.einsum("sn,sn->s", starts, starts)
    start_along = np.einsum("sn,sn->s", starts, along)
    per_length = np.divide(1.0, lengths, out=np.zeros_like(lengths), where=lengths > 0)

    def nearest(block: Array) -> NDArray[np.intp]:
        forward = block @ along.T - start_along
        share = np.clip(forward * per_length, 0.0, 1.0)
        # |p - a - u d|^2 without |p|^2, which is the same for every segment.
        squares = start_norms - 2.0 * (block @ starts.T) + share * (share * lengths - 2.0 * forward)
        return squares.argmin(axis=1)

    num_blocks = -(-len(rows) * len(starts) // _BLOCK)
    return np.concatenate([nearest(block) for block in np.array_split(rows, num_blocks)])


def _segment_distance(points: Array, starts: Array, ends: Array) -> Array:
    """Return the distance of each point to its own segment, shape (m,)."""
    along, offset = ends - starts, points - starts
    lengths = np.einsum("mn,mn->m", along, along)
    forward = np.einsum("mn,mn->m", offset, along)
    share = np.clip(np.divide(forward, lengths, out=np.zeros_like(forward), where=lengths > 0), 0.0, 1.0)
    return _lengths(offset - share[:, None] * along)


def _lengths(rows: Array) -> Array:
    """Return the norm of each row; a run that diverged has entries whose squares overflow."""
    largest = np.abs(rows).max(axis=1, keepdims=True, initial=np.finfo(float).tiny)
    return largest[:, 0] * np.linalg.norm(rows / largest, axis=1)
