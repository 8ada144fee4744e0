"""Verdicts as colors: a strip over learning rates, a map over learning rates and starts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gradflow import validate
from gradflow.plots import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Up to so many learning rates each one has its tick.
MOST_TICKS = 12
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
    learning_rates: ArrayLike, names: Sequence[str], *, limit: float | None = None, ax: Axes | None = None
) -> Axes:
    """Draw the regime of each learning rate as a colored strip and return the axes.

    Each color reaches half way to the neighbors, on a logarithmic axis.

    Parameters
    ----------
    learning_rates : array_like, shape (m,)
        Positive, in any order.
    names : sequence of str
        The regime of each.
    limit : float, optional
        The stability limit 2 / lambda, drawn as a dashed line.
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
    order = np.argsort(rates)
    codes = _codes(np.asarray(names)[None, :], (1, rates.size))
    with style.drawing_on(ax) as ax:
        _draw(ax, np.exp(_edges(np.log(rates[order]))), np.array([0.0, 1.0]), codes[:, order])
        ax.set_xscale("log")
        if limit is not None:
            dark = style.LIMIT_LINE | {"color": "#222222"}
            ax.axvline(validate.positive("limit", limit), label=style.LIMIT, **dark)
        ax.set(xlabel=style.LEARNING_RATE, yticks=[])
        if rates.size <= MOST_TICKS:
            ax.set_xticks(rates[order], [f"{rate:.3g}" for rate in rates[order]], rotation=60)
            ax.set_xticks([], minor=True)
        else:
            style.read_narrow_decades(ax)
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
