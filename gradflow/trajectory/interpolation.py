"""Between two points of a flow: the Hermite polynomial through the points around them and their slopes.

Nothing is evaluated for it. Up to six points with their slopes make a polynomial of degree up to 11, which
leaves what the steps themselves are off by, whatever method took them; scipy's own polynomials inside a step
do not: on steps that are as long as stability allows DOP853's amplifies fast modes a thousandfold.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gradflow.types import Array

# Points around an interval that take part, and by what factor their distances may differ from its length: of
# two that are much closer together the differences carry more noise than slope.
NUM_POINTS = 6
RATIO = 0.1


class Window(NamedTuple):
    """The points `first` to `last` that take part between two neighbors."""

    first: int
    last: int


def window(times: Array, left: int) -> Window:
    """Return the points around the interval from ``times[left]`` to the next one, the nearer first."""
    first, last = left, left + 1
    shortest, longest = RATIO * (times[last] - times[first]), (times[last] - times[first]) / RATIO
    while last - first + 1 < NUM_POINTS:
        before = first > 0 and shortest <= times[first] - times[first - 1] <= longest
        behind = last + 1 < len(times) and shortest <= times[last + 1] - times[last] <= longest
        if before and (not behind or left - first <= last - left - 1):
            first -= 1
        elif behind:
            last += 1
        else:
            break
    return Window(first, last)


def between(times: Array, values: Array, slopes: Array, left: int, asked: Array) -> tuple[Array, Array]:
    """Return values and slopes at the flow times `asked` (q,) strictly between two neighbors of `times`.

    Parameters
    ----------
    times : ndarray, shape (m,)
        Increasing.
    values, slopes : ndarray, shape (m,) or (m, n)
        At these times.
    left : int
        The neighbor before all that is asked.
    asked : ndarray, shape (q,)

    Returns
    -------
    values, slopes : ndarray, shape (q,) or (q, n)
    """
    first, last = window(times, left)
    origin, length = times[left], times[left + 1] - times[left]
    nodes = (times[first : last + 1] - origin) / length
    weights = _basis(nodes, (asked - origin) / length)
    of_values, of_slopes, of_values_slope, of_slopes_slope = weights
    here, there = values[first : last + 1], length * slopes[first : last + 1]
    return (
        of_values @ here + of_slopes @ there,
        (of_values_slope @ here + of_slopes_slope @ there) / length,
    )


def interpolated(times: Array, values: Array, slopes: Array, asked: Array) -> Array:
    """Return the values at flow times `asked` (q,) within the first and the last of `times`."""
    result = np.empty((asked.size, *values.shape[1:]))
    if not asked.size:
        return result
    left = np.clip(np.searchsorted(times, asked, side="right") - 1, 0, len(times) - 2)
    order = np.argsort(left, kind="stable")
    for place in np.split(order, np.flatnonzero(np.diff(left[order])) + 1):
        result[place] = between(times, values, slopes, int(left[place[0]]), asked[place])[0]
    exact = asked == times[left]
    result[exact] = values[left[exact]]
    exact = asked == times[left + 1]
    result[exact] = values[left[exact] + 1]
    return result


def _basis(nodes: Array, x: Array) -> tuple[Array, Array, Array, Array]:
    """Return what values and slopes at the nodes (k,) weigh at x (q,), and the slopes of these weights."""
    apart = nodes[:, np.newaxis] - nodes
    np.fill_diagonal(apart, 1.0)
    away = x[:, np.newaxis] - nodes
    inverse = 1.0 / np.where(away == 0.0, np.inf, away)
    lagrange = away.prod(axis=1, keepdims=True) * inverse / apart.prod(axis=1)
    at_node = (1.0 / apart).sum(axis=1) - 1.0
    slope = lagrange * (inverse.sum(axis=1, keepdims=True) - inverse)
    tilt = 1.0 - 2.0 * at_node * away
    square, twice = lagrange**2, 2.0 * lagrange * slope
    return tilt * square, away * square, tilt * twice - 2.0 * at_node * square, away * twice + square
