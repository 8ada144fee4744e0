"""Krylov methods on plain callables v -> A v, all by one loop: GMRES, the spectral radius, fastest decay."""

from __future__ import annotations

from collections.abc import Iterator
from math import hypot, isfinite, nan
from typing import Any, NamedTuple

import numpy as np

from gradflow.numerics.vectors import norm
from gradflow.types import Array, Product

# A vector that loses more than this much of its length to the basis is orthogonalized a second time.
_CANCELLATION = 0.1
# Below this share of the image what is left of it is rounding: the Krylov space is complete.
_BREAKDOWN = 1e-14


class Solution(NamedTuple):
    """x with the norm of rhs - A x, the number of products spent, and what the last cycle saw of A.

    `columns` are those of the Hessenberg matrix (k + 1, k), each down to its last entry that is not zero.
    """

    x: Array
    residual: float
    num_products: int
    columns: list[list[float]]

    @property
    def hessenberg(self) -> Array:
        """A on the first k rows of the basis, on which k + 1 rows its images lie, shape (k + 1, k)."""
        matrix = np.zeros((len(self.columns) + 1, len(self.columns)))
        for j, column in enumerate(self.columns):
            matrix[: j + 2, j] = column
        return matrix


def gmres(product: Product, rhs: Array, tolerance: float, basis: Array, max_cycles: int = 2) -> Solution:
    """Return x with |rhs - A x| <= `tolerance`, or the best x of `max_cycles` cycles.

    x minimizes |rhs - A x| over the Krylov space span{rhs, A rhs, ..., A^(m-1) rhs}. A may be any
    matrix. A restart costs no product: the residual is read from the basis.

    Parameters
    ----------
    product : callable
        v -> A v for v of shape (n,); the result is copied and `v` must be left as it is.
    rhs : ndarray, shape (n,)
    tolerance : float
        Absolute, in the unit of `rhs`.
    basis : ndarray, shape (m + 1, n)
        Workspace; m is the size of the Krylov space at which a cycle ends.
    max_cycles : int
        Number of cycles.

    Returns
    -------
    Solution
        Its `residual` exceeds `tolerance` (or is NaN) where the cycles did not suffice.

    References
    ----------
    Saad and Schultz, "GMRES", SIAM J. Sci. Stat. Comput. 7 (1986), 856.

    Examples
    --------
    >>> diagonal = np.array([1.0, 2.0, 4.0])
    >>> gmres(lambda v: diagonal * v, np.ones(3), 1e-12, np.empty((4, 3))).x.round(12)
    array([1.  , 0.5 , 0.25])
    """
    x, residual, spent, start = np.zeros_like(rhs), norm(rhs), 0, rhs
    columns: list[list[float]] = []
    for _ in range(max_cycles):
        if not residual > tolerance:
            break
        np.multiply(start, 1.0 / residual, out=basis[0])
        columns, system = _cycle(product, residual, tolerance, basis)
        spent += len(columns)
        residual = abs(system.target[-1])
        if not isfinite(residual):
            return Solution(x, nan, spent, columns)
        x += np.array(system.solution()).dot(basis[: len(columns)])
        if residual > tolerance:
            start = np.array(system.missing()).dot(basis[: len(columns) + 1])
    return Solution(x, residual, spent, columns)


def _cycle(
    product: Product, residual: float, tolerance: float, basis: Array
) -> tuple[list[list[float]], LeastSquares]:
    """Fill `basis` from its first row until what is missing is within tolerance."""
    system = LeastSquares(residual)
    columns: list[list[float]] = []
    for column in arnoldi_columns(product, basis):
        columns.append(column)
        system.append(column)
        if not abs(system.target[-1]) > tolerance:
            break
    return columns, system


