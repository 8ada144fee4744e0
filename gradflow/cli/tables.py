"""The rows of a comparison: one a run, or one a learning rate where there are several seeds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from statistics import median

from gradflow.cli.numbers import of_run
from gradflow.cli.results import Finished, Part, Results
from gradflow.studies.table import aligned

HEAD = (
    "",
    "learning rate",
    "steps",
    "eta*sharpness",
    "",
    "final loss",
    "distance to flow",
    "seconds",
    "outcome",
)
SECOND_HEAD = ("", "", "", "start", "end", "", "largest", "", "")
SEEDS_HEAD = ("", "learning rate", "steps", "final loss", "", "", "largest distance", "", "", "outcome")
SECOND_SEEDS_HEAD = ("", "", "", "median", "least", "most", "median", "least", "most", "")


def table(results: Results) -> list[str]:
    """Return the lines of the table."""
    if len(results.plan.grounds) > 1:
        return aligned([SEEDS_HEAD, SECOND_SEEDS_HEAD, *_rows_of_seeds(results)])
    rows = [_row(each, part) for part in results.parts for each in part.runs]
    return aligned([HEAD, SECOND_HEAD, *rows])


def brief(value: float | None) -> str:
    """Return a number in four digits, or a dash."""
    return "-" if value is None else f"{value:.4g}"


def _row(finished: Finished, part: Part) -> tuple[str, ...]:
    numbers = of_run(finished, part)
    run, outcome = finished.run, finished.outcome
    if run.is_continuous:
        outcome += f" ({run.method}: {run.num_gradients:,} gradients, {run.num_hvps:,} Hessian products)"
    return (
        "flow" if finished.learning_rate is None else "descent",
        "-" if finished.learning_rate is None else finished.name,
        f"{numbers['steps']:,}",
        brief(numbers.get("effective_sharpness_start")),
        brief(numbers.get("effective_sharpness_end")),
        brief(numbers["final_loss"]),
        brief(numbers.get("largest_distance")),
        f"{finished.seconds:.1f}",
        outcome,
    )


def _rows_of_seeds(results: Results) -> list[tuple[str, ...]]:
    rows = [_row_of_seeds("flow", "-", [part.flow for part in results.parts])] if results.parts else []
    found = map(results.descents_at, results.plan.learning_rates)
    return rows + [_row_of_seeds("descent", runs[0].name, runs) for runs in found if runs]


def _row_of_seeds(kind: str, name: str, runs: Sequence[Finished]) -> tuple[str, ...]:
    distances = [run.comparison.largest_distance for run in runs if run.comparison is not None]
    most = max(len(run.run.step_losses) - 1 for run in runs)
    counted = Counter("DIVERGED" if run.diverged else run.run.outcome.name.lower() for run in runs)
    outcome = ", ".join(f"{number} {word}" for word, number in counted.items())
    return (
        kind,
        name,
        f"{most:,}",
        *_spread([run.run.final_loss for run in runs]),
        *_spread(distances),
        outcome,
    )


def _spread(values: Sequence[float]) -> tuple[str, str, str]:
    if not values:
        return "-", "-", "-"
    return brief(median(values)), brief(min(values)), brief(max(values))
