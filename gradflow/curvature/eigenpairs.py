"""The leading eigenpairs of a Hessian, from products alone, each one certified by its residual."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import diags_array
from scipy.sparse.linalg import LinearOperator, aslinearoperator

from gradflow import validate
from gradflow.curvature.noise import Noise, noise_of, vouched
from gradflow.curvature.search import check_count, dense, operator_of, top_pairs_of
from gradflow.problems.completed import as_problem
from gradflow.problems.problem import Problem
from gradflow.types import Array


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
    return _hessian(problem, w)[0]


def _hessian(problem: Problem, w: ArrayLike) -> tuple[LinearOperator, Noise]:
    """Return the Hessian as an operator, and what is known of the error of its products."""
    complete = as_problem(problem)
    w = validate.weight_vector("w", w, complete.num_weights)
    product = complete.linearize(w)[2]
    return operator_of(product, w.size), noise_of(product, complete)


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
    return dense(hessian_operator(problem, w))


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
        Largest residual ``|Hv - lambda v|`` of the unit eigenvector v, relative to the size of H. The
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
    Products that are differences of gradients know their error, and are held against shorter ones along the
    eigenvectors found. Nothing finer is asked of them than they carry, nor of products in float32 (about
    1e-6), nor of any that turn out not to be linear: a warning says to which `tol` the value is good then,
    1e-5 to 1e-3 for differences of gradients in float32, and giving that one is met without a word.

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
    operator, noise = _hessian(problem, w)
    tol = validate.positive("tol", tol)
    if preconditioner is not None:
        operator, noise = _preconditioned(operator, noise, validate.scale("preconditioner", preconditioner))
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
        Largest residual ``|Hv - lambda v|`` of each pair, relative to the size of H.

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
    operator, noise = _hessian(problem, w)
    check_count(k, operator.shape[0])
    tol = validate.positive("tol", tol)
    return vouched(top_pairs_of(operator, k, tol, noise), tol)


def bottom_eigenpairs(problem: Problem, w: ArrayLike, k: int, tol: float = 1e-6) -> tuple[Array, Array]:
    """Return the `k` smallest eigenvalues of the Hessian H(w), ascending, and their eigenvectors.

    The top eigenpairs of -H: arguments, shapes and errors are those of `top_eigenpairs`.

    Examples
    --------
    >>> from gradflow.problems import Quadratic
    >>> bottom_eigenpairs(Quadratic([1.0, -4.0, 2.0]), [0.0, 0.0, 0.0], 2)[0]
    array([-4.,  1.])
    """
    operator, noise = _hessian(problem, w)
    check_count(k, operator.shape[0])
    tol = validate.positive("tol", tol)
    upside_down = replace(noise, back=np.negative)
    values, vectors = vouched(top_pairs_of(-1.0 * operator, k, tol, upside_down), tol)
    return -values, vectors


def _preconditioned(
    operator: LinearOperator, noise: Noise, scale: float | Array
) -> tuple[LinearOperator, Noise]:
    """Return C' H C with M = C C', which has the eigenvalues of M^1/2 H M^1/2, and its noise."""
    n = operator.shape[0]
    if np.ndim(scale) and np.shape(scale)[0] != n:
        raise ValueError(f"`preconditioner` must have {n} entries a side, got shape {np.shape(scale)}")
    factor = aslinearoperator(
        np.linalg.cholesky(scale) if np.ndim(scale) == 2 else diags_array(np.sqrt(np.broadcast_to(scale, n)))
    )
    stretch = float(np.linalg.norm(scale, 2) if np.ndim(scale) == 2 else np.max(scale))
    return factor.T @ operator @ factor, replace(
        noise, into=factor.matvec, back=factor.T.matvec, stretch=stretch
    )
