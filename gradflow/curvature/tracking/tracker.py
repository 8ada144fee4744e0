"""Sharpness along a path: each value continues from the eigenvectors of the last one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from gradflow import validate
from gradflow.curvature.differences import one_sided
from gradflow.curvature.noise import NOISES, Pairs, noise_of, uncertainty_of, vouched
from gradflow.curvature.search import check_count, operator_of, top_pairs_of
from gradflow.curvature.tracking.rivals import MOST, Rivals
from gradflow.curvature.tracking.secants import Secants
from gradflow.curvature.tracking.subspace import (
    Ritz,
    improved,
    orthonormal,
    outside,
    products_with,
    ritz_pairs,
)
from gradflow.problems.completed import as_problem, is_same_problem
from gradflow.problems.problem import Differenced, Problem, Product
from gradflow.types import Array

if TYPE_CHECKING:
    from gradflow.simulate.place import Place

# Blocks of products that a warm call may take before a cold search is cheaper.
_MOST_BLOCKS = 10


class SharpnessTracker:
    """Gives the `k` largest Hessian eigenvalues at successive points of a path, for one to two products each.

    The eigenvectors are guessed from how they turned with the last steps of the weights: where the new
    step is w_{t+1} - w_t = sum a_i (w_{t+1-i} - w_{t-i}), they are v_t + sum a_i (v_{t+1-i} - v_{t-i}),
    with a_i from a least-squares fit that damps noise. One product H v gives the Rayleigh quotient and the
    residual ``|H v - lambda v|``, relative to the size of H, which is the certificate: the value is wrong by
    residual^2 / gap at most. The residual also shows where to improve value and vector. Where it exceeds
    sqrt(tol gap), with the gap to the nearest eigenvalue that is known below, or 4 % if none is nearer,
    up to nine Krylov steps follow, and a cold Lanczos search where those do not meet it either.

    A residual cannot show that another eigenvalue has overtaken. So six Lanczos steps look for the largest
    eigenvalue below every 20 calls, or 40 while the tracked values change by less than 0.03 % a call, and
    earlier where it could meet the k-th at three times the pace at which eigenvalues moved lately. Where
    that may be before the next such search, it is followed as a rival, four at the most: it takes part in a
    call, for one product, whenever it could have met the k-th since it last did. A cold search looks
    everywhere every `check_every` calls. What rises faster, or hardly mixes with anything, may overtake
    unseen until one of these finds it.

    Parameters
    ----------
    problem : Problem
    tol : float
        Relative error to vouch for, given a relative gap of 4 % to eigenvalues below that are not known.
    k : int
        How many eigenvalues.
    products : {"exact", "differences"}
        "differences" is the fast mode: one-sided differences of gradients, which leave a relative
        error of about 1e-7 in float64. Cold searches take exact products all the same. Where products
        carry noise (differences of gradients, float32, whatever shows in a cold search) residuals are
        asked to fall to that only, with one warning.
    check_every : int
        Calls between two cold searches, at the most.

    Attributes
    ----------
    num_calls, num_products : int
        Since the path began.
    num_fallbacks : int
        Cold searches that a certificate asked for since the path began.
    num_surprises : int
        Other cold searches since the path began that found other values than the certified ones.

    Raises
    ------
    ValueError
        If an argument is malformed.
    Undefined, RuntimeError
        From a call, where `sharpness` raises them: the Hessian is not finite, or `tol` is out of reach.

    Notes
    -----
    A run of `descend` or `integrate` on `problem` that records it hands it its `Place`, with the passes of
    the row, except where the problem's products are differences: their distance is kept from row to row. The
    Krylov spaces of an implicit solve would not do instead: on networks of 3,466 and 26,122 weights they
    hold 1 to 15 vectors, and their best Ritz pair mostly leaves a relative residual of a fifth or more.

    Examples
    --------
    >>> from gradflow import descend
    >>> from gradflow.problems import DoubleWell
    >>> run = descend(DoubleWell(), [2.0], 0.1, 2, record={"sharpness": SharpnessTracker(DoubleWell())})
    >>> run.records["sharpness"] - (3 * run.weights[:, 0] ** 2 - 1)
    array([0., 0., 0.])
    """

    _course: Secants | None
    _rivals: Rivals
    _values: Array
    _residual: float
    _size: float
    _mean_of_rest: float
    _first_time: float
    _since_cold: int
    _given: Product
    _reachable: float
    _rounding: float

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
        self.problem = as_problem(problem)
        self.tol = validate.positive("tol", tol)
        self.k = validate.count("k", k)
        if self.problem.num_weights is not None:
            check_count(k, self.problem.num_weights)
        self.products = products
        self.check_every = validate.count("check_every", check_every)
        self._may_warn = True
        self._begin()

    def __call__(self, t: float, w: ArrayLike, product: Product | None = None) -> float | Array:
        """Return the largest eigenvalue at `w`, or the `k` largest, descending, shape (k,).

        Parameters
        ----------
        t : float
            Flow time, or anything that grows along the path, with steps back between two of its points
            where something is located. A time at or before the first one begins another path.
        w : array_like, shape (n,)
        product : callable, optional
            v -> H(w) v where the caller has it, from ``problem.linearize(w)`` or `difference_product`:
            saves its passes.
        """
        return self._at(t, w, self._product if product is None else lambda _: product)

    @property
    def takes_product(self) -> bool:
        """Whether `at_place` asks for the product, so that a run makes its passes to give it.

        Not where that is made of differences: their distance is measured now and then along a path, and would
        be at every place of it.
        """
        return self.products == "exact" and self._central is None

    def at_place(self, place: Place) -> float | Array:
        """Return the same at a place of a run, from what the run has there if it is one on `problem`.

        That is the gradient for differences, else the product.
        """
        is_mine = is_same_problem(place.problem, self.problem)
        if not is_mine or (self.products == "exact" and self._central is not None):
            return self(place.time, place.weights)
        if self.products == "exact":
            return self._at(place.time, place.weights, lambda _: place.product)
        return self._at(place.time, place.weights, lambda w: self._differences(w, place.gradient))

    def _at(self, t: float, w: ArrayLike, product_at: Callable[[Array], Product]) -> float | Array:
        if not t > self._first_time:
            self._begin()
            self._first_time = t
        self.num_calls += 1
        w = validate.weight_vector("w", w, self.problem.num_weights)
        check_count(self.k, w.size)
        product = product_at(w)
        self._given, product = product, self._counted(product)
        course, self._course = self._course, None
        # Only a call that ends well leaves a course behind: after an error the next one starts cold.
        self._course = (
            self._begun(w, product)
            if course is None or self._tiny(w.size)
            else self._continued(course, w, product)
        )
        return float(self._values[0]) if self.k == 1 else self._values.copy()

    @property
    def values(self) -> Array | None:
        """The last eigenvalues, descending, shape (k,)."""
        return None if self._course is None else self._values

    @property
    def vectors(self) -> Array | None:
        """The last eigenvectors, one a column, shape (n, k)."""
        return None if self._course is None else orthonormal(np.stack(self._course.rows[: self.k])).T

    @property
    def residual(self) -> float:
        """Certificate of the last values: their largest relative residual."""
        return np.inf if self._course is None else self._residual

    def _begin(self) -> None:
        self.num_calls = self.num_products = self.num_fallbacks = self.num_surprises = 0
        self._course = None
        self._first_time = np.inf
        # Along a path the distance of differences is measured now and then.
        self._differences = one_sided(self.problem)
        self._central = (
            self.problem.products_from(self.problem.gradient)
            if isinstance(self.problem, Differenced)
            else None
        )

    def _product(self, w: Array) -> Product:
        if self.products == "differences":
            return self._differences(w)
        return self._exact(w)

    def _exact(self, w: Array) -> Product:
        return self._central(w) if self._central is not None else self.problem.linearize(w)[2]

    def _counted(self, product: Product) -> Product:
        def counted(v: Array) -> Array:
            self.num_products += 1 if v.ndim == 1 else v.shape[1]
            return product(v)

        return counted

    def _begun(self, w: Array, product: Product) -> Secants:
        """Return the course that begins with a cold search."""
        pairs = self._searched(w, product)
        self._note(pairs.values, pairs.residual, float(np.abs(pairs.values).max()))
        course = Secants(w, pairs.vectors.T)
        self._rivals, self._mean_of_rest = Rivals(), 0.0
        if not self._tiny(w.size):
            self._overtaken(course, product)
        return course

    def _tiny(self, num_weights: int) -> bool:
        return num_weights <= 3 * (2 * self.k + MOST)

    def _searched(self, w: Array, product: Product) -> Pairs:
        """Return the top pairs from a cold search."""
        self._since_cold = 0
        if self.products == "differences":
            # Differences are too noisy to find eigenvectors from nothing.
            exact = self._exact(w)
            self._given, product = exact, self._counted(exact)
        noise = noise_of(self._given, self.problem)
        pairs = top_pairs_of(operator_of(product, w.size), self.k, self.tol, noise)
        if self._may_warn and pairs.residual > self.tol:
            self._may_warn = False
            vouched(pairs, self.tol)
        self._reachable, self._rounding = pairs.residual, noise.relative
        return pairs

    def _note(self, values: Array, residual: float, size: float) -> None:
        self._values, self._residual, self._size = values, residual, size

    def _continued(self, course: Secants, w: Array, product: Product) -> Secants:
        """Return the course with the pairs at `w`: warm ones if they are certified, else cold ones."""
        self._since_cold += 1
        search_is_due = self._rivals.search_is_due()
        certified = self._warm(course, w, product)
        if certified:
            overtaken = search_is_due and self._overtaken(course, product)
            if not overtaken and self._since_cold < self.check_every:
                return course
        pairs = self._searched(w, product)
        values = pairs.values
        tolerance = max(self.tol, self._floor())
        if certified and np.abs(self._values - values).max() <= tolerance * np.abs(values).max():
            return course
        self.num_fallbacks += not certified
        self.num_surprises += certified
        self._replace(course, pairs)
        return course

    def _overtaken(self, course: Secants, product: Product) -> bool:
        """Search for rivals, and return whether one of them is above the last tracked value."""
        rivals, last = self._rivals, float(self._values[-1])
        newcomer = rivals.search(product, course.rows, last, self._size)
        if newcomer is not None:
            course.append(newcomer)
        return rivals.highest() > last + max(self.tol, self._floor()) * self._size

    def _floor(self) -> float:
        """Return the residual, relative to the size of H, that noise in the products leaves."""
        told = (
            NOISES * max(self._rounding, uncertainty_of(self._given) / self._size) if self._size > 0 else 0.0
        )
        # A cold search comes to its tolerance unless noise is in its way, of whatever cause.
        return max(told, self._reachable) if self._reachable > self.tol else told

    def _replace(self, course: Secants, pairs: Pairs) -> None:
        """Go on from cold pairs; what they leave of the rows is followed as rivals."""
        values = pairs.values
        old = [*self._values, *(rival.value for rival in self._rivals.followed)]
        size = float(np.abs(values).max())
        left = course.replace(pairs.vectors.T)
        change = float(np.abs(self._values - values).max() / size) if size > 0 else 0.0
        self._rivals.keep([old[i] for i in left], change, len(left) > len(old) - self.k)
        while len(course.rows) > self.k + len(self._rivals.followed):
            course.pop()
        self._note(values, pairs.residual, size)

    def _warm(self, course: Secants, w: Array, product: Product) -> bool:
        """Find the pairs at `w` from the course, and take them if their residuals certify them."""
        count = self.k + self._rivals.num_due()
        needed = max(np.sqrt(self.tol * self._rivals.gap_below(count - self.k)), self._floor())
        basis = course.ahead(w, count)
        images = products_with(basis, product)
        pairs = ritz_pairs(basis, images, count)
        miss = pairs.norms[0] / pairs.size if pairs is not None and pairs.size > 0 else 0.0
        for block in range(_MOST_BLOCKS):
            if pairs is None:
                return False
            wrong = pairs.norms[: self.k] > needed * pairs.size
            if not wrong.any():
                self._accept(course, pairs, float(miss))
                return True
            fresh = outside(pairs.rests[: self.k][wrong], basis)
            if block == _MOST_BLOCKS - 1 or not len(fresh):
                return False
            new_images = products_with(fresh, product)
            if not block:
                self._mean_of_rest = float(fresh[0] @ new_images[0])
            basis, images = np.vstack([basis, fresh]), np.vstack([images, new_images])
            pairs = ritz_pairs(basis, images, count)
        return False

    def _accept(self, course: Secants, pairs: Ritz, miss: float) -> None:
        k, size, rivals = self.k, pairs.size, self._rivals
        count = len(pairs.values)
        unseen = rivals.unseen(course.rows, count - k)
        values, rows = improved(pairs, k, self._mean_of_rest, unseen) if size > 0 else pairs[:2]
        followed = [True] * k + [rival.age == 0 for rival in rivals.followed[: count - k]]
        if size > 0:
            rivals.pass_call(float(np.abs(values[:k] - self._values).max() / size))
            rivals.look(values[k:], pairs.norms[k:], float(values[k - 1]), size)
        course.arrive(rows, pairs.rotation[:, :count], followed, miss)
        if rivals.far():
            rivals.leave(course.pop())
        self._note(values[:k], float(pairs.norms[:k].max() / size) if size > 0 else 0.0, size)
