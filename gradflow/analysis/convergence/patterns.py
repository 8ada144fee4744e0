"""The patterns of a loss one by one: their own losses, gradients, and whether these agree."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from gradflow import validate
from gradflow.problems.problem import Problem, Sampled
from gradflow.types import Array


def pattern_losses(problem: Problem, w: ArrayLike, indices: ArrayLike | None = None) -> Array:
    """Return the loss of each pattern alone, shape (P,); their mean (or sum) is the whole loss.

    Parameters
    ----------
    problem : Problem
        One that is `Sampled`.
    w : array_like, shape (n,)
    indices : array_like of int, shape (P,), optional
        Which patterns; all by default.

    Raises
    ------
    ValueError
        If the problem has no samples, or an argument is malformed.

    Examples
    --------
    >>> from gradflow.problems import SigmoidNeuron
    >>> pattern_losses(SigmoidNeuron(), [0.0])
    array([0.125, 0.125])
    """
    weights = validate.weight_vector("w", w, problem.num_weights)
    return np.array([part.loss(weights) for part in _parts(problem, indices)])


def pattern_gradients(problem: Problem, w: ArrayLike, indices: ArrayLike | None = None) -> Array:
    """Return the gradient of each pattern's own loss, shape (P, n).

    Parameters and errors are those of `pattern_losses`.

    Examples
    --------
    >>> from gradflow.problems import SigmoidNeuron
    >>> pattern_gradients(SigmoidNeuron(), [0.0])
    array([[ 0.   ],
           [-0.125]])
    """
    weights = validate.weight_vector("w", w, problem.num_weights)
    return np.array([part.gradient(weights) for part in _parts(problem, indices)])


def gradient_cosines(problem: Problem, w: ArrayLike, indices: ArrayLike | None = None) -> Array:
    """Return the cosines between the patterns' gradients, shape (P, P).

    A short step down the loss of pattern p raises that of q where entry (p, q) is negative:
    E_q changes by -eta g_q . g_p. Parameters and errors are those of `pattern_losses`.

    Returns
    -------
    ndarray, shape (P, P)
        Symmetric, 1 on the diagonal; nan where a pattern's gradient is zero.

    Examples
    --------
    >>> from gradflow.problems import SigmoidNeuron
    >>> gradient_cosines(SigmoidNeuron((1.0, 2.0), (1.0, 0.0)), [0.0])
    array([[ 1., -1.],
           [-1.,  1.]])
    """
    gradients = pattern_gradients(problem, w, indices)
    lengths = np.linalg.norm(gradients, axis=1, keepdims=True)
    units = np.divide(gradients, lengths, out=np.full_like(gradients, np.nan), where=lengths > 0)
    return np.clip(units @ units.T, -1.0, 1.0)


def pattern_changes(
    problem: Problem, w: ArrayLike, learning_rate: float, indices: ArrayLike | None = None
) -> Array:
    """Return what one step on one pattern does to the others, E_q(w - eta g_p) - E_q(w), shape (P, P).

    Row p belongs to the step on pattern p, column q to the loss of pattern q. To first order in eta it
    is -eta g_p . g_q. The cost is P^2 losses of one pattern. Parameters and errors are those of
    `pattern_losses`.

    Examples
    --------
    Two patterns that want opposite things: each step helps one and harms the other.

    >>> from gradflow.problems import SigmoidNeuron
    >>> pattern_changes(SigmoidNeuron((1.0, 1.0), (1.0, 0.0)), [0.0], 1.0) > 0
    array([[False,  True],
           [ True, False]])
    """
    eta, center = validate.positive("learning_rate", learning_rate), validate.array("w", w, 1)
    before = pattern_losses(problem, center, indices)
    steps = eta * pattern_gradients(problem, center, indices)
    return np.array([pattern_losses(problem, center - step, indices) for step in steps]) - before


def _parts(problem: Problem, indices: ArrayLike | None) -> list[Problem]:
    if not isinstance(problem, Sampled):
        raise ValueError(f"`problem` must have samples, got {problem!r:.60}")
    if indices is None:
        return [problem.subset([p]) for p in range(problem.num_samples)]
    return [problem.subset([p]) for p in validate.indices("indices", indices, problem.num_samples)]
