"""How far apart to evaluate a function for a difference: measured, as its bends and its rounding demand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from gradflow.numerics.rounding import DOUBLE, SINGLE, resolution
from gradflow.types import Array

Function = Callable[[Array], Array]

# Successive distances of a search for the best one differ by this factor, and there are so many at the most.
RATIO = 8.0
MOST_DISTANCES = 14
# A choice serves places within this share of the length on which f bends.
NEAR = 0.3
# The share of f that may be noise, and the gap above which it tells neither noise nor bends.
_MOST_NOISE = 1e-2
_ASYMPTOTIC = 0.1
# A central difference of f, rounded to eps of its size, is wrong by this share of that at the least. The
# two places are off by this share of eps of theirs; so many times eps is far enough to see what comes of it.
_LEAST_ROUNDING = 0.25
_ROUNDED = 0.2
_SHAKEN = 16.0


class Quotient(NamedTuple):
    """A difference over its distance, and what f's second difference there says of its error."""

    slope: Array
    error: float


def forward(function: Function, x: Array, value: Array, unit: Array, distance: float) -> Quotient:
    """Return the one-sided difference of f along a unit vector, which does not know its error."""
    ahead = x + distance * unit
    return Quotient((function(ahead) - value) / _span(ahead, x, distance), 0.0)


def central(function: Function, x: Array, value: Array | None, unit: Array, distance: float) -> Quotient:
    """Return the central difference of f along a unit vector.

    Where f(x), `value`, is known it knows how much f bends: by the second difference, a share rho of the
    first, whose square is about the share of what is left out, a sixth of h^2 times the third derivative.
    """
    ahead, behind = x + distance * unit, x - distance * unit
    above, below = function(ahead), function(behind)
    first = above - below
    if not np.isfinite(first).all():
        return Quotient(first, np.inf)
    slope = first / _span(ahead, behind, 2.0 * distance)
    if value is None:
        return Quotient(slope, 0.0)
    size, second = float(np.linalg.norm(first)), float(np.linalg.norm(above - 2.0 * value + below))
    share = second / size if size > 0 else 0.0
    return Quotient(slope, 0.5 * share**2 * float(np.linalg.norm(slope)))


def _span(ahead: Array, behind: Array, meant: float) -> float:
    """Return how far apart two places are: along a line just that, whatever was meant.

    Among several weights the rounding of each moves the difference by its own slope.
    """
    return abs(float((ahead - behind)[0])) or meant if ahead.size == 1 else meant


@dataclass(frozen=True, eq=False)
class Distance:
    """How far apart to evaluate near `place`, what error is left, and on what length the function bends.

    `uncertainty` is the size of the error of a product with a unit vector, in the units of the product, and
    `eps` the relative precision of f.
    """

    place: Array
    distance: float
    uncertainty: float
    bend: float
    eps: float

    def serves(self, x: Array) -> bool:
        """Return whether x is near enough."""
        return float(np.linalg.norm(x - self.place)) <= NEAR * self.bend


@np.errstate(all="ignore")
def measured_distance(
    function: Function, x: Array, value: Array, *, is_central: bool, eps: float | None = None
) -> Distance:
    """Return the distance at which truncation and rounding of a difference at x balance, by measurement.

    That f has no value where it is evaluated too far away is no news, and no warning.

    Differences D(h) along one direction, that of `value` mixed with noise, are compared at distances of
    ratio 8, beginning where a function that bends on a length of 1 + |x| would have its best one: the gap
    |D(h) - D(h / 8)| grows with h where the function's bends rule it, and shrinks where rounding does. The
    search ends where the gap is as small as rounding lets one hope for, or at its first minimum: most often
    after two or three differences.

    Parameters
    ----------
    function : callable
        f, shape (n,) to (n,).
    x, value : ndarray, shape (n,)
        The place and f there.
    is_central : bool
        Whether the differences will be central, else forward ones.
    eps : float, optional
        Relative precision of f where it is known; else it is read off its numbers.
    """
    order = 2 if is_central else 1
    if not np.isfinite(value).all():
        return Distance(x, _start(DOUBLE, order, x), np.inf, np.inf, DOUBLE)
    probe = _probe(value)
    if eps is None:
        eps = resolution(value)
        if eps == SINGLE:
            # A simple place may look coarse; one beside it, where nothing is round, does not.
            eps = _resolution_beside(function, x, _start(SINGLE, order, x) * probe)
    return _searched(function, x, value, probe, _start(eps, order, x), eps, is_central, 0.0)


@np.errstate(all="ignore")
def distance_along(
    function: Function, x: Array, value: Array, unit: Array, last: Distance, *, is_central: bool
) -> Distance:
    """Return the same for one direction, along which f bends sooner than the `last` distance supposed."""
    # Nearer than numbers can tell places apart nothing changes: that is no difference at all.
    return _searched(function, x, value, unit, last.distance / RATIO, last.eps, is_central, np.inf)


