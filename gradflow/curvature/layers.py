"""Sharpness within blocks of weights, layer by layer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gradflow import validate
from gradflow.curvature.noise import noise_of, vouched
from gradflow.curvature.search import operator_of, top_pairs_of
from gradflow.problems.completed import as_problem
from gradflow.problems.problem import Layered, Parted, Problem
from gradflow.types import Array


def layer_sharpness(
    problem: Problem, w: ArrayLike, layers: Sequence[ArrayLike] | None = None, tol: float = 1e-6
) -> Array:
    """Return the largest eigenvalue of the Hessian's diagonal block of each layer, shape (L,).

    It is the sharpness that descent sees if it moves that layer alone; none exceeds the sharpness.

    Parameters
    ----------
    problem : Problem
    w : array_like, shape (n,)
    layers : sequence of array_like of int, optional
        For each layer the places of its weights in `w`; by default what ``problem.layers()`` says, or
        ``problem.unflatten`` parts.
    tol : float
        Largest residual, as in `sharpness`.

    Raises
    ------
    ValueError
        If an argument is malformed, or the problem has no layers of its own.
    Undefined, RuntimeError
        Where `sharpness` raises them.

    Examples
    --------
    >>> from gradflow.problems import Quadratic
    >>> layer_sharpness(Quadratic([1.0, 4.0, 3.0]), [0.0, 0.0, 0.0], [[0, 1], [2]])
    array([4., 3.])
    """
    complete = as_problem(problem)
    w = validate.weight_vector("w", w, complete.num_weights)
    tol = validate.positive("tol", tol)
    product = complete.linearize(w)[2]
    noise = noise_of(product, complete)
    blocks = _own_layers(problem) if layers is None else layers
    places = [validate.indices(f"layers[{i}]", block, w.size) for i, block in enumerate(blocks)]

    def padded(block: NDArray[np.intp], v: Array) -> Array:
        whole = np.zeros((w.size, *v.shape[1:]))
        whole[block] = v
        return whole

    def sharpness_of(block: NDArray[np.intp]) -> float:
        into, back = partial(padded, block), itemgetter(block)
        operator = operator_of(lambda v: product(into(v))[block], block.size)
        return float(vouched(top_pairs_of(operator, 1, tol, replace(noise, into=into, back=back)), tol)[0][0])

    return np.array([sharpness_of(block) for block in places])


def _own_layers(problem: Any) -> Sequence[NDArray[np.intp]]:
    if isinstance(problem, Parted):
        return problem.layers()
    if not isinstance(problem, Layered):
        raise ValueError(
            f"`layers` must be given for {type(problem).__name__}, which has no layers of its own"
        )
    numbered = problem.unflatten(np.arange(problem.num_weights, dtype=np.float64))
    return [np.concatenate([part.ravel() for part in _parts(layer)]).astype(np.intp) for layer in numbered]


def _parts(layer: Any) -> Iterator[Array]:
    """Yield the arrays of one layer: the matrix alone, or (W, b) with b None without biases."""
    pieces: Iterable[Any] = layer if isinstance(layer, tuple) else (layer,)
    yield from (piece for piece in pieces if piece is not None)
