"""Sharpness along a path: each value continues from the eigenvectors of the last one."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gradflow import validate
from gradflow.curvature.differences import difference_product
from gradflow.curvature.eigenpairs import check_count, operator_of, top_pairs_of
from gradflow.problems.protocol import Problem, Product

Array = NDArray[np.float64]

# An eigenvalue at the relative distance `gap` from the next is wrong by residual^2 / gap at most; this is
# the square root of the smallest gap that a certificate vouches for, 4 %.
_ROOT_OF_GAP = 0.2
# Eigenvectors below the k-th, its rivals, take part in the search while their eigenvalues are within this
# share of it, up to so many; the next one below takes part every so many calls.
_RIVAL_NEAR = 0.04
_MOST_RIVALS = 4
_RIVAL_EVERY = 10
# An eigenvector that shares less than this with the last ones is another one.
_SAME = 0.7


class _Pairs(NamedTuple):
    """Eigenvalues (k,), vectors (n, k) and the largest relative residual."""

    values: Array
    vectors: Array
    residual: float


class SharpnessTracker:
    """Gives the `k` largest Hessian eigenvalues at successive points of a path, for two products each.

    From the eigenvectors of the last points a start X is extrapolated, 2 V_t - V_{t-1} or, where the path
    jumps to and fro and that did better the last time, 2 V_{t-1} - V_{t-3}; one Krylov step follows:
    Rayleigh-Ritz in the span of X and H X. The residual |H v - lambda v|, relative to the largest Ritz
    value, is the certificate of each pair. Where one exceeds 0.2 sqrt(tol), a second try takes two Krylov
    steps from a wider start; where that does not meet it either, a cold Lanczos search takes over. So
    does one every `check_every` calls, at the first call, and whenever t is not later than at the last.
    A residual cannot show that another eigenvalue has overtaken: the eigenvectors below the k-th join X
    while their eigenvalues are within 4 % of it, four at the most, and the next one every 10 calls.

    Parameters
    ----------
    problem : Problem
    tol : float
        Relative error to vouch for, given a relative gap of 4 % to the eigenvalues outside X.
    k : int
        How many eigenvalues.
    products : {"exact", "differences"}
        "differences" is the fast mode: one-sided differences of gradients, which leave a relative
        error of about 1e-7 in float64. Cold searches take exact products all the same.
    check_every : int
        Calls between two cold searches, at the most.

    Attributes
    ----------
    num_calls, num_products : int
        Since the path began.
    num_fallbacks : int
        Cold searches that a certificate asked for since the path began.
    num_surprises : int
        Periodic cold searches since the path began that found other values than the certified ones.

    Raises
    ------
    ValueError
        If an argument is malformed.
    Undefined, RuntimeError
        From a call, where `sharpness` raises them: the Hessian is not finite, or `tol` is out of reach.

    Examples
    --------
    >>> from gradflow import descend
    >>> from gradflow.problems import DoubleWell
    >>> run = descend(DoubleWell(), [2.0], 0.1, 2, record={"sharpness": SharpnessTracker(DoubleWell())})
    >>> run.records["sharpness"] - (3 * run.weights[:, 0] ** 2 - 1)
    array([0., 0., 0.])
    """

    _pairs: _Pairs | None
    _rivals: Array
    _num_near: int
    _course: _Course
    _last_time: float
    _since_cold: int

    def __init__(
        self,
        problem: Problem,
        tol: float = 1e-6,
        k: int = 1,
        *,
        products: str = "exact",
        check_every: int = 200,
    ) -> None:
        if products not in ("exact", "differences"):
            raise ValueError(f"`products` must be 'exact' or 'differences', got {products!r:.60}")
        self.problem = problem
        self.tol = validate.positive("tol", tol)
        self.k = validate.count("k", k)
        check_count(k, problem.num_weights)
        self.products = products
        self.check_every = validate.count("check_every", check_every)
        self._begin()

    def __call__(self, t: float, w: ArrayLike, product: Product | None = None) -> float | Array:
        """Return the largest eigenvalue at `w`, or the `k` largest, descending, shape (k,).

        Parameters
        ----------
        t : float
            Flow time, or anything that grows along the path.
        w : array_like, shape (n,)
        product : callable, optional
            v -> H(w) v where the caller has it, from ``problem.linearize(w)`` or `difference_product`:
            saves its passes.
        """
        if not t > self._last_time:
            self._begin()
        self._last_time = t
        self.num_calls += 1
        pairs = self._settled(w, product or self._product(w))
        top = _Pairs(pairs.values[: self.k], pairs.vectors[:, : self.k], pairs.residual)
        below = pairs.values[self.k - 1] - pairs.values[self.k :]
        self._num_near = int((below <= _RIVAL_NEAR * np.abs(pairs.values).max()).sum())
        found = pairs.vectors[:, self.k :]
        # Those that took no part are as they were.
        rivals = np.hstack([found, self._rivals[:, found.shape[1] :]])
        self._rivals = rivals[:, : min(self._num_near + 1, _MOST_RIVALS)]
        self._pairs = top
        self._course.arrive(top.vectors)
        return float(top.values[0]) if self.k == 1 else top.values.copy()

    @property
    def values(self) -> Array | None:
        """The last eigenvalues, descending, shape (k,)."""
        return None if self._pairs is None else self._pairs.values

    @property
    def vectors(self) -> Array | None:
        """The last eigenvectors, one a column, shape (n, k)."""
        return None if self._pairs is None else self._pairs.vectors

    @property
    def residual(self) -> float:
        """Certificate of the last values: their largest relative residual."""
        return np.inf if self._pairs is None else self._pairs.residual

    def _begin(self) -> None:
        self.num_calls = self.num_products = self.num_fallbacks = self.num_surprises = 0
        self._pairs = None
        self._rivals = np.empty((self.problem.num_weights, 0))
        self._num_near = 0
        self._course = _Course()
        self._last_time = -np.inf
        self._since_cold = 0

    def _product(self, w: ArrayLike) -> Product:
        if self.products == "differences":
            return difference_product(self.problem, w)
        return self.problem.linearize(validate.weight_vector("w", w, self.problem.num_weights))[2]

    def _counted(self, product: Product) -> Product:
        def counted(v: Array) -> Array:
            self.num_products += 1 if v.ndim == 1 else v.shape[1]
            return product(v)

        return counted

    def _settled(self, w: ArrayLike, product: Product) -> _Pairs:
        """Return warm pairs if they are certified and no check is due, else those of a cold search."""
        warm = self._warm(self._counted(product))
        certified = warm is not None and self._certifies(warm)
        self._since_cold += 1
        if warm is not None and certified and self._since_cold < self.check_every:
            return warm
        self._since_cold = 0
        if self.products == "differences":
            # Differences are too noisy to find eigenvectors from nothing.
            product = self.problem.linearize(validate.weight_vector("w", w, self.problem.num_weights))[2]
        num_weights = self.problem.num_weights
        operator = operator_of(self._counted(product), num_weights)
        count = min(self.k + self._num_near + 1, self.k + _MOST_RIVALS, num_weights)
        values, vectors = top_pairs_of(operator, count, self.tol)
        if warm is not None:
            self.num_fallbacks += not certified
            agreed = _agree(warm.values[: self.k], values[: self.k], self.tol)
            self.num_surprises += certified and not agreed
        return _Pairs(values, vectors, self.tol)

    def _certifies(self, pairs: _Pairs) -> bool:
        return pairs.residual <= _ROOT_OF_GAP * np.sqrt(self.tol)

    def _warm(self, product: Product) -> _Pairs | None:
        """Return the pairs found from the last ones, None at the start of a path."""
        if self._pairs is None or self.problem.num_weights <= 3 * (2 * self.k + _MOST_RIVALS):
            return None
        next_joins = self._since_cold % _RIVAL_EVERY == 0
        rivals = self._rivals[:, : self._num_near + next_joins]
        start = self._course.ahead()
        if rivals.size:
            start = _orthonormal(np.hstack([start, rivals]))
        kept = start.shape[1] + next_joins
        pairs = _krylov_pairs(product, start, 2, kept, self.k)
        if pairs is None or self._certifies(pairs):
            return pairs
        best = pairs.vectors[:, : start.shape[1]]
        wide = _orthonormal(np.hstack([best, *self._course.past[1:2]]))
        return _krylov_pairs(product, wide, 3, kept, self.k)


class _Course:
    """The eigenvectors of the last points, and where they point to next."""

    def __init__(self) -> None:
        self.past: list[Array] = []
        self._guesses: list[Array] = []
        self._best = 0

    def arrive(self, vectors: Array) -> None:
        """Take the eigenvectors found, and see which guess was the better one."""
        if self.past and np.linalg.norm(self.past[0].T @ vectors, axis=0).min() < _SAME:
            # Others have overtaken: what came before does not point to where these go.
            self.past, self._guesses, self._best = [], [], 0
        if len(self._guesses) > 1:
            misses = [np.linalg.norm(_rotated(guess, vectors) - vectors) for guess in self._guesses]
            self._best = int(np.argmin(misses))
        self.past = [vectors, *(_rotated(old, vectors) for old in self.past[:3])]

    def ahead(self) -> Array:
        """Return the guess of the eigenvectors at the next point, orthonormal."""
        past = self.past
        steps = [(0, 1), (1, 3)]
        self._guesses = [2.0 * past[i] - past[j] for i, j in steps if j < len(past)]
        if not self._guesses:
            return past[0]
        return _orthonormal(self._guesses[self._best if len(self._guesses) > 1 else 0])


def _rotated(vectors: Array, onto: Array) -> Array:
    """Return the columns turned among themselves to be as near as possible to those of `onto`."""
    overlap = vectors.T @ onto
    if overlap.size == 1:
        return vectors if overlap[0, 0] >= 0 else -vectors
    left, _, right = np.linalg.svd(overlap)
    return vectors @ (left @ right)


def _orthonormal(block: Array) -> Array:
    return block / np.linalg.norm(block) if block.shape[1] == 1 else np.linalg.qr(block)[0]


def _krylov_pairs(
    product: Product, start: Array, num_blocks: int, kept: int, certified: int
) -> _Pairs | None:
    """Return the top `kept` Ritz pairs in the span of X, H X, ... with the residual of the first ones.

    None where a product is not finite.
    """
    basis, images = start, product(start)
    for _ in range(1, num_blocks):
        newest = images[:, -start.shape[1] :]
        within = basis.T @ newest
        if not np.isfinite(within).all():
            return None
        rest = newest - basis @ within
        share = np.linalg.norm(rest) / np.linalg.norm(newest) if newest.any() else 0.0
        if share <= 1e-13:
            break
        other = _orthonormal(rest)
        if start.shape[1] > 1 or share < 1e-8:
            # Of columns that converged rounding is left: a second pass keeps the basis orthonormal.
            other = _orthonormal(other - basis @ (basis.T @ other))
        basis, images = np.hstack([basis, other]), np.hstack([images, product(other)])
    return _ritz(basis, images, kept, certified)


def _ritz(basis: Array, images: Array, kept: int, certified: int) -> _Pairs | None:
    inner = basis.T @ images
    if not np.isfinite(inner).all():
        return None
    all_values, rotation = np.linalg.eigh(0.5 * (inner + inner.T))
    values, rotation = all_values[::-1][:kept], rotation[:, ::-1][:, :kept]
    vectors = basis @ rotation
    first = slice(certified)
    residuals = np.linalg.norm(images @ rotation[:, first] - vectors[:, first] * values[first], axis=0)
    size = np.abs(all_values).max()
    return _Pairs(values, vectors, float(residuals.max() / size) if size > 0 else 0.0)


def _agree(certified: Array, found: Array, tol: float) -> bool:
    return bool(np.abs(certified - found).max() <= tol * np.abs(found).max())
