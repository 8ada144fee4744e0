"""The leading eigenpairs of a Hessian, from products alone, each one certified by its residual."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import diags_array
from scipy.sparse.linalg import ArpackError, LinearOperator, aslinearoperator, eigsh

from gradflow import validate
from gradflow.curvature.noise import NOISES, Pairs, noise_of, vouched
from gradflow.errors import Undefined
from gradflow.numerics.krylov import spectral_radius
from gradflow.problems.completed import as_problem
from gradflow.problems.problem import Problem, Product
from gradflow.types import Array

# Up to here the whole Hessian in one block product is cheaper than the 10 to 20 products of a Krylov search.
_ALWAYS_DENSE = 64
# Up to here the whole Hessian is affordable where the Krylov search fails.
_DENSE_RESCUE = 2000
_COLUMNS_AT_ONCE = 128
# Products for a rough look at the largest eigenvalue.
_ROUGHLY = 10


def hessian_operator(problem: Problem, w: ArrayLike) -> LinearOperator:
    """Return the Hessian H(w) as a linear operator; the passes at `w` are made once and reused.

    Parameters
    ----------
    problem : Problem
    w : array_like, shape (n,)

    Returns
    -------
    scipy.sparse.linalg.LinearOperator, shape (n, n)
        ``operator @ v`` is H(w) v for v of shape (n,) or (n, k).

    Raises
    ------
    ValueError
        If `w` is not a finite vector of the problem's number of weights.
    Undefined
        From a product that is NaN or infinite.

    Examples
    --------
    >>> from gradflow.problems import Quadratic
    >>> hessian_operator(Quadratic([1.0, 4.0]), [0.0, 0.0]) @ np.array([1.0, 1.0])
    array([1., 4.])
    """
    return _hessian(problem, w)[1]


def _hessian(problem: Problem, w: ArrayLike) -> tuple[Product, LinearOperator]:
    """Return the product and the operator made of it."""
    complete = as_problem(problem)
    w = validate.weight_vector("w", w, complete.num_weights)
    product = complete.linearize(w)[2]
    return product, operator_of(product, w.size)


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


def dense_hessian(problem: Problem, w: ArrayLike) -> Array:
    """Return the Hessian H(w) as a symmetric array, shape (n, n), from n products.

    Raises
    ------
    ValueError
        If `w` is not a finite vector of the problem's number of weights.
    Undefined
        If the Hessian has NaN or infinite entries.

    Examples
    --------
    >>> from gradflow.problems import Quadratic
    >>> dense_hessian(Quadratic([[2.0, 1.0], [1.0, 2.0]]), [0.0, 0.0])
    array([[2., 1.],
           [1., 2.]])
    """
    return _dense(hessian_operator(problem, w))


def sharpness(
    problem: Problem, w: ArrayLike, tol: float = 1e-6, *, preconditioner: ArrayLike | None = None
) -> float:
    """Return the sharpness lambda_max(H(w)), the largest (not the largest absolute) eigenvalue.

    With a preconditioner M it is lambda_max(M^1/2 H M^1/2), which is also the largest eigenvalue
    of M H: descent w <- w - eta M g is linearly stable while eta times it is below 2.

    Parameters
    ----------
    problem : Problem
    w : array_like, shape (n,)
    tol : float
        Largest residual |Hv - lambda v| of the unit eigenvector v, relative to the size of H. The
        error of the value is at most that, and of second order in it where the eigenvalue is isolated.
    preconditioner : float or array_like, shape (n,) or (n, n), optional
        M: a positive number, a vector of them (a diagonal) or a symmetric positive definite matrix.

    Returns
    -------
    float
        In loss per squared weight; negative where the loss is strictly concave.

    Raises
    ------
    ValueError
        If an argument is malformed.
    Undefined
        If the Hessian has no finite value at `w`.
    RuntimeError
        If `tol` cannot be reached; no number is made up.

    Notes
    -----
    Products that are differences of gradients know their error, and nothing finer is asked of them: a
    warning says to what the value is good then, about 1e-3 for gradients in single precision.

    References
    ----------
    Cohen, Kaur, Li, Kolter, Talwalkar, "Gradient Descent on Neural Networks Typically Occurs at the
    Edge of Stability", ICLR 2021 (sharpness); Cohen et al., "Adaptive Gradient Methods at the Edge
    of Stability", 2022 (preconditioned sharpness).

    Examples
    --------
    >>> from gradflow.problems import Quadratic
    >>> sharpness(Quadratic([1.0, 4.0]), [0.0, 0.0])
    4.0
    >>> sharpness(Quadratic([1.0, 4.0]), [0.0, 0.0], preconditioner=[9.0, 1.0])
    9.0
    """
    product, operator = _hessian(problem, w)
    tol, noise = validate.positive("tol", tol), noise_of(product)
    if preconditioner is not None:
        scale = validate.scale("preconditioner", preconditioner)
        operator = _preconditioned(operator, scale)
        noise *= float(np.linalg.norm(scale, 2) if np.ndim(scale) == 2 else np.max(scale))
    return float(vouched(top_pairs_of(operator, 1, tol, noise), tol)[0][0])


def top_eigenpairs(problem: Problem, w: ArrayLike, k: int, tol: float = 1e-6) -> tuple[Array, Array]:
    """Return the `k` largest eigenvalues of the Hessian H(w), descending, and their eigenvectors.

    A Lanczos search from a fixed start, so that equal calls give equal answers; after it the
    complement of what was found is searched for members of a cluster that were missed.

    Parameters
    ----------
    problem : Problem
    w : array_like, shape (n,)
    k : int
        From 1 to n.
    tol : float
        Largest residual |Hv - lambda v| of each pair, relative to the size of H.

    Returns
    -------
    values : ndarray, shape (k,)
        Descending, with multiplicity.
    vectors : ndarray, shape (n, k)
        Orthonormal columns, ``vectors[:, i]`` belongs to ``values[i]``.

    Raises
    ------
    ValueError
        If an argument is malformed or `k` exceeds the number of weights.
    Undefined
        If the Hessian has no finite value at `w`.
    RuntimeError
        If `tol` cannot be reached.

    Examples
    --------
    >>> from gradflow.problems import Quadratic
    >>> values, vectors = top_eigenpairs(Quadratic([1.0, 4.0, 2.0]), [0.0, 0.0, 0.0], 2)
    >>> values, abs(vectors[:, 0])
    (array([4., 2.]), array([0., 1., 0.]))
    """
    product, operator = _hessian(problem, w)
    check_count(k, operator.shape[0])
    tol = validate.positive("tol", tol)
    return vouched(top_pairs_of(operator, k, tol, noise_of(product)), tol)


def bottom_eigenpairs(problem: Problem, w: ArrayLike, k: int, tol: float = 1e-6) -> tuple[Array, Array]:
    """Return the `k` smallest eigenvalues of the Hessian H(w), ascending, and their eigenvectors.

    The top eigenpairs of -H: arguments, shapes and errors are those of `top_eigenpairs`.

    Examples
    --------
    >>> from gradflow.problems import Quadratic
    >>> bottom_eigenpairs(Quadratic([1.0, -4.0, 2.0]), [0.0, 0.0, 0.0], 2)[0]
    array([-4.,  1.])
    """
    product, operator = _hessian(problem, w)
    check_count(k, operator.shape[0])
    tol = validate.positive("tol", tol)
    values, vectors = vouched(top_pairs_of(-1.0 * operator, k, tol, noise_of(product)), tol)
    return -values, vectors


def check_count(k: int, num_weights: int) -> None:
    """Raise ValueError unless `k` is a number of eigenpairs that `num_weights` weights have."""
    if validate.count("k", k) > num_weights:
        raise ValueError(f"`k` must be at most the number of weights, {num_weights}, got {k}")


def _preconditioned(operator: LinearOperator, scale: float | Array) -> LinearOperator:
    """Return C' H C with M = C C', which has the eigenvalues of M^1/2 H M^1/2."""
    n = operator.shape[0]
    if np.ndim(scale) and np.shape(scale)[0] != n:
        raise ValueError(f"`preconditioner` must have {n} entries a side, got shape {np.shape(scale)}")
    factor = (
        np.linalg.cholesky(scale) if np.ndim(scale) == 2 else diags_array(np.sqrt(np.broadcast_to(scale, n)))
    )
    return aslinearoperator(factor.T) @ operator @ aslinearoperator(factor)


def _dense(operator: LinearOperator) -> Array:
    n = operator.shape[0]
    blocks = np.array_split(np.eye(n), -(-n // _COLUMNS_AT_ONCE), axis=1)
    matrix = np.hstack([operator.matmat(block) for block in blocks])
    return 0.5 * (matrix + matrix.T)


def top_pairs_of(operator: LinearOperator, k: int, tol: float, noise: float = 0.0) -> Pairs:
    """Return the `k` largest eigenvalues (descending) and eigenvectors of a symmetric operator.

    `noise` is the size of the error of its product with a unit vector: no residual can be smaller.
    """
    n = operator.shape[0]
    if n > _ALWAYS_DENSE and 3 * k < n:
        for basis_size in (2 * k + 8, min(6 * k + 40, n)):
            pairs = _krylov_top(operator, k, tol, noise, basis_size)
            if pairs is not None:
                return pairs
        if n > _DENSE_RESCUE:
            raise RuntimeError(
                f"the eigenvalues of this Hessian of {n} weights were not found to tol {tol:g}: "
                "its products may carry noise, ask for a larger `tol`"
            )
    values, vectors = np.linalg.eigh(_dense(operator))
    size = max(float(np.abs(values).max()), np.finfo(float).tiny)
    return Pairs(values[: -k - 1 : -1], vectors[:, : -k - 1 : -1], NOISES * noise / size)


def _krylov_top(operator: LinearOperator, k: int, tol: float, noise: float, basis_size: int) -> Pairs | None:
    """Return the top pairs, or None where the search failed or a residual is too large."""
    n = operator.shape[0]
    rng = np.random.default_rng(0)
    start = rng.standard_normal(n)
    first = operator.matvec(start)
    unit = float(np.abs(first).max())
    if unit == 0.0:
        return Pairs(np.zeros(k), np.eye(n, k), 0.0)
    # In units of its size, so that no square of an entry overflows or vanishes.
    operator = (1.0 / max(unit, np.finfo(float).tiny)) * operator
    scale = float(np.linalg.norm(first / unit) / np.linalg.norm(start))
    allowed = NOISES * noise / unit
    if allowed > tol * scale:
        # `scale` may be far below the largest eigenvalue, which the search must not be asked too much of.
        size = spectral_radius(operator.matvec, start, np.empty((_ROUGHLY + 1, n)), 0.3, _ROUGHLY)[0]
        tol = max(tol, min(allowed / max(size, scale), 0.5))

    def search(found: Array, count: int) -> Array:
        # A new start each time: what is left of an old one has no share in the eigenspaces found from it.
        return _search(operator, found, count, rng.standard_normal(n), scale, tol, basis_size)

    try:
        values, vectors, residuals = _rayleigh_ritz(operator, search(np.empty((n, 0)), k))
        while k > 1:
            more = _rayleigh_ritz(operator, np.hstack([vectors, search(vectors, 1)]))
            if more[0][k - 1] <= values[-1] + tol * scale:
                break
            values, vectors, residuals = more[0][:k], more[1][:, :k], more[2][:k]
    except ArpackError:
        return None
    size, residual = max(scale, float(np.abs(values).max())), float(residuals.max())
    if not residual <= max(tol * size, allowed):
        return None
    return Pairs(unit * values, vectors, residual / size)


def _search(
    operator: LinearOperator, found: Array, k: int, start: Array, scale: float, tol: float, basis_size: int
) -> Array:
    """Return approximate top eigenvectors of H, shape (n, k), orthogonal to the columns `found`."""

    def outside(v: Array) -> Array:
        return v - found @ (found.T @ v)

    # ARPACK's relative criterion never ends, or ends on a wrong value, for a largest eigenvalue of zero.
    # `scale` is near the root mean square eigenvalue: the shift makes the top third positive, `found` zero.
    def shifted(v: Array) -> Array:
        v = outside(v)
        return outside(operator.matvec(v) / scale + 2.0 * v)

    n = start.size
    space = LinearOperator((n, n), matvec=shifted, dtype=np.float64)
    return eigsh(space, k, which="LA", v0=outside(start), ncv=basis_size, tol=tol / 3.0, maxiter=300)[1]


def _rayleigh_ritz(operator: LinearOperator, basis: Array) -> tuple[Array, Array, Array]:
    """Return Ritz values (descending), vectors and residual norms of H in the span of `basis`."""
    basis = np.linalg.qr(basis)[0]
    product = operator.matmat(basis)
    values, rotation = np.linalg.eigh(basis.T @ product)
    values, rotation = values[::-1], rotation[:, ::-1]
    vectors = basis @ rotation
    return values, vectors, np.linalg.norm(product @ rotation - vectors * values, axis=0)
