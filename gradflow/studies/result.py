"""What a study leaves: the runs, what sets them apart, a table, a figure and a folder."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gradflow import pictures
from gradflow.analysis.convergence import Comparison, compare, observed_order
from gradflow.files import written_whole
from gradflow.studies.table import aligned, brief, number
from gradflow.trajectory import Outcome, Trajectory

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FILE = "study.json"


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
        return any(run.outcome is Outcome.INTERRUPTED for run in (self.flow, *self.descents.values()))

    @property
    def order(self) -> float:
        """Observed order of the distance in the learning rate, of the runs below the limit; nan for one.

        For plain descent 1: Euler's method.
        """
        below = [rate for rate in self.descents if not rate > self.limit and not self.descents[rate].diverged]
        distances = [self.comparisons[rate].largest_distance for rate in below]
        if len(below) < 2 or not min(distances) > 0:
            return np.nan
        return observed_order(below, distances)

    @property
    def conclusion(self) -> str:
        """What came out, in a sentence."""
        parts = []
        near = {rate: self.comparisons[rate].largest_distance for rate in self.descents}
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
        return "; ".join(parts) or "no descent was run"

    def table(self) -> str:
        """Return one line for the flow and one for each descent, under a head."""
        head = (
            ("", "learning rate", "steps", "eta*sharpness", "", "final loss", "distance to flow", "outcome"),
            ("", "", "", "start", "end", "", "largest", ""),
        )
        rows = [_row("flow", None, self), *(_row("descent", rate, self) for rate in self.descents)]
        return "\n".join(aligned([*head, *rows]))

    def plot(self) -> Figure:
        """Return the losses over flow time beside the distances of the descents to the flow."""
        from gradflow.plots.study import draw_study

        return draw_study(self)

    def save(self, folder: str | Path) -> list[Path]:
        """Write every run and what else there is into a folder, made where it is missing; return the files.

        Raises
        ------
        OSError
            If the folder cannot be written.
        """
        place = Path(folder)
        place.mkdir(parents=True, exist_ok=True)
        names = {0.0: "flow.npz", **{rate: f"descent-{number(rate)}.npz" for rate in self.descents}}
        for rate, name in names.items():
            (self.flow if rate == 0.0 else self.descents[rate]).save(place / name)
        text = json.dumps(
            {
                "format": "gradflow-study",
                "files": [[rate, name] for rate, name in names.items()],
                "sharpness": [[rate, _plain(value)] for rate, value in self.sharpness.items()],
                "seconds": list(self.seconds.items()),
                "limit": _plain(self.limit),
                "settings": self.settings,
            },
            indent=2,
        )
        with written_whole(place / FILE) as (temporary,):
            temporary.write_text(text + "\n")
        return [place / FILE, *(place / name for name in names.values())]

    @classmethod
    def load(cls, folder: str | Path) -> Study:
        """Return the study that `save` wrote.

        Raises
        ------
        ValueError
            If the folder holds no study, or a part of it is damaged or missing.
        """
        place = Path(folder)
        try:
            found = json.loads((place / FILE).read_text())
            if found["format"] != "gradflow-study":
                raise KeyError("format")
            runs = {rate: Trajectory.load(place / Path(name).name) for rate, name in found["files"]}
            return cls(
                flow=runs.pop(0.0),
                descents=runs,
                sharpness={rate: _number(value) for rate, value in found["sharpness"]},
                limit=_number(found["limit"]),
                seconds=dict(found["seconds"]),
                settings=found["settings"],
            )
        except (OSError, KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f"`folder` must hold a study, as Study.save wrote it, got {str(folder)!r}: {error}"
            ) from error

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


def _row(kind: str, rate: float | None, result: Study) -> tuple[str, ...]:
    run = result.flow if rate is None else result.descents[rate]
    outcome = run.verdict.lower() if run.verdict == Outcome.FINISHED.name else run.verdict
    if rate is None:
        products = f"{run.num_gradients:,} gradients, {run.num_hvps:,} Hessian products"
        cells = ("-", f"{len(run.step_times) - 1:,}", "-", "-", brief(run.final_loss), "-")
        return (kind, *cells, f"{outcome} ({run.method}: {products})")
    ends = [rate * result.sharpness.get(key, np.nan) for key in (0.0, rate)]
    return (
        kind,
        number(rate),
        f"{len(run.step_times) - 1:,}",
        *map(brief, ends),
        brief(run.final_loss),
        brief(result.comparisons[rate].largest_distance),
        outcome,
    )


def _plain(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _number(value: float | None) -> float:
    return np.nan if value is None else float(value)
