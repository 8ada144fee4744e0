"""Paths of runs over the loss: on its graph for one weight, over contours for two, on a plane for more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gradflow import validate
from gradflow.errors import Undefined
from gradflow.plots.labels import labelled
from gradflow.plots.legends import legend
from gradflow.plots.plane import Plane, plane_of_eigenvectors, plane_of_runs
from gradflow.plots.style import DARK, LOSS, Colors, Style, drawing_on, lines
from gradflow.problems.completed import as_problem
from gradflow.problems.problem import Problem
from gradflow.trajectory import Trajectory
from gradflow.types import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes


# Points a side of the picture: of a graph, of two weights, of a plane through a network.
NUM_POINTS = {1: 401, 2: 101, 3: 41}
NUM_LEVELS = 14
MARGIN = 0.15
# A run that strays farther than so many times the size of the tamest one does not set the frame.
REACH = 4.0
START: dict[str, Any] = {"linestyle": "none", "marker": "o", "markersize": 4.5, "color": DARK, "zorder": 4}


def draw_path(
    problem: Problem,
    runs: Mapping[str, Trajectory] | Sequence[Trajectory] | Trajectory,
    *,
    plane: Plane | str | None = None,
    num_points: int | None = None,
    colors: Colors | None = None,
    style: Style | None = None,
    ax: Axes | None = None,
    **line: Any,
) -> Axes:
    """Draw the paths of runs over the loss and return the axes.

    A loss of one weight is drawn as its graph, on which a flow slides and descents jump. Of two weights
    there are contours, which enclose equal shares of the picture. Of more there is the loss on a plane, and
    the runs are drawn where they project to it: what stands behind the plane is not seen. The frame holds
    the runs that stay together; the path of one that goes far astray ends with its first row outside.

    Parameters
    ----------
    problem : Problem
    runs : mapping of str to Trajectory, sequence of Trajectory, or Trajectory
        Flows and descents by the labels of the legend, with their weights kept.
    plane : Plane or {"runs", "eigenvectors"}, optional
        For more than one weight: the plane through the start, the flow's end and a descent's end, as
        `plane_of_runs` makes it and as it is by default; that of the two leading eigenvectors at the end
        of the first run; or any other, from `plane_through` or `plane_along`.
    num_points : int, optional
        Losses evaluated a side of the picture: 401 for one weight, 101 for two, 41 on another plane.
    colors, style, ax, **line
        As of `draw_losses`.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If there is no run, one has other weights than the problem or keeps only sketches of them, or
        `plane` is none of those.
    """
    complete = as_problem(problem)
    runs = labelled("runs", runs, Trajectory)
    width = _check_weights(complete, runs)
    if width == 1 and plane is not None:
        raise ValueError("`plane` must be left out for a loss of one weight")
    flat = None if width == 1 else _plane(complete, runs, plane, width)
    count = NUM_POINTS[1 if flat is None else 2 if _is_whole(flat) else 3]
    count = count if num_points is None else validate.count("num_points", num_points, least=2)
    looks = lines(runs, colors, line)
    with drawing_on(ax, style) as ax:
        if flat is None:
            _draw_graph(ax, complete, runs, looks, count)
        else:
            _draw_plane(ax, complete, runs, looks, flat, count)
        legend(ax)
    return ax


def _check_weights(problem: Problem, runs: Mapping[str, Trajectory]) -> int:
    """Return the number of weights of all runs."""
    width = next(iter(runs.values())).weights.shape[1]
    expected = width if problem.num_weights is None else problem.num_weights
    for label, run in runs.items():
        if run.settings.get("sketch"):
            raise ValueError(f"`runs` must keep their weights, got sketches of them in {label!r}")
        if run.weights.shape[1] != expected:
            raise ValueError(
                f"`runs` must have {expected} weights like the problem, "
                f"got {run.weights.shape[1]} in {label!r}"
            )
    return expected


def _plane(problem: Problem, runs: Mapping[str, Trajectory], plane: Any, width: int) -> Plane:
    if isinstance(plane, Plane):
        if plane.origin.size != width:
            raise ValueError(f"`plane` must lie among {width} weights, got one among {plane.origin.size}")
        return plane
    if plane is None and width == 2:
        return Plane(np.zeros(2), np.eye(2), ("weight $w_1$", "weight $w_2$"))
    if plane is None or plane == "runs":
        return plane_of_runs(runs)
    if plane == "eigenvectors":
        return plane_of_eigenvectors(problem, next(iter(runs.values())).final_weights)
    raise ValueError(f"`plane` must be a Plane, 'runs' or 'eigenvectors', got {plane!r:.60}")


def _is_whole(plane: Plane) -> bool:
    return len(plane.origin) == 2


def _draw_graph(
    ax: Axes, problem: Problem, runs: Mapping[str, Trajectory], looks: Mapping[str, Any], count: int
) -> None:
    low, high = _frame([run.weights for run in runs.values()])
    x = np.linspace(low[0], high[0], count)
    losses = np.array([_loss(problem, np.array([each])) for each in x])
    ax.plot(x, losses, color="#999999", linewidth=1.0, label="loss", zorder=1)
    for label, run in runs.items():
        inside = len(_until_outside(run.weights, low, high))
        ax.plot(run.weights[:inside, 0], run.losses[:inside], label=label, **_dotted(run, looks[label]))
    first = next(iter(runs.values()))
    ax.plot(first.weights[0], first.losses[0], label="start", **START)
    ax.set(xlim=(low[0], high[0]), xlabel="weight $w$", ylabel=LOSS)
    span = np.nanmax(losses) - np.nanmin(losses) or 1.0
    ax.set_ylim(np.nanmin(losses) - 0.05 * span, np.nanmax(losses) + 0.05 * span)


def _draw_plane(
    ax: Axes,
    problem: Problem,
    runs: Mapping[str, Trajectory],
    looks: Mapping[str, Any],
    plane: Plane,
    count: int,
) -> None:
    paths = {label: plane.coordinates(run.weights) for label, run in runs.items()}
    low, high = _frame(list(paths.values()))
    x, y = np.linspace(low, high, count).T
    grid = np.stack(np.meshgrid(x, y), axis=-1)
    losses = np.array([[_loss(problem, w) for w in row] for row in plane.weights(grid)])
    _draw_contours(ax, x, y, losses)
    for label, run in runs.items():
        path = _until_outside(paths[label], low, high)
        ax.plot(*path.T, label=label, **_dotted(run, looks[label]))
    ax.plot(*next(iter(paths.values()))[0], label="start", **START)
    ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), xlabel=plane.names[0], ylabel=plane.names[1])


def _dotted(run: Trajectory, look: Mapping[str, Any]) -> dict[str, Any]:
    """Return the line of a run, with a dot for every row of a descent."""
    return dict(look) if run.is_continuous else {"marker": ".", "markersize": 4, **look}


def _draw_contours(ax: Axes, x: Array, y: Array, losses: Array) -> None:
    ax.grid(False)
    if not np.isfinite(losses).any():
        return
    levels = np.unique(np.nanquantile(losses, np.linspace(0.0, 1.0, NUM_LEVELS + 2)[1:-1]))
    if levels.size > 1:
        ax.contourf(x, y, losses, levels, cmap="Greys", alpha=0.25, extend="both", zorder=0)
        ax.contour(x, y, losses, levels, colors="#b0b0b0", linewidths=0.5, zorder=0.5)


def _frame(paths: list[Array]) -> tuple[Array, Array]:
    """Return the lower left and the upper right corner of the picture."""
    boxes = [(path.min(axis=0), path.max(axis=0)) for path in paths]
    sizes = [float((high - low).max()) for low, high in boxes]
    tame = REACH * min((size for size in sizes if size > 0), default=0.0)
    held = [box for box, size in zip(boxes, sizes, strict=True) if size <= tame] or boxes
    low, high = np.min([low for low, _ in held], axis=0), np.max([high for _, high in held], axis=0)
    size = float((high - low).max()) or 1.0
    middle, half = (low + high) / 2, np.maximum((high - low) / 2, 0.2 * size) + MARGIN * size
    return middle - half, middle + half


def _until_outside(path: Array, low: Array, high: Array) -> Array:
    """Return the rows up to the first one outside the picture."""
    outside = np.flatnonzero(((path < low) | (path > high)).any(axis=1))
    return path[: outside[0] + 1] if outside.size else path


def _loss(problem: Problem, w: Array) -> float:
    try:
        loss = problem.loss(w)
    except Undefined:
        return np.nan
    return loss if np.isfinite(loss) else np.nan
