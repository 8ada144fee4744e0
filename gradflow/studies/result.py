"""What a study leaves: the runs, what sets them apart, a table, a figure and a folder."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gradflow import pictures
from gradflow.analysis.convergence import Comparison, compare, observed_order
from gradflow.files import as_path
from gradflow.simulate.whole import PARTS
from gradflow.studies.folder import read, write
from gradflow.studies.table import columns, text
from gradflow.trajectory import Outcome, Trajectory
from gradflow.trajectory.frames import as_frame, write_csv
from gradflow.trajectory.storage import named

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False, repr=False)
class Study:
    """A flow, the descents beside it, and what sets them apart.

    Attributes
    ----------
    flow : Trajectory
    descents : dict of float to Trajectory
        By learning rate, ascending; fewer than were asked for after an interrupt.
    sharpness : dict of float to float
        lambda_max at the start (key 0.0), and where each descent ended (its learning rate); nan where it
        diverged or could not be found.
    limit : float
        The largest stable learning rate of the rule at the start, linear and local; nan where the loss
        does not curve upwards, or the rule has no such limit.
    seconds : dict of float to float
        Wall time of each run; 0.0 is the flow.
    settings : dict
        What the study was asked, as JSON values.
    """

    flow: Trajectory
    descents: dict[float, Trajectory]
    sharpness: dict[float, float]
    limit: float
    seconds: dict[float, float]
    settings: dict[str, Any]

    @cached_property
    def comparisons(self) -> dict[float, Comparison]:
        """How far each descent is from the flow at equal flow time, by learning rate."""
        return {rate: compare(run, self.flow) for rate, run in self.descents.items()}

    @property
    def is_interrupted(self) -> bool:
        """Whether a run was interrupted, after which no other was begun."""
        return any(run.outcome is Outcome.INTERRUPTED for run in self._runs.values())

    @property
    def shortfall(self) -> str | None:
        """The first run that came to no end of its own, and why, in a sentence; None where all did."""
        for rate, run in self._runs.items():
            if run.outcome in PARTS:
                name = f"the descent at learning rate {rate:g}" if rate else "the flow"
                return f"{name} is a part: {run.message}"
        return None

    @property
    def order(self) -> float:
        """Observed order of the distance in the learning rate, of whole runs below the limit; nan for one.

        For plain descent 1: Euler's method.
        """
        below = [rate for rate in self._whole if not rate > self.limit and not self.descents[rate].diverged]
        distances = [self.comparisons[rate].largest_distance for rate in below]
        if len(below) < 2 or not min(distances) > 0:
            return np.nan
        return observed_order(below, distances)

    @property
    def conclusion(self) -> str:
        """What came out, in a sentence; of whole runs alone."""
        parts = []
        near = {rate: self.comparisons[rate].largest_distance for rate in self._whole}
        if near:
            closest = min(near, key=lambda rate: near[rate])
            parts.append(f"descent stays within {near[closest]:.3g} of the flow at learning rate {closest:g}")
        if np.isfinite(self.order):
            parts.append(f"distances grow like the learning rate to the power {self.order:.2f}")
        lost = [rate for rate, run in self.descents.items() if run.diverged]
        if lost:
            parts.append(f"from {min(lost):g} on it diverges")
        if np.isfinite(self.limit):
            parts.append(f"the stability limit at the start is {self.limit:.3g}")
        if self.shortfall:
            parts.append(self.shortfall)
        return "; ".join(parts) or "no descent was run"

    @property
    def _runs(self) -> dict[float, Trajectory]:
        return {0.0: self.flow, **self.descents}

    @property
    def _whole(self) -> list[float]:
        """Learning rates of the descents that came to an end of their own, beside a flow that did."""
        if self.flow.outcome in PARTS:
            return []
        return [rate for rate, run in self.descents.items() if run.outcome not in PARTS]

    def table(self) -> str:
        """Return one line for the flow and one for each descent, under a head; a frame is `to_pandas`."""
        return text(self)

    def plot(self) -> Figure:
        """Return the losses over flow time beside the distances of the descents to the flow."""
        from gradflow.plots.study import draw_study

        return draw_study(self)

    def to_pandas(self) -> pandas.DataFrame:
        """Return the table as a ``pandas.DataFrame`` with a row for each run (extra: ``data``).

        Columns: run ("flow" or "descent"), learning_rate, steps, eta_sharpness_start and eta_sharpness_end,
        final_loss, largest_distance (to the flow), outcome, method, seconds; nan where there is no number.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        return as_frame(columns(self))

    def to_csv(self, path: str | PathLike[str]) -> Path:
        """Write the table of `to_pandas` as comma-separated values, whole or not at all; return the path.

        Numbers have all their digits, and ``.csv`` is added to a name without it.

        Raises
        ------
        OSError
            If the folder cannot be written, or what is there is no file.
        ValueError
            If `path` is no name of a file.
        """
        return write_csv(columns(self), named(path, ".csv"))

    def save(self, folder: str | PathLike[str]) -> list[Path]:
        """Write every run and what else there is into a folder, made where it is missing; return the files.

        All files of the study replace what is there under their names, or none does. A run that was
        interrupted, failed or spent its budget has "partial" in the name of its file.

        Raises
        ------
        OSError
            If the folder cannot be written.
        ValueError
            If `folder` is no name, or a record holds neither numbers nor text.
        """
        kept = {name: getattr(self, name) for name in ("sharpness", "limit", "seconds", "settings")}
        return write(as_path("folder", folder), self._runs, **kept)

    @classmethod
    def load(cls, folder: str | PathLike[str]) -> Study:
        """Return the study that `save` wrote.

        Raises
        ------
        ValueError
            If the folder holds no study, or a part of it is damaged or missing; in one sentence.
        """
        fields = read(as_path("folder", folder))
        runs = fields.pop("runs")
        return cls(flow=runs.pop(0.0), descents=runs, **fields)

    def _repr_html_(self) -> str:
        """Return a picture of the losses and the distances, for notebooks."""
        runs = [self.flow, *self.descents.values()]
        picture = pictures.lines("loss", [(run.step_times, run.step_losses) for run in runs])
        facts: dict[str, object] = {"limit": pictures.number(self.limit)}
        for rate, run in self.descents.items():
            distance = self.comparisons[rate].largest_distance
            facts[f"learning rate {rate:g}"] = (
                f"loss {run.final_loss:.4g}, at most {distance:.3g} from the flow, {run.verdict}"
            )
        return pictures.block(self.conclusion, facts, picture)

    def __repr__(self) -> str:
        rates = ", ".join(f"{rate:g}" for rate in self.descents)
        return f"Study of a flow and {len(self.descents)} descents ({rates}): {self.conclusion}"
