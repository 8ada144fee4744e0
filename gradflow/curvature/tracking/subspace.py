"""Rayleigh-Ritz and a few Lanczos steps in small subspaces, one vector a row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from gradflow.numerics.krylov import arnoldi
from gradflow.types import Array, Product

# A unit vector with less than this outside a subspace lies in it: what is left is rounding.
_ROUNDING = 1e-7
_LARGE = 0.1
# Rows whose Cholesky factor has a smaller pivot are too dependent to be made orthonormal by it.
_LEAST_PIVOT = 1e-2


# A step against a residual supposes no eigenvalue nearer, in units of the size of H: one that is known,
# and the mean of the others.
_LEAST_GAP = 5e-3
_LEAST_DEPTH = 0.1
_UNIT = np.ones((1, 1))


class Ritz(NamedTuple):
    """Ritz pairs, descending: values (b,), vectors (b, n), the rests H v - value v (b, n), their norms (b,).

    The vectors are `rotation`, shape (b, m), times the basis; `size` is the largest absolute Ritz value.
    """

    values: Array
    vectors: Array
    rests: Array
    norms: Array
    rotation: Array
    size: float


def ritz_pairs(basis: Array, images: Array, kept: int) -> Ritz | None:
    """Return the top `kept` Ritz pairs from orthonormal rows and the products with them.

    None where a product is not finite.
    """
    if len(basis) == 1:
        return _ritz_pair(basis, images)
    inner = basis @ images.T
    if not np.isfinite(inner).all():
        return None
    all_values, columns = np.linalg.eigh(0.5 * (inner + inner.T))
    values, rotation = all_values[::-1][:kept], columns.T[::-1][:kept]
    vectors, rests = rotation @ basis, rotation @ images
    rests -= values[:, np.newaxis] * vectors
    return Ritz(values, vectors, rests, row_norms(rests), rotation, float(np.abs(all_values).max()))


def _ritz_pair(basis: Array, images: Array) -> Ritz | None:
    """Return the pair of one vector: the same as above, without the small matrices."""
    value = basis[0] @ images[0]
    rests = images - value * basis
    norm = np.sqrt(rests[0] @ rests[0])
    if not np.isfinite(norm):
        return None
    return Ritz(value[np.newaxis], basis, rests, norm[np.newaxis], _UNIT, abs(float(value)))


def row_norms(rows: Array) -> Array:
    """Return the Euclidean norm of each row."""
    return np.sqrt(np.vecdot(rows, rows))


def improved(
    pairs: Ritz, count: int, mean_of_rest: float, known: Sequence[tuple[float, Array]]
) -> tuple[Array, Array]:
    """Return values and vectors after a step against the residuals, (H - value)^-1 with what is known of H.

    That are eigenpairs outside the basis, which are used for the first `count` pairs, and the mean
    eigenvalue of the rest.
    """
    depths = np.maximum(pairs.values - mean_of_rest, _LEAST_DEPTH * pairs.size)
    values = pairs.values + pairs.norms**2 / depths
    rows = pairs.rests / depths[:, np.newaxis]
    rows += pairs.vectors
    for value, vector in known:
        for i in range(count):
            gap = max(pairs.values[i] - value, _LEAST_GAP * pairs.size)
            share = vector @ pairs.rests[i]
            step = share * max(1.0 / gap - 1.0 / depths[i], 0.0)
            rows[i] += step * vector
            values[i] += step * share
    if len(rows) > count:
        rows[count:] = orthonormal(rows[count:])
    return values, rows


def orthonormal(rows: Array) -> Array:
    """Return orthonormal rows of the same span; the first one keeps its direction."""
    if len(rows) == 1:
        return rows / np.sqrt(rows[0] @ rows[0])
    norms = row_norms(rows)
    inner = (rows @ rows.T) / np.outer(norms, norms)
    try:
        lower = np.linalg.cholesky(inner)
    except np.linalg.LinAlgError:
        lower = np.zeros((1, 1))
    if lower.diagonal().min() < _LEAST_PIVOT:
        return np.ascontiguousarray(np.linalg.qr(rows.T)[0].T)
    return (np.linalg.inv(lower) / norms) @ rows


def outside(rows: Array, *known: Array) -> Array:
    """Return orthonormal rows for what `rows` add to the span of the `known` ones, orthonormal together."""
    found: list[Array] = []
    for row in rows:
        rest = _outside(row, (*known, *found))
        if rest is not None:
            found.append(rest[np.newaxis])
    return np.concatenate(found) if found else rows[:0]


def _outside(row: Array, known: Sequence[Array]) -> Array | None:
    size = np.sqrt(row @ row)
    rest = row / size if size > 0 else row
    # Twice is enough (Kahan), once where the rest is large against the rounding of what was taken out.
    for _ in range(2):
        for block in known:
            rest = rest - (block @ rest) @ block
        share = np.sqrt(rest @ rest)
        if share < _ROUNDING:
            return None
        rest /= share
        if share > _LARGE:
            break
    return rest


def products_with(rows: Array, product: Product) -> Array:
    """Return the products with the rows, one a row."""
    return product(rows[0])[np.newaxis] if len(rows) == 1 else np.stack([product(row) for row in rows])


class Top(NamedTuple):
    """The largest Ritz value, its unit vector (n,), and the length of H v - value v."""

    value: float
    vector: Array
    residual: float


def top_outside(product: Product, start: Array, known: Array, num_steps: int) -> Top | None:
    """Return the top Ritz pair of `num_steps` Lanczos steps from `start` in the complement of `known`.

    None where a product is not finite or the complement is empty.
    """
    begin = outside(start[np.newaxis], known)
    if not len(begin):
        return None
    count = len(known)
    basis = np.empty((count + num_steps + 1, start.size))
    basis[:count], basis[count] = known, begin[0]
    for hessenberg in arnoldi(product, basis, count):
        if not np.isfinite(hessenberg[:, -1]).all():
            return None
    inner, size = hessenberg[:-1], hessenberg.shape[1]
    values, columns = np.linalg.eigh(0.5 * (inner + inner.T))
    top = columns[:, -1]
    residual = abs(float(hessenberg[-1, -1] * top[-1]))
    return Top(float(values[-1]), top @ basis[count : count + size], residual)