def _searched(
    function: Function,
    x: Array,
    value: Array,
    probe: Array,
    start: float,
    eps: float,
    is_central: bool,
    unchanged: float,
) -> Distance:
    """Return the distance found from `start` on; `unchanged` is its error where nothing changes at all."""
    order, power = (2, 0.6) if is_central else (1, 0.4)
    difference = central if is_central else forward
    scan = _Scan(lambda h: difference(function, x, value, probe, h).slope, start)
    best = scan.searched(eps**power, eps, float(np.linalg.norm(value)))
    gap, slope = scan.gap(best), float(np.linalg.norm(scan.difference(best - 1)))
    # In the middle of the best pair both errors are below the gap, which may be small by chance.
    middle = start * RATIO**best
    error = max(0.5 * middle * slope * gap, _LEAST_ROUNDING * eps * float(np.linalg.norm(value)))
    if slope == 0.0:
        return Distance(x, middle, unchanged, np.inf, eps)
    rounding = _ROUNDED * eps * (1.0 - 1.0 / x.size) ** 0.5 * float(np.linalg.norm(x)) * slope
    if rounding > error:
        rounding = min(rounding, _shaken(function, x, value, eps))
    bend = middle * RATIO**0.5 / max(gap, DOUBLE) ** (1 / order)
    return Distance(x, middle, (error + rounding) / middle, bend, eps)


def _shaken(function: Function, x: Array, value: Array, eps: float) -> float:
    """Return what the rounding of x, across a difference, does to f: from a change of 16 times that size."""
    signs = np.random.default_rng(1).choice([-_SHAKEN, _SHAKEN], x.size)
    change = float(np.linalg.norm(function(x + signs * eps * np.abs(x)) - value))
    return _ROUNDED * change / _SHAKEN if np.isfinite(change) else np.inf


def _resolution_beside(function: Function, x: Array, step: Array) -> float:
    """Return the resolution of f beside x, where it has a value."""
    for share in RATIO ** (-2.0 * np.arange(MOST_DISTANCES)):
        beside = function(x + share * step)
        if np.isfinite(beside).all():
            return resolution(beside)
    return DOUBLE


class _Scan:
    """Differences D at the distances start 8^(k + 1/2), each made once, and the gaps between neighbours."""

    def __init__(self, difference: Callable[[float], Array], start: float) -> None:
        self._difference, self.start = difference, start
        self._seen: dict[int, Array] = {}

    def difference(self, k: int) -> Array:
        if k not in self._seen:
            self._seen[k] = self._difference(self.start * RATIO ** (k + 0.5))
        return self._seen[k]

    def gap(self, k: int) -> float:
        """Return |D_k - D_{k-1}| / |D_{k-1}|."""
        fine = self.difference(k - 1)
        apart, size = float(np.linalg.norm(self.difference(k) - fine)), float(np.linalg.norm(fine))
        if apart == 0.0 and (size > 0.0 or not self._changed_beyond(k)):
            return 0.0
        return apart / size if np.isfinite(apart) and size > 0 else np.inf

    def _changed_beyond(self, k: int) -> bool:
        """Return whether f changed at a longer distance: then it is too short where it does not."""
        longer = (each for j, each in self._seen.items() if j > k)
        return any(np.isfinite(each).all() and each.any() for each in longer)

    def searched(self, hoped: float, eps: float, size: float) -> int:
        """Return the k whose gap is as small as `hoped`, or the smallest on the way that leads down.

        That way ends where the gap is the rounding, `eps`, of a function of this `size`.
        """
        if self.gap(0) <= hoped:
            return 0
        # Rounding is small against the value, of that `size`: where f changes much, its bends show.
        change = self.start * float(np.linalg.norm(self.difference(0)))
        way = 1 if change <= _MOST_NOISE * size and self.gap(1) < self.gap(0) else -1
        best = k = 0
        while len(self._seen) < MOST_DISTANCES and self.gap(best) > hoped:
            k += way
            if self.gap(k) < self.gap(best):
                best = k
            elif self.gap(best) < _ASYMPTOTIC:
                break
            if way < 0 and self.gap(best) <= self._rounding(best, eps * size):
                break
        return best

    def _rounding(self, k: int, noise: float) -> float:
        """Return the gap that noise in f leaves."""
        fine = float(np.linalg.norm(self.difference(k - 1))) * self.start * RATIO ** (k - 0.5)
        return noise / fine if fine > 0 else 0.0


def _start(eps: float, order: int, x: Array) -> float:
    """Return the best distance for a function of size and bends 1 + |x|: eps^(1/3) or eps^(1/2) of it."""
    return eps ** (1.0 / (order + 1)) * (1.0 + float(np.linalg.norm(x)))


def _probe(value: Array) -> Array:
    """Return the unit direction along which to measure: that of `value`, and all others a little."""
    noise = np.random.default_rng(0).standard_normal(value.size)
    noise /= np.linalg.norm(noise)
    size = float(np.linalg.norm(value))
    if 0 < size < np.inf:
        along = value / size
        noise = along + np.copysign(noise, noise * along) if value.size == 1 else along + noise
    return noise / np.linalg.norm(noise)
