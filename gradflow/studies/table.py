"""The table of a study, as text for people and as columns for programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gradflow.trajectory import Outcome, Trajectory

if TYPE_CHECKING:
    from gradflow.studies.result import Study

HEAD = (
    ("", "learning rate", "steps", "eta*sharpness", "", "final loss", "distance to flow", "outcome"),
    ("", "", "", "start", "end", "", "largest", ""),
)


class Row(NamedTuple):
    """One run of a study; nan where there is no number."""

    run: str
    learning_rate: float
    steps: int
    eta_sharpness_start: float
    eta_sharpness_end: float
    final_loss: float
    largest_distance: float
    outcome: str
    method: str
    seconds: float


def columns(study: Study) -> dict[str, NDArray[Any]]:
    """Return the table by column: numbers, and text as objects."""
    found = zip(*_rows(study), strict=True)
    return {
        name: np.array(values, dtype=object if isinstance(values[0], str) else None)
        for name, values in zip(Row._fields, found, strict=True)
    }


def text(study: Study) -> str:
    """Return one line for the flow and one for each descent, under a head."""
    runs = (study.flow, *study.descents.values())
    return "\n".join(aligned([*HEAD, *(_cells(*each) for each in zip(_rows(study), runs, strict=True))]))


def _rows(study: Study) -> Iterator[Row]:
    yield _row("flow", np.nan, study.flow, (np.nan, np.nan, np.nan), study.seconds.get(0.0, np.nan))
    for rate, run in study.descents.items():
        start, end = (rate * study.sharpness.get(key, np.nan) for key in (0.0, rate))
        numbers = (start, end, study.comparisons[rate].largest_distance)
        yield _row("descent", rate, run, numbers, study.seconds.get(rate, np.nan))


def _row(kind: str, rate: float, run: Trajectory, numbers: tuple[float, float, float], seconds: float) -> Row:
    start, end, distance = numbers
    steps = len(run.step_times) - 1
    return Row(kind, rate, steps, start, end, run.final_loss, distance, run.verdict, run.method, seconds)


def _cells(row: Row, run: Trajectory) -> tuple[str, ...]:
    outcome = row.outcome.lower() if row.outcome == Outcome.FINISHED.name else row.outcome
    if row.run == "flow":
        outcome += f" ({run.method}: {run.num_gradients:,} gradients, {run.num_hvps:,} Hessian products)"
    return (
        row.run,
        "-" if np.isnan(row.learning_rate) else number(row.learning_rate),
        f"{row.steps:,}",
        brief(row.eta_sharpness_start),
        brief(row.eta_sharpness_end),
        brief(row.final_loss),
        brief(row.largest_distance),
        outcome,
    )


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return lines with the first and the last column to the left and the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            text.ljust(width) if place in (0, len(row) - 1) else text.rjust(width)
            for place, (text, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def number(learning_rate: float) -> str:
    """Return a learning rate in all its digits."""
    return f"{learning_rate}".removesuffix(".0")


def brief(value: float) -> str:
    """Return a number in four digits, or a dash where there is none."""
    return f"{value:.4g}" if np.isfinite(value) else "-"
