"""Between two points of a flow: the Hermite polynomial through the points around them and their slopes.

Nothing is evaluated for it. Up to six points with their slopes make a polynomial of degree up to 11, which
leaves what the steps themselves are off by, whatever method took them; scipy's own polynomials inside a step
do not: on steps that are as long as stability allows DOP853's amplifies fast modes a thousandfold.
"""

from __future__ import annotations

from functools import cached_property
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


class Between:
    """Flow times strictly between two neighbors, ready for whatever is known with its slopes at the points.

    Parameters
    ----------
    times : ndarray, shape (m,)
        Increasing.
    left : int
        The neighbor before all that is asked.
    asked : ndarray, shape (q,)
    """

    def __init__(self, times: Array, left: int, asked: Array) -> None:
        first, last = window(times, left)
        self._points = slice(first, last + 1)
        self._length = times[left + 1] - times[left]
        nodes = (times[self._points] - times[left]) / self._length
        self._basis = _Basis(nodes, (asked - times[left]) / self._length)

    def values(self, values: Array, slopes: Array) -> Array:
        """Return the values (q, ...) of what has these values and slopes at `times`, shape (m, ...)."""
        return self._basis.weights.T @ self._stacked(values, slopes)

    def slopes(self, values: Array, slopes: Array) -> Array:
        """Return its slopes, shape (q, ...)."""
        return self._basis.slope_weights.T @ (self._stacked(values, slopes) / self._length)

    def _stacked(self, values: Array, slopes: Array) -> Array:
        return np.concatenate([values[self._points], self._length * slopes[self._points]])


def interpolated(times: Array, values: Array, slopes: Array, asked: Array) -> Array:
    """Return the values at flow times `asked` (q,) within the first and the last of `times`."""
    result = np.empty((asked.size, *values.shape[1:]))
    if not asked.size:
        return result
    left = np.clip(np.searchsorted(times, asked, side="right") - 1, 0, len(times) - 2)
    order = np.argsort(left, kind="stable")
    for place in np.split(order, np.flatnonzero(np.diff(left[order])) + 1):
        result[place] = Between(times, int(left[place[0]]), asked[place]).values(values, slopes)
    exact = asked == times[left]
    result[exact] = values[left[exact]]
    exact = asked == times[left + 1]
    result[exact] = values[left[exact] + 1]
    return result


def in_straight_lines(times: Array, values: Array, asked: Array) -> Array:
    """Return the values at flow times `asked`, of any shape, on straight lines from row to row."""
    right = np.clip(np.searchsorted(times, asked), 1, len(times) - 1)
    left = right - 1
    share = (asked - times[left]) / (times[right] - times[left])
    share = share.reshape(share.shape + (1,) * (values.ndim - 1))
    return (1 - share) * values[left] + share * values[right]


class _Basis:
    """What values, then slopes, at the nodes (k,) weigh at x (q,), as rows (2 k, q) long enough for numpy.

    What is large is worked on in place: fresh memory would cost more than the arithmetic.
    """

    def __init__(self, nodes: Array, x: Array) -> None:
        apart = nodes[:, np.newaxis] - nodes
        np.fill_diagonal(apart, 1.0)
        self._tilt = -2.0 * ((1.0 / apart).sum(axis=1) - 1.0)[:, np.newaxis]
        away = x - nodes[:, np.newaxis]
        inverse = np.where(away == 0.0, np.inf, away)
        self._inverse = np.divide(1.0, inverse, out=inverse)
        # The square of Lagrange's polynomial of each node.
        self._square = inverse * away.prod(axis=0)
        self._square /= apart.prod(axis=1)[:, np.newaxis]
        self._square *= self._square
        self.weights = np.empty((2 * nodes.size, x.size))
        of_values, of_slopes = np.split(self.weights, 2)
        np.multiply(self._tilt, away, out=of_values)
        of_values += 1.0
        of_values *= self._square
        np.multiply(away, self._square, out=of_slopes)

    @cached_property
    def slope_weights(self) -> Array:
        """The slopes of the weights at x."""
        slope = self._inverse.sum(axis=0) - self._inverse
        slope *= 2.0
        result = np.empty_like(self.weights)
        of_values, of_slopes = np.split(result, 2)
        values, slopes = np.split(self.weights, 2)
        np.multiply(values, slope, out=of_values)
        of_values += self._tilt * self._square
        np.multiply(slopes, slope, out=of_slopes)
        of_slopes += self._square
        return result
