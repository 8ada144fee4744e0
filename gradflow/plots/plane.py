"""Planes through the space of weights, on which losses and paths of networks are drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from gradflow import validate
from gradflow.curvature import top_eigenpairs
from gradflow.problems.problem import Problem
from gradflow.trajectory import Trajectory
from gradflow.types import Array

# Directions that differ by less, as a share of their length, span no plane.
LEAST_ANGLE = 1e-6


@dataclass(frozen=True, eq=False)
class Plane:
    """A plane in the space of weights: the points w = origin + a e_1 + b e_2.

    Attributes
    ----------
    origin : ndarray, shape (n,)
    axes : ndarray, shape (n, 2)
        e_1 and e_2, orthonormal.
    names : tuple of str
        What stands on the two axes of a figure.

    See Also
    --------
    plane_through, plane_along

    Examples
    --------
    >>> plane = plane_through([0, 0, 0], [2, 0, 0], [2, 3, 0])
    >>> plane.coordinates(np.array([2.0, 3.0, 7.0])).tolist()
    [2.0, 3.0]
    >>> plane.weights(np.array([2.0, 3.0])).tolist()
    [2.0, 3.0, 0.0]
    """

    origin: Array
    axes: Array
    names: tuple[str, str] = ("along $e_1$", "along $e_2$")

    def coordinates(self, weights: Array) -> Array:
        """Return where weights (..., n) project to, shape (..., 2)."""
        return np.asarray((weights - self.origin) @ self.axes)

    def weights(self, coordinates: Array) -> Array:
        """Return the weights at coordinates (..., 2), shape (..., n)."""
        return np.asarray(self.origin + coordinates @ self.axes.T)


def plane_through(
    origin: ArrayLike,
    first: ArrayLike,
    second: ArrayLike,
    *,
    names: tuple[str, str] = ("along $e_1$", "along $e_2$"),
) -> Plane:
    """Return the plane through three points, its first axis from the first point to the second.

    Points that lie on a line, or coincide, leave the second axis to chance: one from a fixed seed.

    Parameters
    ----------
    origin, first, second : array_like, shape (n,)
    names : tuple of str
        Labels of the axes.

    Raises
    ------
    ValueError
        If the points have different lengths, or a single weight.
    """
    start = validate.array("origin", origin, 1)
    ends = [validate.weight_vector(name, each, start.size) for name, each in _named(first, second)]
    return Plane(start, _orthonormal(np.stack([end - start for end in ends], axis=1)), names)


def plane_along(
    origin: ArrayLike, directions: ArrayLike, *, names: tuple[str, str] = ("along $e_1$", "along $e_2$")
) -> Plane:
    """Return the plane through a point along two directions, such as the top eigenvectors there.

    Parameters
    ----------
    origin : array_like, shape (n,)
    directions : array_like, shape (n, 2)
        Their columns; they need be neither orthogonal nor of length 1.
    names : tuple of str
        Labels of the axes.

    Raises
    ------
    ValueError
        If the shapes do not fit.
    """
    start = validate.array("origin", origin, 1)
    both = validate.array("directions", directions, 2)
    if both.shape != (start.size, 2):
        raise ValueError(f"`directions` must have shape ({start.size}, 2), got {both.shape}")
    return Plane(start, _orthonormal(both), names)


def plane_of_eigenvectors(problem: Problem, w: ArrayLike) -> Plane:
    """Return the plane through `w` along the two leading eigenvectors of the Hessian there."""
    at = validate.weight_vector("w", w, problem.num_weights)
    values, vectors = top_eigenpairs(problem, at, 2, tol=1e-4)
    labels = [rf"eigenvector, $\lambda_{i + 1} = {value:.3g}$" for i, value in enumerate(values)]
    return Plane(at, _orthonormal(vectors), (labels[0], labels[1]))


def plane_of_runs(runs: Mapping[str, Trajectory]) -> Plane:
    """Return the plane through the start, the flow's end, and the end of the descent farthest from the line.

    Without a flow the first run takes its place. Runs that diverged are passed over where others are there.
    """
    tame = [run for run in runs.values() if not run.diverged] or list(runs.values())
    first = next((run for run in tame if run.is_continuous), tame[0])
    start = first.weights[0]
    way = _unit(first.final_weights - start)
    others = [run.final_weights - start for run in tame if run is not first]
    aside = [other - way * (way @ other) for other in others]
    second = max(aside, key=lambda each: float(np.linalg.norm(each)), default=np.zeros_like(start))
    ahead = "from the start to the flow's end" if first.is_continuous else "from the start to the end"
    return plane_through(
        start, first.final_weights, start + second, names=(ahead, "aside, to a descent's end")
    )


def _named(first: ArrayLike, second: ArrayLike) -> list[tuple[str, ArrayLike]]:
    return [("first", first), ("second", second)]


def _unit(vector: Array) -> Array:
    size = float(np.linalg.norm(vector))
    return vector / size if size > 0 else vector


def _orthonormal(directions: Array) -> Array:
    """Return two orthonormal columns that span the directions, the first along the first."""
    if len(directions) < 2:
        raise ValueError(f"`origin` must have at least two weights for a plane, got {len(directions)}")
    spare = np.random.default_rng(0).standard_normal((len(directions), 2))
    found: list[Array] = []
    for direction in [*directions.T, *spare.T]:
        rest = direction - sum((each * (each @ direction) for each in found), np.zeros(len(direction)))
        if np.linalg.norm(rest) > LEAST_ANGLE * np.linalg.norm(direction):
            found.append(_unit(rest))
    return np.stack(found[:2], axis=1)
