"""The spectral density of a Hessian, from products alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import eigh_tridiagonal

from gradflow import validate
from gradflow.curvature.eigenpairs import hessian_operator
from gradflow.numerics.krylov import arnoldi
from gradflow.problems.problem import Problem
from gradflow.types import Array, Product


@dataclass(frozen=True, eq=False)
class SpectralDensity:
    """A quadrature of the eigenvalue distribution: sum_i weights_i f(nodes_i) is near tr f(H) / n.

    Attributes
    ----------
    nodes, weights : ndarray, shape (m,)
        Places, ascending, and shares of the n eigenvalues; the weights add up to 1.
    num_weights : int
        n.
    """

    nodes: Array
    weights: Array
    num_weights: int

    def mean(self, power: int = 1) -> float:
        """Return the estimate of tr H^power / n."""
        return float(self.weights @ self.nodes**power)

    def smoothed(self, grid: ArrayLike, width: float) -> Array:
        """Return the density at the eigenvalues `grid`, each node widened to a normal of that width."""
        distance = (np.asarray(grid, dtype=np.float64)[..., None] - self.nodes) / validate.positive(
            "width", width
        )
        return np.exp(-0.5 * distance**2) @ self.weights / (width * np.sqrt(2 * np.pi))


def spectral_density(
    problem: Problem, w: ArrayLike, *, num_vectors: int = 10, num_products: int = 60, seed: int = 0
) -> SpectralDensity:
    """Return the distribution of the Hessian's eigenvalues by stochastic Lanczos quadrature.

    From each random start the nodes are the Ritz values of a Lanczos run with full orthogonalization,
    their weights the squared first components of the Ritz vectors. A run as long as n is exact for its
    start; the average over starts is right to the order of 1 / sqrt(n num_vectors).

    Parameters
    ----------
    problem : Problem
    w : array_like, shape (n,)
    num_vectors : int
        Random starts.
    num_products : int
        Length of each Lanczos run, at most n.
    seed : int
        Of the random starts, signs of equal size.

    Raises
    ------
    ValueError
        If an argument is malformed.
    Undefined
        If the Hessian has no finite value at `w`.

    References
    ----------
    Ghorbani, Krishnan, Xiao, "An Investigation into Neural Net Optimization via Hessian Eigenvalue
    Density", ICML 2019, section 2; Golub and Welsch, Math. Comp. 23 (1969).

    Examples
    --------
    >>> from gradflow.problems import Quadratic
    >>> density = spectral_density(Quadratic([1.0, 1.0, 1.0, 5.0]), [0.0] * 4)
    >>> density.nodes.round(9)[[0, -1]], round(density.mean(), 9)
    (array([1., 5.]), 2.0)
    """
    operator = hessian_operator(problem, w)
    n = operator.shape[0]
    count = validate.count("num_vectors", num_vectors)
    length = min(validate.count("num_products", num_products), n)
    rng = np.random.default_rng(validate.count("seed", seed, least=0))
    runs = [_quadrature(operator.matvec, rng.choice([-1.0, 1.0], n), length) for _ in range(count)]
    nodes, weights = (np.concatenate(parts) for parts in zip(*runs, strict=True))
    order = np.argsort(nodes)
    return SpectralDensity(nodes[order], weights[order] / count, n)


def _quadrature(product: Product, start: Array, length: int) -> tuple[Array, Array]:
    """Return Ritz values and the squared first components of their vectors."""
    basis = np.empty((length + 1, start.size))
    basis[0] = start / np.linalg.norm(start)
    *_, hessenberg = arnoldi(product, basis)
    nodes, vectors = eigh_tridiagonal(hessenberg.diagonal(), hessenberg.diagonal(-1)[:-1])
    return np.asarray(nodes, dtype=np.float64), np.square(vectors[0])
