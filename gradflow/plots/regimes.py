"""Verdicts as colors: marks over learning rates, a map over learning rates and starts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gradflow import validate
from gradflow.plots import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Labels of learning rates nearer than this share of the axis would touch.
APART = 0.045
_DOTS = (":", (0, (1, 1, 4, 1)))
# From calm to wild; flat ground is apart from that.
COLORS = {
    "MONOTONE": "#0072B2",
    "OVERSHOOTING": "#56B4E9",
    "CATAPULT": "#CC79A7",
    "EDGE_OF_STABILITY": "#009E73",
    "PERIODIC": "#F0E442",
    "CHAOTIC": "#E69F00",
    "DIVERGED": "#D55E00",
    "STALLED": "#999999",
}


def draw_regimes(
    learning_rates: ArrayLike,
    names: Sequence[str] | Sequence[Sequence[str]],
    *,
    limit: float | None = None,
    limit_label: str = style.LIMIT,
    thresholds: Mapping[str, float] | None = None,
    rows: Sequence[str] = (),
    ax: Axes | None = None,
) -> Axes:
    """Draw the regime of each learning rate as a colored mark and return the axes.

    Only what was run has a color: between two learning rates nothing is filled in.

    Parameters
    ----------
    learning_rates : array_like, shape (m,)
        Positive, in any order.
    names : sequence of str, or of sequences of str
        The regime of each, shape (m,), or of several rows of them, shape (p, m).
    limit : float, optional
        The linear stability limit of the rule, drawn as a dashed line.
    limit_label : str
        Its name in the legend, by default that of plain descent's, 2 / lambda.
    thresholds : mapping of str to float, optional
        Learning rates to mark by a line of their own, by the labels of the legend.
    rows : sequence of str, shape (p,)
        What the rows are, on the vertical axis.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If a learning rate is not positive, a regime is unknown, or the numbers of entries differ.
    """
    rates = validate.array("learning_rates", learning_rates, 1)
    if not (rates > 0).all():
        raise ValueError(f"`learning_rates` must be positive, got a least value {rates.min():g}")
    table = np.atleast_2d(np.asarray(names))
    codes = _codes(table, (len(table), rates.size))
    with style.drawing_on(ax) as ax:
        ax.set_xscale("log")
        _mark(ax, rates, codes)
        if limit is not None:
            dark = style.LIMIT_LINE | {"color": "#222222"}
            ax.axvline(validate.positive("limit", limit), label=limit_label, zorder=1, **dark)
        for place, (label, rate) in enumerate((thresholds or {}).items()):
            dotted: dict[str, Any] = {"color": "#222222", "linewidth": 1.0, "linestyle": _DOTS[place % 2]}
            ax.axvline(validate.positive("thresholds", rate), label=label, zorder=1, **dotted)
        ax.set(xlabel=style.LEARNING_RATE, ylim=(len(table) - 0.5, -0.5), yticks=range(len(rows)))
        ax.set_yticklabels(rows)
        ax.grid(False)
        _label(ax, np.sort(rates))
        _explain(ax, codes)
    return ax


def draw_regime_map(
    learning_rates: ArrayLike,
    starts: ArrayLike,
    names: Sequence[Sequence[str]],
    *,
    start_label: str = "starting weight $w_0$",
    ax: Axes | None = None,
) -> Axes:
    """Draw the regime of each pair of learning rate and start as a colored map and return the axes.

    Parameters
    ----------
    learning_rates : array_like, shape (m,)
        Ascending.
    starts : array_like, shape (p,)
        Ascending.
    names : sequence of sequences of str, shape (p, m)
        The regime of each start (row) and learning rate (column).
    start_label : str
        Of the vertical axis.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If a regime is unknown or the numbers of entries do not fit.
    """
    x, y = validate.array("learning_rates", learning_rates, 1), validate.array("starts", starts, 1)
    codes = _codes(np.asarray(names), (y.size, x.size))
    with style.drawing_on(ax) as ax:
        _draw(ax, _edges(x), _edges(y), codes)
        ax.set(xlabel=style.LEARNING_RATE, ylabel=start_label)
        _explain(ax, codes)
    return ax


def _codes(names: NDArray[np.str_], shape: tuple[int, int]) -> NDArray[np.int64]:
    if names.shape != shape:
        raise ValueError(f"`names` must have shape {shape}, got {names.shape}")
    known = list(COLORS)
    unknown = sorted(set(names.ravel().tolist()) - set(known))
    if unknown:
        raise ValueError(f"`names` must be of {', '.join(known)}, got {unknown[0]!r:.60}")
    return np.array([[known.index(name) for name in row] for row in names.tolist()])


def _edges(centers: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the borders half way between centers, the outer ones as far out as the next are in."""
    if centers.size == 1:
        return np.array([centers[0] - 0.5, centers[0] + 0.5])
    inner = 0.5 * (centers[1:] + centers[:-1])
    return np.concatenate([[2 * centers[0] - inner[0]], inner, [2 * centers[-1] - inner[-1]]])


def _draw(ax: Axes, x: NDArray[np.float64], y: NDArray[np.float64], codes: NDArray[np.int64]) -> None:
    from matplotlib.colors import ListedColormap

    colors = ListedColormap(list(COLORS.values()))
    ax.pcolormesh(x, y, codes, cmap=colors, vmin=-0.5, vmax=len(COLORS) - 0.5, rasterized=True)
    ax.grid(False)


def _label(ax: Axes, rates: NDArray[np.float64]) -> None:
    """Label the learning rates themselves, without those too near to the one before."""
    low, high = np.log(ax.get_xlim())
    shown: list[float] = []
    for rate in rates.tolist():
        if not shown or np.log(rate / shown[-1]) >= APART * (high - low):
            shown.append(rate)
    ax.set_xticks(shown, [f"{rate:.3g}" for rate in shown], rotation=60)
    ax.set_xticks([], minor=True)


def _mark(ax: Axes, rates: NDArray[np.float64], codes: NDArray[np.int64]) -> None:
    """Put one square at each learning rate of each row, all of one regime at once."""
    shape: dict[str, Any] = {"marker": "s", "linestyle": "none", "markeredgecolor": "white", "markersize": 7}
    for code, color in enumerate(COLORS.values()):
        row, column = np.nonzero(codes == code)
        if row.size:
            ax.plot(rates[column], row, color=color, label=f"_{code}", zorder=3, **shape)


def _explain(ax: Axes, codes: NDArray[np.int64]) -> None:
    """Add a legend of the regimes that occur, above the axes."""
    from matplotlib.patches import Patch

    occurring = [(name, color) for i, (name, color) in enumerate(COLORS.items()) if (codes == i).any()]
    handles: list[Any] = [
        Patch(color=color, label=name.lower().replace("_", " ")) for name, color in occurring
    ]
    handles += [line for line in ax.get_lines() if not str(line.get_label()).startswith("_")]
    place: dict[str, Any] = {"loc": "lower left", "bbox_to_anchor": (0.0, 1.0), "borderaxespad": 0.3}
    ax.legend(handles=handles, ncols=3, columnspacing=1.0, **place)
