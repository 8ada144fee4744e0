"""What can be vouched for where products with a Hessian carry noise."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from gradflow.numerics.differences import DifferenceProduct
from gradflow.numerics.distances import RATIO
from gradflow.numerics.rounding import DOUBLE
from gradflow.problems.precision import precision_of
from gradflow.types import Array, Product

# Residuals of so many times the error of one product are taken for noise.
NOISES = 4.0
# Exact products are good to so many roundings of the size of the Hessian.
_ROUNDINGS = 2.0


class Pairs(NamedTuple):
    """Eigenvalues, descending, eigenvectors, one a column, and their residual relative to the size of H.

    Where the whole matrix was decomposed the residual is what noise in its columns leaves open.
    """

    values: Array
    vectors: Array
    residual: float


def _same(v: Array) -> Array:
    return v


@dataclass(frozen=True, eq=False)
class Noise:
    """The error of the products that an operator A = B' H B is made of.

    Attributes
    ----------
    product : callable, optional
        v -> H v. Differences know their error, and have a second opinion.
    precision : callable
        Relative precision of exact products, as far as it is known by then.
    into, back : callable
        v -> B v and u -> B' u.
    stretch : float
        |B|^2.
    measured : float
        Error of a product of A with a unit vector as products themselves have shown, of whatever cause.
    """

    product: Product | None = None
    precision: Callable[[], float] = lambda: DOUBLE
    into: Callable[[Array], Array] = _same
    back: Callable[[Array], Array] = _same
    stretch: float = 1.0
    measured: float = 0.0

    def of(self, size: float) -> float:
        """Return the size of the error of a product of A, itself of that size, with a unit vector."""
        return max(self.absolute, self.relative * size)

    @property
    def absolute(self) -> float:
        """The part that does not grow with the size of A."""
        return max(self.of_differences, self.measured)

    @property
    def of_differences(self) -> float:
        """What differences of gradients alone leave; 0 where there are none."""
        return self.stretch * uncertainty_of(self.product)

    @property
    def num_shortened(self) -> int:
        """How often differences were made shorter, so that earlier products may be far off."""
        return self.product.num_shortened if isinstance(self.product, DifferenceProduct) else 0

    @property
    def relative(self) -> float:
        """The part that rounding has, in units of the size of A."""
        return _ROUNDINGS * self.precision()

    def at_least(self, measured: float) -> Noise:
        """Return the same with an error that was measured."""
        return replace(self, measured=max(measured, self.measured))

    def of_precision(self, seen: float) -> Noise:
        """Return the same where products are no more precise than those `seen`."""
        said = self.precision
        return replace(self, precision=lambda: max(said(), seen))

    def bend(self, value: float, vector: Array) -> float:
        """Return how far A v is from `value` v by a shorter difference, less what rounding adds to that."""
        if not isinstance(self.product, DifferenceProduct):
            return 0.0
        second = self.back(self.product.nearer(self.into(vector)))
        return float(np.linalg.norm(second - value * vector)) - RATIO * self.of_differences

    def shorten_along(self, vector: Array, error: float) -> bool:
        """Take shorter differences from now on if they leave less than this error along v, of length 1."""
        if not isinstance(self.product, DifferenceProduct):
            return False
        return self.product.shorten_along(self.into(vector), error / self.stretch)


EXACT = Noise()


def noise_of(product: Product, problem: Any) -> Noise:
    """Return what is known of the products with a problem's Hessian."""
    return Noise(product, lambda: precision_of(problem))


def uncertainty_of(product: Product | None) -> float:
    """Return the size of the error of a product with a unit vector: 0 unless it is made of differences."""
    return product.uncertainty if isinstance(product, DifferenceProduct) else 0.0


def vouched(pairs: Pairs, tol: float) -> tuple[Array, Array]:
    """Return values and vectors, and warn where noise leaves a larger residual than `tol`."""
    if pairs.residual > tol:
        warnings.warn(
            f"noise in products with the Hessian lets eigenvalues be vouched for to {reachable(pairs):g} of "
            f"its size, not to tol {tol:g}: ask for a `tol` of that, give gradients in double precision, or "
            "an `hvp` where they are differenced",
            RuntimeWarning,
            stacklevel=3,
        )
    return pairs.values, pairs.vectors


def reachable(pairs: Pairs) -> float:
    """Return the residual with one digit, rounded up: a `tol` that is met."""
    if not 0.0 < pairs.residual < np.inf:
        return pairs.residual
    unit = 10.0 ** np.floor(np.log10(pairs.residual))
    return float(f"{np.ceil(pairs.residual / unit) * unit:.1g}")
