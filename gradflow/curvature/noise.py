"""What can be vouched for where products with a Hessian carry noise."""

from __future__ import annotations

import warnings
from typing import NamedTuple

from gradflow.numerics.differences import DifferenceProduct
from gradflow.types import Array, Product

# Residuals of so many times the error of one product are taken for noise.
NOISES = 4.0


class Pairs(NamedTuple):
    """Eigenvalues, descending, eigenvectors, one a column, and their residual relative to the size of H.

    Where the whole matrix was decomposed the residual is what noise in its columns leaves open.
    """

    values: Array
    vectors: Array
    residual: float


def noise_of(product: Product) -> float:
    """Return the size of the error of a product with a unit vector: 0 unless it is made of differences."""
    return product.uncertainty if isinstance(product, DifferenceProduct) else 0.0


def vouched(pairs: Pairs, tol: float) -> tuple[Array, Array]:
    """Return values and vectors, and warn where noise leaves a larger residual than `tol`."""
    if pairs.residual > tol:
        warnings.warn(
            f"the gradient lets eigenvalues be vouched for to {pairs.residual:.1g} of the size "
            f"of the Hessian, not to tol {tol:g}: give the problem an `hvp`, or gradients in double "
            "precision",
            RuntimeWarning,
            stacklevel=3,
        )
    return pairs.values, pairs.vectors
