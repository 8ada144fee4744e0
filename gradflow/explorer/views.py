"""Runs as the page draws them: thinned lines over flow time, and a path in a plane."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradflow.analysis.convergence import Comparison, compare
from gradflow.analysis.stability.limits import stable_product
from gradflow.studies import Study
from gradflow.trajectory import Trajectory
from gradflow.types import Array

# Points of a line, and rows from which the plane of the paths is found.
MOST_POINTS = 1200
MOST_ROWS = 300
# A run is drawn until its loss has grown so many times; what comes then would leave nothing else to see.
GROWN = 1e4

View = dict[str, Any]


def study_view(study: Study) -> View:
    """Return what the page is told of a study: the flow, the descents, their distances."""
    runs = list(study.descents.values())
    labels = [f"η = {rate:g}" for rate in study.descents]
    distances = [study.comparisons[rate] for rate in study.descents]
    view = runs_view(study.flow, runs, labels, distances)
    return view | {
        "title": f"Study of {study.settings.get('problem', 'a problem')}",
        "remark": study.conclusion,
    }


def trajectories_view(runs: Sequence[Trajectory], labels: Sequence[str]) -> View:
    """Return what the page is told of trajectories; they are compared with the first flow that fits.

    Raises
    ------
    ValueError
        If they have different numbers of weights.
    """
    widths = {run.weights.shape[1] for run in runs}
    if len(widths) > 1:
        raise ValueError(f"`runs` must have equally many weights, got {sorted(widths)}")
    flow = next((run for run in runs if run.is_continuous), None)
    rest = [(run, label) for run, label in zip(runs, labels, strict=True) if run is not flow]
    view = runs_view(
        flow,
        [run for run, _ in rest],
        [label for _, label in rest],
        [_compared(run, flow) for run, _ in rest],
    )
    return view | {"title": ", ".join(labels), "remark": f"{len(runs)} saved runs"}


def runs_view(
    flow: Trajectory | None,
    descents: Sequence[Trajectory],
    labels: Sequence[str],
    distances: Sequence[Comparison | None],
) -> View:
    """Return a flow and descents in one picture."""
    runs = [run for run in (flow, *descents) if run is not None]
    paths, axes = paths_of(runs)
    views = [
        run_view(run, label, path, distance)
        for run, label, path, distance in zip(
            runs,
            [*(["flow"] if flow is not None else []), *labels],
            paths,
            [*([None] if flow is not None else []), *distances],
            strict=True,
        )
    ]
    return {
        "kind": "runs",
        "axes": axes,
        "flow": views[0] if flow is not None else None,
        "descents": views[1:] if flow is not None else views,
    }


def run_view(run: Trajectory, label: str, path: Array, distance: Comparison | None = None) -> View:
    """Return one run as the page draws it."""
    sharpness = run.records.get("sharpness")
    end = end_of(run)
    return {
        "label": label,
        "isFlow": run.is_continuous,
        "losses": line(run.step_times, run.step_losses, end)
        if not run.has_batch_losses
        else line(run.times, run.losses, end),
        "distance": line(distance.times, distance.distance, end) if distance is not None else None,
        "sharpness": line(run.record_times["sharpness"], sharpness, end)
        if sharpness is not None and sharpness.ndim == 1
        else None,
        "ceiling": _ceiling(run),
        "path": _numbers(path.ravel()),
        "facts": [
            ["outcome", run.verdict],
            ["steps", f"{len(run.step_times) - 1:,}"],
            ["final loss", f"{run.final_loss:.4g}"],
            *([["largest distance", f"{distance.largest_distance:.3g}"]] if distance is not None else []),
        ],
    }


def line(times: Array, values: Array, end: float = np.inf) -> View:
    """Return at most `MOST_POINTS` points of a line until a time, the first and the last among them."""
    seen = times <= end
    times, values = times[seen], values[seen]
    kept = thinned(len(times), MOST_POINTS)
    return {"times": _numbers(times[kept]), "values": _numbers(values[kept])}


def end_of(run: Trajectory) -> float:
    """Return the flow time at which the loss has grown `GROWN` times, or infinity."""
    lost = np.flatnonzero(run.losses > GROWN * abs(run.losses[0]))
    return float(run.times[lost[0]]) if lost.size else np.inf


def thinned(count: int, most: int) -> NDArray[np.intp]:
    """Return at most `most` of `count` rows, evenly."""
    return np.unique(np.linspace(0, count - 1, most).round().astype(np.intp))


def paths_of(runs: Sequence[Trajectory]) -> tuple[list[Array], list[str]]:
    """Return where each run is in a picture, (m, 2), and what the axes are called.

    One weight is drawn against the loss, two against each other, more in the plane of their two principal
    components through the first start.
    """
    seen = [run.times <= end_of(run) for run in runs]
    kept = [np.flatnonzero(rows)[thinned(rows.sum(), MOST_POINTS)] for rows in seen]
    rows = [run.weights[each] for run, each in zip(runs, kept, strict=True)]
    if rows[0].shape[1] == 1:
        losses = [run.losses[each] for run, each in zip(runs, kept, strict=True)]
        pairs = [np.column_stack([w[:, 0], loss]) for w, loss in zip(rows, losses, strict=True)]
        return pairs, ["weight w", "loss E"]
    if rows[0].shape[1] == 2:
        return rows, ["weight x", "weight y"]
    plane = _plane(rows)
    return [(w - rows[0][0]) @ plane for w in rows], ["first principal component", "second"]


def _plane(rows: Sequence[Array]) -> Array:
    """Return the two principal directions (n, 2) of the rows about the first one."""
    each = max(2, MOST_ROWS // len(rows))
    sample = np.vstack([w[thinned(len(w), each)] for w in rows]) - rows[0][0]
    sample /= max(float(np.abs(sample).max()), np.finfo(float).tiny)
    directions = np.linalg.svd(sample, full_matrices=False)[2][:2].T
    return directions if directions.shape[1] == 2 else np.pad(directions, ((0, 0), (0, 1)))


def _compared(run: Trajectory, flow: Trajectory | None) -> Comparison | None:
    try:
        return None if flow is None else compare(run, flow)
    except ValueError:  # they share no flow time, or are not the same kind of sketch
        return None


def _ceiling(run: Trajectory) -> float | None:
    """Return the sharpness up to which the rule is stable; None of a flow, and where it has no such limit."""
    rates = run.learning_rates
    if run.is_continuous or rates is None or not np.isfinite(rates[0]):
        return None
    try:
        return float(stable_product(run.rule) / rates[0])
    except ValueError:
        return None


def _numbers(values: Array) -> list[float | None]:
    """Return a list for JSON, which has no word for what is not finite, in as many digits as one can see."""
    flat = np.asarray(values, dtype=float).tolist()
    return [float(f"{value:.7g}") if np.isfinite(value) else None for value in flat]