class LeastSquares:
    """min |(size, 0, ..., 0)' - H y| for a Hessenberg matrix H that gets column after column.

    Givens rotations turn H into a triangle as it grows, and `target` along with it: the size of its last
    entry is the minimum. On plain floats, which for a handful of columns are ten times as fast as arrays.
    """

    def __init__(self, size: float) -> None:
        self.target = [size]
        self._triangle: list[list[float]] = []
        self._rotations: list[tuple[float, float]] = []

    def append(self, column: list[float]) -> None:
        """Take the next column, of as many entries as there are columns by now, and one."""
        turned = column.copy()
        for i, (cosine, sine) in enumerate(self._rotations):
            upper, lower = turned[i], turned[i + 1]
            turned[i], turned[i + 1] = cosine * upper + sine * lower, cosine * lower - sine * upper
        length = hypot(turned[-2], turned[-1])
        cosine, sine = (turned[-2] / length, turned[-1] / length) if length else (0.0, 1.0)
        turned[-2:] = [length]
        last = self.target[-1]
        self.target[-1:] = [cosine * last, -sine * last]
        self._rotations.append((cosine, sine))
        self._triangle.append(turned)

    def solution(self) -> list[float]:
        """Return y; where H has no full rank an entry that nothing determines is 0."""
        y = self.target[:-1]
        for j in reversed(range(len(y))):
            column = self._triangle[j]
            y[j] = y[j] / column[j] if column[j] else 0.0
            for i in range(j):
                y[i] -= column[i] * y[j]
        return y

    def missing(self) -> list[float]:
        """Return (size, 0, ..., 0)' - H y."""
        gap = [0.0] * len(self._rotations) + [self.target[-1]]
        for i in reversed(range(len(self._rotations))):
            cosine, sine = self._rotations[i]
            upper, lower = gap[i], gap[i + 1]
            gap[i], gap[i + 1] = cosine * upper - sine * lower, sine * upper + cosine * lower
        return gap


def arnoldi(product: Product, basis: Array, num_known: int = 0) -> Iterator[Array]:
    """Fill `basis` row by row with the Krylov space of its first row, and yield after every product.

    What is yielded is the Hessenberg matrix (j + 1, j) of A so far: A q_i = sum over rows k of h_ki q_k for
    the first j rows q_i. For a symmetric A this is Lanczos' method with full orthogonalization, and the
    matrix tridiagonal up to rounding. The loop ends where the basis is full, or the space is complete:
    its last entry is 0 then.

    Parameters
    ----------
    product : callable
        v -> A v for v of shape (n,); the result is copied and `v` must be left as it is.
    basis : ndarray, shape (num_known + m + 1, n)
        Workspace whose row `num_known` is the start, of length 1.
    num_known : int
        So many orthonormal rows before it, orthogonal to it, are kept out of the space: the matrix is that
        of A in their complement.

    Examples
    --------
    >>> diagonal, basis = np.array([1.0, 2.0, 4.0]), np.empty((4, 3))
    >>> basis[0] = 1 / np.sqrt(3)
    >>> *_, hessenberg = arnoldi(lambda v: diagonal * v, basis)
    >>> np.sort(np.linalg.eigvals(hessenberg[:3])).round(9)
    array([1., 2., 4.])
    """
    largest = min(len(basis) - 1, basis.shape[1]) - num_known
    hessenberg = np.zeros((largest + 1, largest))
    for j, column in enumerate(arnoldi_columns(product, basis, num_known)):
        hessenberg[: j + 2, j] = column
        yield hessenberg[: j + 2, : j + 1]


def arnoldi_columns(product: Product, basis: Array, num_known: int = 0) -> Iterator[list[float]]:
    """Yield the columns of the matrix that `arnoldi` yields, each with the entry below its diagonal."""
    known, largest = basis[:num_known], min(len(basis) - 1, basis.shape[1]) - num_known
    for newest in range(num_known + 1, num_known + largest + 1):
        vector = basis[newest]
        vector[:] = product(basis[newest - 1])
        column = orthogonalize(vector, basis[:newest])
        if num_known:
            # Once more: what rounding leaves of known vectors would grow from product to product.
            vector -= known.dot(vector).dot(known)
        yield column[num_known:]
        if column[-1] == 0.0:
            return


def orthogonalize(vector: Array, basis: Array) -> list[float]:
    """Make `vector` a unit vector orthogonal to the rows of `basis`, in place.

    Return its coefficients on the rows followed by its remaining norm, which is 0 (and the vector
    zero) where it lies in their span.
    """
    before = norm(vector)
    coefficients = basis.dot(vector)
    vector -= coefficients.dot(basis)
    left = norm(vector)
    if left < _CANCELLATION * before:
        again = basis.dot(vector)
        vector -= again.dot(basis)
        coefficients += again
        left = norm(vector)
    if left <= _BREAKDOWN * before:
        vector[:] = left = 0.0
    else:
        vector *= 1.0 / left
    return [*coefficients.tolist(), left]


