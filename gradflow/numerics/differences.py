"""Derivatives by differences of a function: the one home of all of them, and of how far apart to evaluate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import ArrayLike

from gradflow import validate
from gradflow.types import Array, Product

Function = Callable[[Array], Array]

# Successive distances of a search for the best one differ by this factor, and there are so many at the most.
RATIO = 8.0
MOST_DISTANCES = 14
# A choice serves that many points, while these stay within this share of the length on which g bends.
MOST_POINTS = 100
NEAR = 0.3
# Beside an edge of its domain a function has shorter differences only: so many distances are tried.
MOST_SHORTENED = 20
# The share of f that may be noise, and the gap above which it tells neither noise nor bends.
_MOST_NOISE = 1e-2
_ASYMPTOTIC = 0.1
_PART = 1024
_DOUBLE = float(np.finfo(np.float64).eps)
_SINGLE = float(np.finfo(np.float32).eps)


def resolution(values: Array) -> float:
    """Return the relative spacing of the numbers that `values` come from: float32's where all fit it.

    Examples
    --------
    >>> resolution(np.array([0.1])), resolution(np.array([0.1], dtype=np.float32))
    (2.220446049250313e-16, 1.1920928955078125e-07)
    """
    # In parts, the first of which nearly always tells.
    parts = (values[i : i + _PART] for i in range(0, values.size, _PART))
    return _SINGLE if all(map(_fits_single, parts)) else _DOUBLE


def _fits_single(values: Array) -> bool:
    with np.errstate(over="ignore"):
        return np.array_equal(values.astype(np.float32), values, equal_nan=True)


def forward(function: Function, x: Array, value: Array, step: Array) -> Array:
    """Return (f(x + s) - f(x)), given f(x)."""
    return function(x + step) - value


def central(function: Function, x: Array, step: Array) -> Array:
    """Return (f(x + s) - f(x - s)) / 2."""
    return 0.5 * (function(x + step) - function(x - step))


def central_slope(function: Callable[[Array], float], x: Array, step: float, index: int) -> float:
    """Return df/dx_i of a function with one value, (f(x + h e_i) - f(x - h e_i)) / (2 h), h as rounded."""
    ahead, behind = x.copy(), x.copy()
    ahead[index] += step
    behind[index] -= step
    return (function(ahead) - function(behind)) / float(ahead[index] - behind[index])


def forward_into(function: Function, x: Array, value: Array, distance: float, image: Array) -> Product:
    """Return the product v -> |v| / d (f(x + d v / |v|) - f(x)), which works in `image` and returns it."""

    def product(v: Array) -> Array:
        step = distance / float(np.linalg.norm(v))
        np.multiply(v, step, out=image)
        np.add(image, x, out=image)
        np.subtract(function(image), value, out=image)
        return np.divide(image, step, out=image)

    return product


@dataclass(frozen=True, eq=False)
class Distance:
    """How far apart to evaluate near `place`, what error is left, and on what length the function bends.

    `uncertainty` is the size of the error of a product with a unit vector, in the units of the product.
    """

    place: Array
    distance: float
    uncertainty: float
    bend: float

    def serves(self, x: Array) -> bool:
        """Return whether x is near enough."""
        return float(np.linalg.norm(x - self.place)) <= NEAR * self.bend


def measured_distance(function: Function, x: Array, value: Array, *, is_central: bool) -> Distance:
    """Return the distance at which truncation and rounding of a difference at x balance, by measurement.

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
    """
    order = 2 if is_central else 1
    if not np.isfinite(value).all():
        return Distance(x, _start(_DOUBLE, order, x), np.inf, np.inf)
    probe, eps = _probe(value), resolution(value)
    if eps == _SINGLE:
        # A simple place may look coarse; one beside it, where nothing is round, does not.
        eps = resolution(function(x + _start(_SINGLE, order, x) * probe))

    def difference(h: float) -> Array:
        step = h * probe
        return (central(function, x, step) if is_central else forward(function, x, value, step)) / h

    scan = _Scan(difference, _start(eps, order, x))
    best = scan.searched(eps ** (0.6 if is_central else 0.4), float(np.linalg.norm(value)))
    return _distance(x, scan, best, order)


def _distance(x: Array, scan: _Scan, best: int, order: int) -> Distance:
    """Return the distance in the middle of the best pair, where both errors are below the gap."""
    gap, size = scan.gap(best), float(np.linalg.norm(scan.difference(best - 1)))
    middle = scan.start * RATIO**best
    # x + s is rounded as well, which one direction does not always show.
    rounding = _DOUBLE * float(np.linalg.norm(x)) / middle
    bend = middle * RATIO**0.5 / max(gap, _DOUBLE) ** (1 / order)
    return Distance(x, middle, 0.5 * size * (gap + rounding), bend)


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
        if apart == 0.0:
            return 0.0
        return apart / size if np.isfinite(apart) and size > 0 else np.inf

    def searched(self, hoped: float, size: float) -> int:
        """Return the k whose gap is as small as `hoped`, or the smallest on the way that leads down."""
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
        return best


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


@final
class DifferenceProduct:
    """The product v -> J(x) v by differences of a function, with a distance measured at the first one."""

    def __init__(self, differences: Differences, x: Array, value: Array | None) -> None:
        self._differences, self._x = differences, np.array(x, dtype=np.float64)
        self._value = None if value is None else np.array(value, dtype=np.float64)
        self._distance: Distance | None = None

    @property
    def uncertainty(self) -> float:
        """Size of the error of a product with a unit vector."""
        return self._chosen().uncertainty

    def __call__(self, v: ArrayLike) -> Array:
        """Return the product with v of shape (n,) or (n, k), column by column."""
        directions = validate.directions(v, self._x.size)
        if directions.ndim == 1:
            return self._along(directions)
        result = np.empty(directions.shape)
        for column, product in zip(directions.T, result.T, strict=True):
            product[:] = self._along(column)
        return result

    def _along(self, v: Array) -> Array:
        length = float(np.linalg.norm(v))
        if length == 0.0:
            return np.zeros(v.size)
        chosen = self._chosen()
        distance = chosen.distance
        for _ in range(MOST_SHORTENED if np.isfinite(chosen.uncertainty) else 1):
            difference = self._difference((distance / length) * v)
            if np.isfinite(difference).all():
                break
            distance /= RATIO
        return difference * (length / distance)

    def _difference(self, step: Array) -> Array:
        function = self._differences.function
        if self._differences.is_central:
            return central(function, self._x, step)
        return forward(function, self._x, self._base(), step)

    def _chosen(self) -> Distance:
        if self._distance is None:
            self._distance = self._differences.distance(self._x, self._base)
        return self._distance

    def _base(self) -> Array:
        if self._value is None:
            self._value = self._differences.function(self._x)
        return self._value


@final
class Differences:
    """Gives products by differences at one place after another: x -> (v -> J(x) v).

    The distance is measured at the first product of the first place, and again where x has come far, on
    the length on which the function bends, or after 100 places.

    Parameters
    ----------
    function : callable
        f, shape (n,) to (n,); its results are left as they are.
    is_central : bool
        Two values of f a product with an error of the order of eps^(2/3), or one, given f(x), with eps^(1/2).

    Examples
    --------
    >>> product = Differences(np.sin)(np.array([0.0, 100.0]))
    >>> product(np.array([1.0, 1.0])) - np.cos([0.0, 100.0]) < 1e-9
    array([ True,  True])
    """

    def __init__(self, function: Function, *, is_central: bool = True) -> None:
        self.function, self.is_central = function, is_central
        self._last: Distance | None = None
        self._num_served = 0

    def __call__(self, x: Array, value: Array | None = None) -> DifferenceProduct:
        """Return the product at x; f(x) is evaluated when it is needed, unless it is given."""
        return DifferenceProduct(self, x, value)

    def distance(self, x: Array, base: Callable[[], Array]) -> Distance:
        """Return the distance for x: the last one where it serves, else a measured one, given f(x)."""
        last = self._last
        if last is not None and self._num_served < MOST_POINTS and last.serves(x):
            self._num_served += 1
            return last
        self._last = measured_distance(self.function, x, base(), is_central=self.is_central)
        self._num_served = 1
        return self._last
