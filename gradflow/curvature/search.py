"""The search for the top eigenpairs of a symmetric operator, and what certifies them."""

from __future__ import annotations

from typing import NamedTuple, TypeGuard

import numpy as np
from scipy.sparse.linalg import ArpackError, LinearOperator, eigsh

from gradflow import validate
from gradflow.curvature.noise import EXACT, NOISES, Noise, Pairs, reachable
from gradflow.errors import Undefined
from gradflow.numerics.krylov import spectral_radius
from gradflow.numerics.rounding import resolution
from gradflow.types import Array, Product

# Up to here the whole Hessian in one block product is cheaper than the 10 to 20 products of a Krylov search.
_ALWAYS_DENSE = 64
# Up to here the whole Hessian is affordable where the Krylov search fails.
_DENSE_RESCUE = 2000
_COLUMNS_AT_ONCE = 128
# Products for a rough look at the largest eigenvalue.
_ROUGHLY = 10
# Restarts of a search in a small and in a large space.
_RESTARTS = (30, 300)
# Searches with shorter and shorter differences, at the most.
_MOST_SEARCHES = 4
# What a search that failed is asked for instead, to say how far it came.
_COARSE = 1e-2


def operator_of(product: Product, num_weights: int) -> LinearOperator:
    """Return a product v -> H v as a linear operator that raises `Undefined` from a result not finite."""

    def checked(v: Array) -> Array:
        result = product(v)
        if not np.isfinite(result).all():
            raise Undefined("the Hessian has no value at these weights: a product with it is NaN or infinite")
        return result

    shape = (num_weights, num_weights)
    return LinearOperator(
        shape, matvec=checked, rmatvec=checked, matmat=checked, rmatmat=checked, dtype=np.float64
    )


