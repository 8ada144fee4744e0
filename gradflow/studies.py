"""One flow, several descents beside it, one clock: how far each leaves the flow, a table and a figure."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gradflow import validate
from gradflow.analysis.convergence import Comparison, compare, observed_order
from gradflow.analysis.stability.critical import varied
from gradflow.analysis.stability.limits import stable_product
from gradflow.curvature import sharpness
from gradflow.errors import Undefined
from gradflow.files import written_whole
from gradflow.flows import GradientFlow
from gradflow.problems.completed import as_problem
from gradflow.problems.problem import Problem
from gradflow.rules import GradientDescent, UpdateRule
from gradflow.scaling import Scale
from gradflow.simulate.clock import Clock
from gradflow.simulate.descend import descend
from gradflow.simulate.integrate import integrate
from gradflow.simulate.keywords import explains_keywords
from gradflow.simulate.recording import Record
from gradflow.trajectory import Outcome, Sketch, Trajectory
from gradflow.trajectory.storage import json_values
from gradflow.types import Array

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Of the stability limit: well below, near, and above it.
SHARES = (0.25, 0.9, 1.1, 2.0)
# Steps at the stability limit that a study takes unless it is told when to end.
NUM_STEPS = 200
# Numbers kept of each run, so that memory and files stay at a few MB.
NUMBERS_KEPT = 120_000
FEWEST_ROWS, MOST_ROWS = 24, 300
# Beyond so many weights rows are kept as sketches of 500 numbers.
MOST_WEIGHTS = 5000
FILE = "study.json"
# What an argument is called elsewhere, and here.
FOR_STUDY = {
    "lr": "learning_rates=",
    "learning_rate": "learning_rates=",
    "etas": "learning_rates=",
    "num_steps": "end_time=, which all runs share",
    "momentum": "rule=gf.rules.HeavyBall(1.0, momentum)",
}


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
            parts.append(f"the distance grows like its power {self.order:.2f}")
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

    def __repr__(self) -> str:
        rates = ", ".join(f"{rate:g}" for rate in self.descents)
        return f"Study of a flow and {len(self.descents)} descents ({rates}): {self.conclusion}"


@explains_keywords(FOR_STUDY)
def study(
    problem: Problem,
    w0: ArrayLike,
    learning_rates: Sequence[float] | ArrayLike | None = None,
    end_time: float | None = None,
    *,
    rate: Scale = 1.0,
    rule: UpdateRule | None = None,
    method: str | Callable[..., Any] = "auto",
    rtol: float = 1e-6,
    record: Record | None = None,
    progress: bool = False,
) -> Study:
    """Follow the flow and take descents at several learning rates beside it, on one clock, to one time.

    Rows are kept where runs part: dense at the start, then even, at most 300 a run, the flow's at the same
    flow times; of more than 5,000 weights rows are sketches. The loss of every step is kept.

    Parameters
    ----------
    problem : Problem
    w0 : array_like, shape (n,)
        Starting weights.
    learning_rates : sequence of float, optional
        By default 0.25, 0.9, 1.1 and 2 times the stability limit at `w0`.
    end_time : float, optional
        Flow time at which all runs end; the last step of a descent is the last one that does not pass it.
        By default 200 steps at the stability limit.
    rate : float, ndarray (n,) or ndarray (n, n)
        mu of the flow.
    rule : UpdateRule, optional
        Its learning rate is varied and its own value ignored; plain descent by default.
    method, rtol
        Of the flow, see `integrate`.
    record : dict of str to callable, optional
        Evaluated at every row of every run.
    progress : bool
        Show a progress bar for each run.

    Returns
    -------
    Study
        With whatever was finished when it was interrupted.

    Raises
    ------
    ValueError
        If an argument is out of its range, a learning rate needs more time than there is, or there is no
        stability limit to choose learning rates or a time by.

    See Also
    --------
    integrate, descend, compare : The parts.

    Examples
    --------
    On E = w^2 / 2 a learning rate above 2 grows, and half the learning rate halves the distance:

    >>> from gradflow.problems import Quadratic
    >>> result = study(Quadratic(1.0), [1.0], [0.05, 0.1, 2.5], 50.0)
    >>> round(result.order), result.descents[2.5].verdict, result.limit
    (1, 'DIVERGING', 2.0)
    """
    problem = as_problem(problem)
    start = validate.weight_vector("w0", w0, problem.num_weights)
    make: Callable[[float], UpdateRule] = GradientDescent if rule is None else varied(rule)
    steepness = _sharpness(problem, start)
    limit = _limit(make(1.0), steepness)
    rates = _rates(learning_rates, limit)
    clocks = {each: Clock(make(each), rate, None, 1.0) for each in rates}
    end = _end(end_time, limit, make, rate)
    steps = {each: _steps(each, clock, end) for each, clock in clocks.items()}
    sketch = Sketch(start.size) if start.size > MOST_WEIGHTS else None
    kept = {
        each: kept_steps(count, start.size if sketch is None else sketch.size)
        for each, count in steps.items()
    }
    times = _times([np.array([clocks[each].time(int(step)) for step in kept[each]]) for each in rates], end)
    runs: dict[float, Trajectory] = {}
    seconds: dict[float, float] = {}
    found = {0.0: steepness}

    def finished(key: float, make_run: Callable[[], Trajectory]) -> bool:
        began = time.perf_counter()
        runs[key] = run = make_run()
        seconds[key] = time.perf_counter() - began
        return run.outcome is not Outcome.INTERRUPTED

    options: dict[str, Any] = {"record": record, "sketch": sketch, "progress": progress}
    goes_on = finished(
        0.0,
        lambda: integrate(
            GradientFlow(problem, rate), start, end, method=method, rtol=rtol, times=times, **options
        ),
    )
    for each in rates:
        if not goes_on:
            break
        goes_on = finished(
            each,
            lambda each=each: descend(  # type: ignore[misc]
                problem, start, make(each), steps[each], rate=rate, record_every=kept[each], **options
            ),
        )
        lost = runs[each].diverged
        found[each] = np.nan if lost else _sharpness(problem, runs[each].final_weights)
    settings: dict[str, Any] = {
        "problem": repr(problem),
        "rule": type(make(1.0)).__name__,
        "learning_rates": rates,
    }
    settings |= {"end_time": end, "rate": rate, "rtol": rtol}
    flow = runs.pop(0.0)
    return Study(flow, runs, found, limit, seconds, json_values(settings))


def kept_steps(last: int, width: int) -> NDArray[np.int64]:
    """Return the steps whose rows of `width` numbers a descent keeps: dense at the start, then even."""
    half = min(max(NUMBERS_KEPT // width, FEWEST_ROWS), MOST_ROWS) // 2
    spread = np.concatenate([np.geomspace(1, last, half), np.linspace(0, last, half)])
    return np.unique(np.rint(spread).astype(np.int64))


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


def _row(kind: str, rate: float | None, result: Study) -> tuple[str, ...]:
    run = result.flow if rate is None else result.descents[rate]
    outcome = run.verdict.lower() if run.verdict == Outcome.FINISHED.name else run.verdict
    if rate is None:
        products = f"{run.num_gradients:,} gradients, {run.num_hvps:,} Hessian products"
        cells = ("-", f"{len(run.step_times) - 1:,}", "-", "-", _brief(run.final_loss), "-")
        return (kind, *cells, f"{outcome} ({run.method}: {products})")
    ends = [rate * result.sharpness.get(key, np.nan) for key in (0.0, rate)]
    return (
        kind,
        number(rate),
        f"{len(run.step_times) - 1:,}",
        *map(_brief, ends),
        _brief(run.final_loss),
        _brief(result.comparisons[rate].largest_distance),
        outcome,
    )


def _brief(value: float) -> str:
    return f"{value:.4g}" if np.isfinite(value) else "-"


def _plain(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _number(value: float | None) -> float:
    return np.nan if value is None else float(value)


def _sharpness(problem: Problem, w: Array) -> float:
    try:
        return sharpness(problem, w, tol=1e-4)
    except (Undefined, RuntimeError):
        return np.nan


def _limit(rule: UpdateRule, steepness: float) -> float:
    try:
        return stable_product(rule) / steepness if steepness > 0 else np.nan
    except ValueError:
        return np.nan


def _rates(learning_rates: Any, limit: float) -> list[float]:
    if learning_rates is None:
        if not np.isfinite(limit):
            raise ValueError(
                "`learning_rates` must be given where there is no stability limit to choose them by, got None"
            )
        return [float(f"{share * limit:.3g}") for share in SHARES]
    rates = validate.array("learning_rates", np.atleast_1d(learning_rates), 1)
    if not (rates > 0).all():
        raise ValueError(f"`learning_rates` must be positive, got a least value {rates.min():g}")
    return sorted(set(rates.tolist()))


def _end(end_time: Any, limit: float, make: Callable[[float], UpdateRule], rate: Scale) -> float:
    if end_time is not None:
        return validate.positive("end_time", end_time)
    if not np.isfinite(limit):
        raise ValueError(
            "`end_time` must be given where there is no stability limit to choose it by, got None"
        )
    return NUM_STEPS * Clock(make(limit), rate, None, 1.0).time(1)


def _steps(learning_rate: float, clock: Clock, end: float) -> int:
    count = clock.last_step(end)
    if count < 1:
        raise ValueError(
            f"`learning_rates` must leave room for a step before the end time {end:g}, "
            f"got {learning_rate:g}, whose step lasts {clock.time(1):g}"
        )
    return count


def _times(rows: list[Array], end: float) -> Array:
    """Return the flow times at which some descent keeps a row, each once, and the end."""
    times = np.unique(np.append(np.concatenate(rows), end))
    times = times[times <= end * (1 + 4 * np.finfo(float).eps)]
    apart = np.diff(times, prepend=-np.inf) > 2 * np.finfo(float).eps * times[-1]
    return np.minimum(times[apart], end)
