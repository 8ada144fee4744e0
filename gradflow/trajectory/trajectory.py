"""What a run leaves behind, whether it was a flow or a descent."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gradflow import validate
from gradflow.trajectory import frames, reading, storage
from gradflow.trajectory.crossings import Crossings
from gradflow.trajectory.description import described, shown
from gradflow.trajectory.interpolation import in_straight_lines, interpolated
from gradflow.trajectory.origin import Origin
from gradflow.trajectory.outcome import Outcome, highest_loss
from gradflow.types import Array

if TYPE_CHECKING:
    import pandas
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
        if slopes is None:
            return in_straight_lines(self.times, values, asked)
        flat = interpolated(self.times, values, slopes, asked.ravel())
        return flat.reshape(asked.shape + values.shape[1:])

    def save(self, path: str | PathLike[str]) -> Path:
        """Write the trajectory to one ``.npz`` file, whole or not at all, and return its path.

        A symbolic link is followed, and a file that is there keeps its mode and its owner.

        Parameters
        ----------
        path : str or Path
            Where; ``.npz`` is added to a name without it.

        Raises
        ------
        OSError
            If the folder cannot be written, or what is there is no file.
        ValueError
            If `path` is no name of a file, or a record holds neither numbers nor text.
        """
        written = storage.named(path)
        storage.write(written, self)
        return written

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Trajectory:
        """Return the trajectory that `save` wrote, given the same name with or without ``.npz``.

        Nothing in the file is evaluated, and reading takes at most twice its own size, or 64 MB.

        Raises
        ------
        OSError
            If there is no file.
        ValueError
            If it is no whole trajectory, breaks a promise of one, unpacks to more than is safe, has a newer
            format, or is a device or a FIFO; in one sentence of at most 300 characters.
        """
        written = storage.named(path)
        return cls(**reading.unpack(written if written.exists() else Path(path), Outcome))

    def to_pandas(self, of: str = "rows") -> pandas.DataFrame:
        """Return a part of the run as a ``pandas.DataFrame`` (extra: ``data``).

        Parameters
        ----------
        of : str
            "rows": step, loss, learning rate, records and weights ``w[0]``, ``w[1]``, ... over flow time.
            "steps": the loss of every step over flow time. "crossings": event, level, flow time and weights.
            The name of a record: that alone, over the times at which it was evaluated.

        Raises
        ------
        ValueError
            If there is no such part, or a record has the name of another column.
        ImportError
            If pandas is not installed.
        """
        return frames.to_pandas(self, of)

    def to_csv(self, path: str | PathLike[str], of: str = "rows") -> Path:
        """Write a part of the run, as `to_pandas` has it, as comma-separated values; return the path.

        Numbers have all their digits, ``.csv`` is added to a name without it, and the file is written whole
        or not at all.

        Raises
        ------
        ValueError, OSError
            As `to_pandas` and `save`.

        Examples
        --------
        >>> import tempfile
        >>> from gradflow import descend
        >>> from gradflow.problems import Quadratic
        >>> run = descend(Quadratic(1.0), [1.0], 0.5, 2)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     print(run.to_csv(f"{folder}/run").read_text().strip())
        time,step,loss,learning_rate,w[0]
        0.0,0,0.5,0.5,1.0
        0.5,1,0.125,0.5,0.5
        1.0,2,0.03125,0.5,0.25
        """
        return frames.to_csv(self, path, of)

    def to_xarray(self) -> xarray.Dataset:
        """Return the run as an ``xarray.Dataset`` (extra: ``data``).

        Rows have the dimension ``time``, the loss of every step has ``step_time``, a record in a rhythm of
        its own ``NAME_time``, the crossings of an event ``NAME_crossing``.

        Raises
        ------
        ValueError
            If a record or an event has the name of another variable.
        ImportError
            If xarray is not installed.
        """
        return frames.to_xarray(self)

    def __repr__(self) -> str:
        return described(self)

    def _repr_html_(self) -> str:
        """Return a picture of the losses and the numbers, for notebooks."""
        return shown(self)