def dense(operator: LinearOperator) -> Array:
    """Return the symmetric matrix of an operator, a block of columns after the other."""
    n = operator.shape[0]
    blocks = np.array_split(np.eye(n), -(-n // _COLUMNS_AT_ONCE), axis=1)
    matrix = np.hstack([operator.matmat(block) for block in blocks])
    return 0.5 * (matrix + matrix.T)


def check_count(k: int, num_weights: int) -> None:
    """Raise ValueError unless `k` is a number of eigenpairs that `num_weights` weights have."""
    if validate.count("k", k) > num_weights:
        raise ValueError(f"`k` must be at most the number of weights, {num_weights}, got {k}")


def top_pairs_of(operator: LinearOperator, k: int, tol: float, noise: Noise = EXACT) -> Pairs:
    """Return the `k` largest eigenvalues (descending) and eigenvectors of a symmetric operator.

    What differences of gradients found is held against shorter ones. Where these tell something else, as
    far as `tol` and rounding do not allow for, the search goes on with shorter ones: along the eigenvectors
    the gradient bends sooner than along the direction for which the distance was chosen.
    """
    for _ in range(_MOST_SEARCHES):
        pairs = _top(operator, k, tol, noise)
        if operator.shape[0] == 1:
            # The distance was measured along the one direction that there is.
            return pairs
        size = max(float(np.abs(pairs.values).max()), np.finfo(float).tiny)
        bends = [noise.bend(*pair) for pair in zip(pairs.values.tolist(), pairs.vectors.T, strict=True)]
        worst, known = int(np.argmax(bends)), NOISES * noise.of_differences
        error = max(known, bends[worst] if bends[worst] > max(tol * size, known) else 0.0)
        pairs = pairs._replace(residual=max(pairs.residual, error / size))
        if pairs.residual <= tol or not noise.shorten_along(pairs.vectors[:, worst], error):
            return pairs
    return pairs


def _top(operator: LinearOperator, k: int, tol: float, noise: Noise) -> Pairs:
    n = operator.shape[0]
    if n <= _ALWAYS_DENSE or 3 * k >= n:
        return _of_whole(operator, k, noise)
    for basis_size, restarts in zip((2 * k + 8, min(6 * k + 40, n)), _RESTARTS, strict=True):
        pairs = _krylov_top(operator, k, tol, noise, basis_size, restarts)
        if _is_met(pairs, tol, noise):
            return pairs
        if noise.shorten_along(*_suspect(operator, pairs)):
            return _top(operator, k, tol, noise)
        noise = noise.at_least(_nonlinearity(operator))
        if _is_met(pairs, tol, noise):
            return pairs
    if n <= _DENSE_RESCUE:
        return _of_whole(operator, k, noise)
    coarse = pairs or _krylov_top(operator, k, max(tol, _COARSE), noise, basis_size, restarts)
    found = "" if coarse is None else f", but to {reachable(coarse):g}: ask for a `tol` of that"
    raise RuntimeError(f"the eigenvalues of this Hessian of {n} weights were not found to tol {tol:g}{found}")


def _is_met(pairs: Pairs | None, tol: float, noise: Noise) -> TypeGuard[Pairs]:
    """Return whether residuals are as small as was asked for, or as noise allows."""
    if pairs is None:
        return False
    size = float(np.abs(pairs.values).max())
    return pairs.residual * size <= max(tol * size, NOISES * noise.of(size))


def _suspect(operator: LinearOperator, pairs: Pairs | None) -> tuple[Array, float]:
    """Return a unit vector along which H is large, and what may be the error of the product with it.

    That is what was found, or what a vector at random is mapped to.
    """
    if pairs is not None:
        return pairs.vectors[:, 0], pairs.residual * float(np.abs(pairs.values).max())
    image = operator.matvec(np.random.default_rng(1).standard_normal(operator.shape[0]))
    return image / float(np.linalg.norm(image)), np.inf


def _of_whole(operator: LinearOperator, k: int, noise: Noise) -> Pairs:
    """Return the top pairs of the whole matrix."""
    values, vectors = np.linalg.eigh(dense(operator))
    size = max(float(np.abs(values).max()), np.finfo(float).tiny)
    return Pairs(values[: -k - 1 : -1], vectors[:, : -k - 1 : -1], NOISES * noise.of(size) / size)


def _nonlinearity(operator: LinearOperator) -> float:
    """Return by how much products are not linear, which is what the error of one with a unit vector shows."""
    one, other = np.random.default_rng(1).standard_normal((2, operator.shape[0]))
    one, other = one / np.linalg.norm(one), other / np.linalg.norm(other)
    parts = operator.matvec(one) + operator.matvec(other)
    return float(np.linalg.norm(operator.matvec(one + other) - parts)) / 3**0.5


def _krylov_top(
    operator: LinearOperator, k: int, tol: float, noise: Noise, basis_size: int, restarts: int
) -> Pairs | None:
    """Return the top pairs, or None where the search failed."""
    n = operator.shape[0]
    rng = np.random.default_rng(0)
    start = rng.standard_normal(n)
    asked, shortened = operator, noise.num_shortened
    first = operator.matvec(start)
    unit = float(np.abs(first).max())
    if unit == 0.0:
        return Pairs(np.zeros(k), np.eye(n, k), 0.0)
    noise = noise.of_precision(resolution(first))
    # In units of its size, so that no square of an entry overflows or vanishes.
    operator = (1.0 / max(unit, np.finfo(float).tiny)) * operator
    first /= unit
    scale = float(np.linalg.norm(first) / np.linalg.norm(start))
    least, tol = tol, max(tol, NOISES * noise.relative)
    if NOISES * noise.absolute / unit > tol * scale:
        # `scale` may be far below the largest eigenvalue, which the search must not be asked too much of.
        size = spectral_radius(operator.matvec, start, np.empty((_ROUGHLY + 1, n)), 0.3, _ROUGHLY)[0]
        tol = max(tol, min(NOISES * noise.absolute / unit / max(size, scale), 0.5))
    matvec = _known(operator, start, first)

    def search(found: Array, count: int) -> Array:
        # A new start each time: what is left of an old one has no share in the eigenspaces found from it.
        begin = rng.standard_normal(n) if found.size else start
        return _search(matvec, found, count, begin, scale, tol, basis_size, restarts)

    try:
        basis = np.linalg.qr(search(np.empty((n, 0)), k))[0]
        ritz = _ritz(basis, operator.matmat(basis), k)
        while k > 1:
            fresh = np.linalg.qr(np.hstack([ritz.vectors, search(ritz.vectors, 1)]))[0][:, k:]
            images = np.hstack([ritz.images, operator.matmat(fresh)])
            more = _ritz(np.hstack([ritz.vectors, fresh]), images, k)
            if more.values[-1] <= ritz.values[-1] + tol * scale:
                break
            ritz = more
    except ArpackError:
        return None
    if noise.num_shortened > shortened and _overstated(asked, start, unit):
        return _krylov_top(asked, k, least, noise, basis_size, restarts)
    residuals = np.linalg.norm(ritz.images - ritz.vectors * ritz.values, axis=0)
    size, residual = max(scale, float(np.abs(ritz.values).max())), float(residuals.max())
    return Pairs(unit * ritz.values, ritz.vectors, residual / size)


def _overstated(operator: LinearOperator, start: Array, unit: float) -> bool:
    """Return whether the product with the start is much smaller than the unit that was taken from it.

    Differences far too long may be off by any factor: in such a unit all that they are now looks like 0.
    """
    return float(np.abs(operator.matvec(start)).max()) < 0.1 * unit


def _known(operator: LinearOperator, start: Array, image: Array) -> Product:
    """Return the product, which knows that of the start: ARPACK asks for it first, of whatever length."""
    left = [start]

    def product(v: Array) -> Array:
        if left:
            share = float(v @ start) / float(start @ start)
            if np.allclose(v, share * left.pop(), rtol=1e-12, atol=0.0):
                return share * image
        return operator.matvec(v)

    return product


def _search(
    product: Product,
    found: Array,
    k: int,
    start: Array,
    scale: float,
    tol: float,
    basis_size: int,
    restarts: int,
) -> Array:
    """Return approximate top eigenvectors of H, shape (n, k), orthogonal to the columns `found`."""

    def outside(v: Array) -> Array:
        return v - found @ (found.T @ v)

    # ARPACK's relative criterion never ends, or ends on a wrong value, for a largest eigenvalue of zero.
    # `scale` is near the root mean square eigenvalue: the shift makes the top third positive, `found` zero.
    def shifted(v: Array) -> Array:
        v = outside(v)
        return outside(product(v) / scale + 2.0 * v)

    n = start.size
    space = LinearOperator((n, n), matvec=shifted, dtype=np.float64)
    return eigsh(space, k, which="LA", v0=outside(start), ncv=basis_size, tol=tol / 3.0, maxiter=restarts)[1]


class _Ritz(NamedTuple):
    """Ritz values (descending), vectors and the products with them, one a column."""

    values: Array
    vectors: Array
    images: Array


def _ritz(basis: Array, images: Array, k: int) -> _Ritz:
    """Return the top `k` of H in the span of orthonormal columns, from the products with these."""
    values, rotation = np.linalg.eigh(basis.T @ images)
    values, rotation = values[: -k - 1 : -1], rotation[:, : -k - 1 : -1]
    return _Ritz(values, basis @ rotation, images @ rotation)
