"""Logarithmic axes: what has no place on them, where runs begin, and labels that do not touch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gradflow.plots.style import flow_line
from gradflow.types import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Widths of a digit and of the gap between two labels, heights of a line, in sizes of the letters.
DIGIT, GAP, LINE = 0.62, 0.7, 1.5
# Which multiples of a power of ten are labelled first.
ROUND = (1, 5, 2, 3, 7, 4, 6, 8, 9)


def set_time_scale(ax: Axes, xscale: str | None) -> None:
    """Set the scale of the axis of time or steps, or leave it as it is.

    Raises
    ------
    ValueError
        If there is no such scale.
    """
    if xscale is None:
        return
    if xscale not in ("linear", "log"):
        raise ValueError(f"`xscale` must be 'linear' or 'log', got {xscale!r:.60}")
    ax.set_xscale(xscale, **({"nonpositive": "mask"} if xscale == "log" else {}))


def leave_out_zeros(ax: Axes, lines: Sequence[Any]) -> None:
    """Leave out points at t = 0 while the horizontal axis is logarithmic, now or later.

    matplotlib would draw a level line from the left edge to the next point.
    """
    whole = [np.asarray(line.get_xdata(), dtype=np.float64) for line in lines]

    def look(ax: Axes) -> None:
        hidden = ax.get_xscale() == "log"
        for line, x in zip(lines, whole, strict=True):
            line.set_xdata(np.where(x > 0, x, np.nan) if hidden else x)

    look(ax)
    ax.callbacks.connect("xlim_changed", look)


def show_start(ax: Axes, curves: Iterable[tuple[Array, Array, Any]], first: float, label: str) -> None:
    """Let curves begin at the left edge of a logarithmic axis, with a dot for the point at t = 0.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    curves : iterable of (ndarray, ndarray, color)
        Abscissas from 0 on, ordinates, and the color of the dotted line to the first point behind 0.
    first : float
        The first abscissa that counts: the axis begins at half of it.
    label : str
        Of the dot.
    """
    left = 0.5 * first
    ax.set_xlim(left=left)
    places = []
    for x, y, color in curves:
        later = np.flatnonzero(x > left)
        if x[0] == 0 and later.size and later[0] == 1:
            ax.plot([left, x[1]], y[:2], color=color, linestyle=":", linewidth=1.0, zorder=1.9)
        if x[0] == 0:
            places.append(float(y[0]))
    dot: dict[str, Any] = {"linestyle": "none", "marker": "o", "markersize": 4, "color": flow_line()["color"]}
    places = sorted(set(places))
    ax.plot([left] * len(places), places, label=label, clip_on=False, zorder=4, **dot)


def first_time(abscissas: Iterable[tuple[Array, bool]]) -> float | None:
    """Return the first step of a descent, or of a flow where there is none; None where nothing moves."""
    found = [(flows, float(x[x > 0][0])) for x, flows in abscissas if (x > 0).any()]
    return min(found, key=lambda each: each)[1] if found else None


def mind_log_labels(ax: Axes) -> None:
    """Label logarithmic axes, now or later, so that no two labels touch."""
    _set_formatters(ax)
    ax.callbacks.connect("xlim_changed", _set_formatters)
    ax.callbacks.connect("ylim_changed", _set_formatters)


def _set_formatters(ax: Axes) -> None:
    from matplotlib.ticker import FuncFormatter, LogFormatterSciNotation

    for axis in (ax.xaxis, ax.yaxis):
        # Whatever else is there the user has set.
        if axis.get_scale() == "log" and type(axis.get_major_formatter()) is LogFormatterSciNotation:
            # One formatter of each kind: matplotlib tells it which axis it belongs to.
            axis.set_major_formatter(FuncFormatter(_labeller(axis, major=True)))
            axis.set_minor_formatter(FuncFormatter(_labeller(axis, major=False)))


def _labeller(axis: Any, *, major: bool) -> Any:
    seen: dict[Any, set[float] | None] = {}

    def label(value: float, _: int | None = None) -> str:
        # Asked for every tick, several times a drawing: looked at again only where something has changed.
        now = (*axis.get_view_interval(), *axis.axes.bbox.size)
        if now not in seen:
            seen.clear()
            seen[now] = _labelled(axis)
        plain = seen[now]
        if plain is None:
            return rf"$\mathdefault{{10^{{{round(np.log10(value))}}}}}$" if major else ""
        return f"{value:.4g}" if value in plain else ""

    return label


def _labelled(axis: Any) -> set[float] | None:
    """Return the ticks that are labelled as plain numbers, None where powers of ten are."""
    majors = _in_view(axis, axis.get_majorticklocs())
    if sum(map(_is_power, majors)) > 1:
        return None
    return set(_apart(axis, _in_view(axis, np.append(axis.get_majorticklocs(), axis.get_minorticklocs()))))


def _in_view(axis: Any, ticks: Array) -> list[float]:
    low, high = sorted(axis.get_view_interval())
    return [float(tick) for tick in ticks if low * (1 - 1e-9) <= tick <= high * (1 + 1e-9)]


def _is_power(tick: float) -> bool:
    return bool(np.isclose(np.log10(tick) % 1, (0.0, 1.0), atol=1e-9).any())


def _apart(axis: Any, ticks: list[float]) -> list[float]:
    """Return the ticks that are labelled: the roundest ones, no two nearer than their labels are long."""
    low, high = sorted(axis.get_view_interval())
    size = axis.get_major_ticks(1)[0].label1.get_fontsize()
    box = axis.axes.bbox
    length = (box.width if axis.axis_name == "x" else box.height) * 72 / axis.axes.figure.dpi / size
    scale = length / np.log(high / low)
    kept: list[float] = []
    for tick in sorted(ticks, key=_roughness):
        if all(abs(np.log(tick / other)) * scale > _room(axis, tick, other) for other in kept):
            kept.append(tick)
    return kept


def _room(axis: Any, tick: float, other: float) -> float:
    if axis.axis_name == "y":
        return LINE
    return DIGIT * 0.5 * (len(f"{tick:.4g}") + len(f"{other:.4g}")) + GAP


def _roughness(tick: float) -> tuple[int, int]:
    """Order numbers by their digits, few first, then round ones."""
    digits = f"{tick:.3e}".split("e")[0].replace(".", "").rstrip("0")
    leading = ROUND.index(int(digits[0]))
    return len(digits), leading
