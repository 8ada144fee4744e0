"""What a notebook shows of a result: a small picture in SVG and a table of numbers, as one piece of HTML."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape

import numpy as np

from gradflow.types import Array

WIDTH, HEIGHT, ROOM = 240, 110, 8
# Points of a line, and decades of a logarithmic ordinate below its highest value.
MOST_POINTS, MOST_DECADES = 300, 18.0
COLORS = ("currentColor", "#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7")


def block(title: str, facts: Mapping[str, object], picture: str = "") -> str:
    """Return a title, a picture and a table of facts, side by side where there is room.

    Examples
    --------
    >>> block("A run", {"steps": 3})[:47]
    '<div style="font: 13px/1.4 system-ui, sans-seri'
    """
    rows = "".join(
        f'<tr><td style="text-align: left; opacity: 0.75">{escape(name)}</td>'
        f'<td style="text-align: left">{escape(str(value))}</td></tr>'
        for name, value in facts.items()
    )
    return (
        '<div style="font: 13px/1.4 system-ui, sans-serif">'
        f"<strong>{escape(title)}</strong>"
        '<div style="display: flex; flex-wrap: wrap; gap: 12px; align-items: flex-start">'
        f'{picture}<table style="border-collapse: collapse">{rows}</table></div></div>'
    )


def lines(name: str, pairs: Iterable[tuple[Array, Array]]) -> str:
    """Return an SVG picture of values over flow time on a logarithmic ordinate; the first line is the flow's.

    Parameters
    ----------
    name : str
        What a screen reader says of it, and what stands on the ordinate.
    pairs : iterable of (ndarray (m,), ndarray (m,))
        Times and values of each line; values that are not positive and finite are left out.
    """
    drawn = [_thinned(times, values) for times, values in pairs]
    low_x, high_x = _reach([x for x, _ in drawn])
    low_y, high_y = _reach([y for _, y in drawn])
    low_y = max(low_y, high_y - MOST_DECADES)
    parts = [
        f'<polyline points="{_points(x, y, (low_x, high_x), (low_y, high_y))}" fill="none" '
        f'stroke="{COLORS[index % len(COLORS)]}" stroke-width="{2 if index == 0 else 1.2}"/>'
        for index, (x, y) in enumerate(drawn)
        if x.size
    ]
    label = f"{name} {10**high_y:.2g} to {10**low_y:.2g}, flow time {low_x:.4g} to {high_x:.4g}"
    text = f'<text x="2" y="{HEIGHT + 12}" font-size="10" fill="currentColor">{escape(label)}</text>'
    return (
        f'<svg role="img" aria-label="{escape(label)}" width="{WIDTH}" height="{HEIGHT + 16}" '
        f'viewBox="0 0 {WIDTH} {HEIGHT + 16}" style="flex: none">'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="none" stroke="currentColor" opacity="0.3"/>'
        f"{''.join(parts)}{text}</svg>"
    )


def number(value: float) -> str:
    """Return a number in six digits, a dash where there is none."""
    return f"{value:.6g}" if math.isfinite(value) else "–"


def _thinned(times: Array, values: Array) -> tuple[Array, Array]:
    """Return times and logarithms to base 10 of at most `MOST_POINTS` values."""
    kept = np.unique(np.linspace(0, len(times) - 1, MOST_POINTS).round().astype(int))
    x, y = np.asarray(times)[kept], np.asarray(values)[kept]
    good = np.isfinite(y) & (y > 0)
    return x[good], np.log10(y[good])


def _reach(columns: Sequence[Array]) -> tuple[float, float]:
    """Return least and greatest of all, apart where they are the same."""
    together = np.concatenate([np.zeros(0), *columns])
    if not together.size:
        return 0.0, 1.0
    low, high = float(together.min()), float(together.max())
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _points(x: Array, y: Array, across: tuple[float, float], up: tuple[float, float]) -> str:
    places = ROOM + (WIDTH - 2 * ROOM) * (x - across[0]) / (across[1] - across[0])
    heights = HEIGHT - ROOM - (HEIGHT - 2 * ROOM) * (np.maximum(y, up[0]) - up[0]) / (up[1] - up[0])
    return " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(places, heights, strict=True))