def spectral_radius(
    product: Product, start: Array, basis: Array, tolerance: float = 0.02, max_products: int = 60
) -> tuple[float, Array]:
    """Return an estimate of the largest |eigenvalue| of A and a unit vector near its eigenspace.

    A Krylov search by Arnoldi's method (Lanczos' with full orthogonalization where A is symmetric),
    begun again from the best vector when the basis is full. It ends when one more product changes the
    estimate by less than `tolerance`; for a symmetric A it is never too large.

    Parameters
    ----------
    product : callable
        v -> A v for v of shape (n,); the result is copied and `v` must be left as it is.
    start : ndarray, shape (n,)
        Not zero; a vector found at a nearby A makes the search short.
    basis : ndarray, shape (m + 1, n)
        Workspace.
    tolerance : float
        Relative.
    max_products : int
        Most products to spend.

    Returns
    -------
    radius : float
        0 where A maps the start to zero, NaN where a product is not finite.
    vector : ndarray, shape (n,)

    References
    ----------
    Saad, *Numerical Methods for Large Eigenvalue Problems*, second edition, section 6.2.

    Examples
    --------
    >>> diagonal = np.array([-9.0, -1.0, 0.5])
    >>> radius, vector = spectral_radius(lambda v: diagonal * v, np.ones(3), np.empty((4, 3)))
    >>> round(radius, 12)
    9.0
    """
    vector, radius, spent = start / np.linalg.norm(start), 0.0, 0
    while spent < max_products:
        basis[0] = vector
        for hessenberg in arnoldi(product, basis):
            size, before = hessenberg.shape[1], radius
            spent += 1
            if not np.isfinite(hessenberg[:, -1]).all():
                return np.nan, vector
            radius, coefficients = _largest(hessenberg[:size])
            complete = hessenberg[size, size - 1] == 0.0
            if complete or (size > 1 and abs(radius - before) <= tolerance * radius):
                return radius, coefficients @ basis[:size]
        vector = coefficients @ basis[:size]
    return radius, vector


def fastest_decay(product: Product, start: Array, num_products: int = 10) -> tuple[float, Array]:
    """Return the rate at which the fastest mode of dv/dt = A v decays, and a unit vector near that mode.

    From one Krylov space: minus the least real part of its Ritz values. For a symmetric A it is never too
    large, and right to a few per cent after ten products.

    Parameters
    ----------
    product : callable
        v -> A v for v of shape (n,).
    start : ndarray, shape (n,)
        Not zero; the vector found at a nearby A is best.
    num_products : int
        The most to spend.

    Returns
    -------
    rate : float
        0 where nothing decays, NaN where a product is not finite.
    vector : ndarray, shape (n,)

    Examples
    --------
    >>> diagonal = np.array([-9.0, -1.0, 20.0])
    >>> rate, vector = fastest_decay(lambda v: diagonal * v, np.ones(3))
    >>> round(rate, 12)
    9.0
    """
    basis = np.empty((min(num_products, start.size) + 1, start.size))
    basis[0] = start / np.linalg.norm(start)
    for hessenberg in arnoldi(product, basis):
        if not np.isfinite(hessenberg[:, -1]).all():
            return np.nan, basis[0].copy()
    values, vectors = np.linalg.eig(hessenberg[:-1])
    fastest = int(np.argmin(values.real))
    return max(0.0, -float(values[fastest].real)), _real(vectors[:, fastest]) @ basis[: len(values)]


def _largest(matrix: Array) -> tuple[float, Array]:
    """Return the largest |eigenvalue| of a small matrix and the real unit vector nearest its eigenvector."""
    values, vectors = np.linalg.eig(matrix)
    best = int(np.argmax(np.abs(values)))
    return float(abs(values[best])), _real(vectors[:, best])


def _real(vector: Any) -> Array:
    """Return the real unit vector nearest a complex one, up to its phase."""
    part = vector.real if np.any(vector.real) else vector.imag
    return part / np.linalg.norm(part)
