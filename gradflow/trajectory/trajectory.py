"""What a run leaves behind, whether it was a flow or a descent."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gradflow import pictures, validate
from gradflow.trajectory import storage
from gradflow.trajectory.crossings import Crossings
from gradflow.trajectory.interpolation import interpolated
from gradflow.trajectory.origin import Origin
from gradflow.trajectory.outcome import Outcome, highest_loss
from gradflow.types import Array

if TYPE_CHECKING:
    import xarray


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Trajectory:
    """The kept rows of a run, every step's loss, and why the run stopped.

    Rows are time-first and finite, arrays are read-only, times are flow time.

    Attributes
    ----------
    times, steps : ndarray, shape (m,)
        Flow time and number of steps taken at each kept row.
    weights : ndarray, shape (m, n)
        Weights at each row; their sketches (m, size) if the run was given a `Sketch`.
    states : ndarray, shape (m, N)
        The flow's states; the very array `weights` where the state is the weights.
    losses : ndarray, shape (m,)
        Loss of the whole problem at each row. The last one is evaluated late, and may be inf or nan, where a
        run with `has_batch_losses` ended between the steps it keeps.
    records : dict of str to ndarray, shape (m, ...) or (r, ...)
        What the functions given as `record` returned at each row, or in their own rhythm where they were
        given with `every`; nan where a function could give no value.
    record_times : dict of str to ndarray, shape (m,) or (r,)
        The flow times of these values; the very array `times` where they are the rows'.
    crossings : dict of str to Crossings
        For each event the crossed levels (c,), their flow times (c,) and the weights there (c, n).
    step_times, step_losses : ndarray, shape (number of steps + 1,)
        Flow time and loss at every step taken, whatever was kept; where `has_batch_losses` the loss of
        each step's own batch.
    learning_rates : ndarray, shape (m,), or None
        Of descent with a learning rate that is a number or a schedule.
    velocities, loss_slopes : ndarray, shape (m, n) and (m,), or None
        dw/dt and dE/dt at each row of a flow: what `at` and `losses_at` interpolate with.
    final_state, final_weights : ndarray, shape (N,) and (n,)
        Where the run ended, never sketched: ``weights[-1]``, or what its sketch was made of. A discrete
        run's state is its weights, followed by its rule's memory where that is an array.
    outcome, message : Outcome, str
        Why the run stopped, as a category and as a sentence.
    num_gradients, num_hvps : int
        Gradients and Hessian-vector products spent by the run (a dense Hessian is n products);
        what `record` and `events` spend is not counted.
    method : str
        The integrator or update rule.
    settings : dict
        What the run was asked, as JSON values, for people to read.
    origin : Origin
        The rule or flow that made the run, behind `rule`, `flow` and `flow_on`.

    See Also
    --------
    gradflow.integrate, gradflow.descend : Make trajectories.
    gradflow.resume : Goes on where one ended.
    gradflow.compare : Two of them on one clock.
    """

    times: Array
    steps: NDArray[np.int64]
    weights: Array
    states: Array
    losses: Array
    records: dict[str, NDArray[Any]]
    record_times: dict[str, Array]
    crossings: dict[str, Crossings]
    step_times: Array
    step_losses: Array
    learning_rates: Array | None
    velocities: Array | None
    loss_slopes: Array | None
    final_state: Array
    final_weights: Array
    outcome: Outcome
    message: str
    num_gradients: int
    num_hvps: int
    method: str
    settings: dict[str, Any]
    origin: Origin

    def __post_init__(self) -> None:
        arrays = [value for value in vars(self).values() if isinstance(value, np.ndarray)]
        arrays += [*self.records.values(), *self.record_times.values()]
        arrays += [part for crossing in self.crossings.values() for part in crossing]
        for each in arrays:
            each.flags.writeable = False

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self.__post_init__()

    @property
    def is_continuous(self) -> bool:
        """Whether this is a flow (else a descent)."""
        return self.settings.get("kind") == "flow"

    @property
    def has_batch_losses(self) -> bool:
        """Whether `step_losses` are those of mini-batches; `losses` are of the whole problem always."""
        return self.settings.get("losses") == "rows"

    @property
    def rule(self) -> Any:
        """The update rule of a descent, None of a flow; ValueError where a file cannot give it back."""
        return None if self.is_continuous else self.origin.thing()

    @property
    def flow(self) -> Any:
        """The flow of a continuous run, None of a descent; ValueError from a file, see `flow_on`."""
        return self.origin.thing() if self.is_continuous else None

    def flow_on(self, problem: Any) -> Any:
        """Return the flow of a continuous run, evaluating `problem`.

        Raises
        ------
        ValueError
            If this is a descent, or a file whose flow is of a class that is not here.
        """
        if not self.is_continuous:
            raise ValueError("`trajectory` must be a flow, got a descent")
        return self.origin.on(problem)

    @property
    def diverged(self) -> bool:
        """Whether the run left the finite numbers, or ended at more than 30 times its first loss."""
        return self.outcome is Outcome.DIVERGED or self.final_loss > highest_loss(float(self.losses[0]))

    @property
    def verdict(self) -> str:
        """The outcome in one word; DIVERGING for a run that reached its end on the way to infinity."""
        ended = self.outcome in (Outcome.FINISHED, Outcome.INTERRUPTED, Outcome.BUDGET)
        return "DIVERGING" if self.diverged and ended else self.outcome.name

    @property
    def final_loss(self) -> float:
        """Loss of the whole problem at the last row."""
        return float(self.losses[-1])

    def at(self, times: ArrayLike) -> Array:
        """Return the weights at flow times, shape times.shape + (n,).

        A flow is interpolated by the Hermite polynomial through up to six rows around the time and their
        velocities: where every step is kept, to the accuracy of the steps; between rows far apart it is as
        coarse as they are. A descent moves in straight lines from row to row.

        Parameters
        ----------
        times : array_like
            Flow times within the first and the last row.

        Raises
        ------
        ValueError
            If a time lies outside the run.
        """
        return self._interpolate(times, self.weights, self.velocities)

    def losses_at(self, times: ArrayLike) -> Array:
        """Return the loss at flow times, shape times.shape, interpolated like the weights."""
        return self._interpolate(times, self.losses, self.loss_slopes)

    def _interpolate(self, times: ArrayLike, values: Array, slopes: Array | None) -> Array:
        asked = validate.numbers("times", times)
        first, last = self.times[[0, -1]]
        slack = 4 * np.finfo(float).eps * max(abs(first), abs(last))
        if not ((asked >= first - slack) & (asked <= last + slack)).all():
            raise ValueError(f"`times` must lie between {first:g} and {last:g}, got {asked.ravel()[:3]} ...")
        asked = np.clip(asked, first, last)
        if len(self.times) == 1:
            return np.broadcast_to(values[0], asked.shape + values.shape[1:]).copy()
        if slopes is not None:
            flat = interpolated(self.times, values, slopes, asked.ravel())
            return flat.reshape(asked.shape + values.shape[1:])
        right = np.clip(np.searchsorted(self.times, asked), 1, len(self.times) - 1)
        left = right - 1
        share = (asked - self.times[left]) / (self.times[right] - self.times[left])
        share = share.reshape(share.shape + (1,) * (values.ndim - 1))
        return (1 - share) * values[left] + share * values[right]

    def save(self, path: str | Path) -> None:
        """Write the trajectory to one ``.npz`` file, whole or not at all.

        A symbolic link is followed, and a file that is there keeps its mode and its owner.

        Parameters
        ----------
        path : str or Path
            Where; ``.npz`` is added to a name without it.

        Raises
        ------
        OSError
            If the folder cannot be written, or what is there is no file.
        """
        storage.write(storage.with_suffix(Path(path)), *storage.pack(self))

    @classmethod
    def load(cls, path: str | Path) -> Trajectory:
        """Return the trajectory that `save` wrote, given the same name with or without ``.npz``.

        Raises
        ------
        OSError
            If there is no file.
        ValueError
            If the file is truncated, is no trajectory, unpacks to far more than a run can, or has a
            newer format.
        """
        named = storage.with_suffix(Path(path))
        return cls(**storage.unpack(named if named.exists() else Path(path), Outcome))

    def to_xarray(self) -> xarray.Dataset:
        """Return the rows as an ``xarray.Dataset`` with dimension ``time`` (extra: ``xarray``).

        A record in a rhythm of its own has the dimension ``NAME_time``.
        """
        try:
            import xarray
        except ImportError:
            raise ImportError('to_xarray needs xarray: pip install "gradflow-sim[xarray]"') from None
        rows = {"weights": (("time", "weight"), self.weights), "loss": ("time", self.losses)}
        coordinates: dict[str, Any] = {"time": self.times, "step": ("time", self.steps)}
        for name, values in self.records.items():
            if name in (*rows, "time", "step", "weight"):
                raise ValueError(f"`records` must have names of their own in a dataset, got {name!r}")
            along = "time" if self.record_times[name] is self.times else f"{name}_time"
            coordinates[along] = self.record_times[name]
            rows[name] = ((along, *(f"{name}_{axis}" for axis in range(1, values.ndim))), values)
        attributes: dict[str, Any] = {
            "outcome": self.outcome.name,
            "message": self.message,
            "method": self.method,
        }
        attributes |= {"num_gradients": self.num_gradients, "num_hvps": self.num_hvps}
        attributes["settings"] = storage.to_json(self.settings)
        return xarray.Dataset(rows, coordinates, attributes)

    def __repr__(self) -> str:
        kind = "flow" if self.is_continuous else "descent"
        rows, width = self.weights.shape
        what = f"sketches of {width} numbers" if self.settings.get("sketch") else f"{width} weights"
        lines = [
            f"Trajectory of a {kind} by {self.method}: {self.verdict}, {self.message}",
            f"  flow time {self.times[0]:.6g} to {self.times[-1]:.6g} in {len(self.step_times) - 1:,} steps, "
            f"{rows:,} rows of {what}",
            f"  loss      {self.losses[0]:.6g} to {self.losses[-1]:.6g}{self._batch_losses()}",
            f"  cost      {self.num_gradients:,} gradients, {self.num_hvps:,} Hessian-vector products",
        ]
        if self.records:
            lines.append(f"  records   {', '.join(self.records)}")
        for name, (levels, times, _) in self.crossings.items():
            found = ", ".join(
                f"{level:g} at t = {t:.6g}" for level, t in zip(levels[:4], times[:4], strict=True)
            )
            lines.append(f"  event     {name}: {found or 'not met'}{' ...' if len(times) > 4 else ''}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        """Return a picture of the losses and the numbers, for notebooks."""
        facts = {
            "outcome": f"{self.verdict}, {self.message}",
            "flow time": f"{self.times[0]:.6g} to {self.times[-1]:.6g}",
            "steps": f"{len(self.step_times) - 1:,}",
            "rows, weights": f"{len(self.times):,}, {self.weights.shape[1]:,}",
            "loss": f"{self.losses[0]:.6g} to {self.losses[-1]:.6g}{self._batch_losses()}",
            "cost": f"{self.num_gradients:,} gradients, {self.num_hvps:,} Hessian-vector products",
        }
        kind = "flow" if self.is_continuous else "descent"
        picture = pictures.lines("loss", [(self.step_times, self.step_losses)])
        return pictures.block(f"Trajectory of a {kind} by {self.method}", facts, picture)

    def _batch_losses(self) -> str:
        """Return what a reader of the losses must know about a mini-batch run."""
        if not self.has_batch_losses:
            return ""
        return f" of the whole problem at rows; `step_losses` are of batches of {self.settings['batch']}"
