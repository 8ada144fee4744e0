"""Derivatives by differences of a function: the one home of all of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import final

import numpy as np
from numpy.typing import ArrayLike

from gradflow import validate
from gradflow.numerics.distances import (
    RATIO,
    Distance,
    Function,
    Quotient,
    central,
    distance_along,
    forward,
    measured_distance,
)
from gradflow.types import Array, Product

# A choice serves that many points.
MOST_POINTS = 100
# Beside an edge of its domain a function has shorter differences only: so many distances are tried.
MOST_SHORTENED = 20
# A direction along which the error is so many times what was measured is measured for itself, unless it is
# this small a share of the largest product or so many were already.
_FAR_WORSE = 30.0
_NO_MATTER = 1e-7
_MOST_MEASURED = 8


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


@final
class DifferenceProduct:
    """The product v -> J(x) v by differences of a function, with a distance measured at the first one.

    Where f(x) is known each central difference says how large its own error is, and a direction along which
    f bends much sooner than where the distance was measured gets a shorter one, as all after it:
    `num_shortened` counts how often.
    """

    def __init__(self, differences: Differences, x: Array, value: Array | None) -> None:
        self._differences, self._x = differences, np.array(x, dtype=np.float64)
        self._value = None if value is None else np.array(value, dtype=np.float64)
        self._distance: Distance | None = None
        self._worst = self._largest = 0.0
        self._num_measured = self.num_shortened = 0

    @property
    def uncertainty(self) -> float:
        """Size of the error of a product with a unit vector: the largest that the differences had so far."""
        return max(self._chosen().uncertainty, self._worst)

    def __call__(self, v: ArrayLike) -> Array:
        """Return the product with v of shape (n,) or (n, k), column by column."""
        directions = validate.directions(v, self._x.size)
        if directions.ndim == 1:
            return self._along(directions)
        result = np.empty(directions.shape)
        for column, product in zip(directions.T, result.T, strict=True):
            product[:] = self._along(column)
        return result

    def nearer(self, v: Array) -> Array:
        """Return the product with v, not zero, from a distance an eighth as long: a second opinion."""
        length = float(np.linalg.norm(v))
        return self._quotient(v / length, self._chosen().distance / RATIO).slope * length

    def shorten_along(self, v: Array, error: float) -> bool:
        """Measure the distance along v, not zero, and return whether a shorter one has a smaller error."""
        if self._num_measured == _MOST_MEASURED:
            return False
        self._num_measured += 1
        unit, last = v / float(np.linalg.norm(v)), self._chosen()
        found = distance_along(
            self._differences.function, self._x, self._base(), unit, last, is_central=self._is_central
        )
        # A little shorter and a little better may be the noise of the search.
        if not (found.distance < 0.5 * last.distance and found.uncertainty < 0.5 * error):
            return False
        self._distance = self._differences.last = found
        self._worst = self._largest = 0.0
        self.num_shortened += 1
        return True

    @property
    def _is_central(self) -> bool:
        return self._differences.is_central

    # A distance is shortened where f has no value so far away: that is no news.
    @np.errstate(all="ignore")
    def _along(self, v: Array) -> Array:
        length = float(np.linalg.norm(v))
        if length == 0.0:
            return np.zeros(v.size)
        unit = v / length
        found = self._found(unit)
        if self._bends_sooner(found) and self.shorten_along(unit, found.error):
            found = self._found(unit)
        found = self._shortened(unit, found)
        if found.error > 0.0:
            self._worst = max(self._worst, found.error)
            self._largest = max(self._largest, float(np.linalg.norm(found.slope)))
        return found.slope * length

    def _found(self, unit: Array) -> Quotient:
        return self._quotient(unit, self._chosen().distance)

    def _shortened(self, unit: Array, found: Quotient) -> Quotient:
        """Return what was found, from a shorter distance where that leaves the domain of the function."""
        distance = self._chosen().distance
        for _ in range(MOST_SHORTENED if np.isfinite(self._chosen().uncertainty) else 0):
            if np.isfinite(found.slope).all():
                break
            distance /= RATIO
            found = self._quotient(unit, distance)
        return found

    def _bends_sooner(self, found: Quotient) -> bool:
        chosen = self._chosen()
        if found.error == 0.0 or not np.isfinite(chosen.uncertainty):
            return False
        size = float(np.linalg.norm(found.slope))
        return found.error > max(_FAR_WORSE * chosen.uncertainty, _NO_MATTER * max(self._largest, size))

    def _quotient(self, unit: Array, distance: float) -> Quotient:
        function = self._differences.function
        if self._is_central:
            return central(function, self._x, self._value, unit, distance)
        return forward(function, self._x, self._base(), unit, distance)

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
    eps : float, optional
        Relative precision of f where it is known; else it is read off its numbers.

    Examples
    --------
    >>> product = Differences(np.sin)(np.array([0.0, 100.0]))
    >>> product(np.array([1.0, 1.0])) - np.cos([0.0, 100.0]) < 1e-9
    array([ True,  True])
    """

    def __init__(self, function: Function, *, is_central: bool = True, eps: float | None = None) -> None:
        self.function, self.is_central, self.eps = function, is_central, eps
        self.last: Distance | None = None
        self._num_served = 0

    def __call__(self, x: Array, value: Array | None = None) -> DifferenceProduct:
        """Return the product at x; f(x) is evaluated when it is needed, unless it is given."""
        return DifferenceProduct(self, x, value)

    def distance(self, x: Array, base: Callable[[], Array]) -> Distance:
        """Return the distance for x: the last one where it serves, else a measured one, given f(x)."""
        last = self.last
        if last is not None and self._num_served < MOST_POINTS and last.serves(x):
            self._num_served += 1
            return last
        self.last = measured_distance(self.function, x, base(), is_central=self.is_central, eps=self.eps)
        self._num_served = 1
        return self.last
