"""How fast neighboring runs part: Lyapunov exponents of descent."""

from __future__ import annotations

from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from gradflow import validate
from gradflow.analysis.stability.companion import check_linear
from gradflow.errors import Undefined
from gradflow.problems.problem import Problem
from gradflow.rules import UpdateRule, as_rule
from gradflow.simulate.iteration import Iterate, iterates
from gradflow.types import Array


def lyapunov_exponents(
    problem: Problem,
    w0: ArrayLike,
    rule: float | UpdateRule,
    num_steps: int,
    k: int = 1,
    *,
    num_transient: int = 0,
) -> Array:
    """Return the `k` largest Lyapunov exponents of the run from `w0`, descending, shape (k,).

    The mean growth per step, as a natural logarithm, of infinitesimal differences between runs: of
    products of I - eta H(w) along the run, orthonormalized by QR at every step; for a rule with
    momentum of the differences in weights and velocity. Positive means chaos; the largest is
    ``log |1 - eta lambda|`` for the slowest direction at a minimum.

    Parameters
    ----------
    problem : Problem
    w0 : array_like, shape (n,)
    rule : float or UpdateRule
        A learning rate, or a `GradientDescent`, `HeavyBall` or `Nesterov`.
    num_steps : int
        Steps over which the growth is averaged; each costs a gradient and k products.
    k : int
        At most n, with momentum 2 n.
    num_transient : int
        Steps taken before.

    Raises
    ------
    ValueError
        If an argument is malformed, or the rule is none of these.
    Undefined
        If the run leaves the finite numbers.

    References
    ----------
    Benettin, Galgani, Giorgilli, Strelcyn, "Lyapunov characteristic exponents", Meccanica 15 (1980).

    Examples
    --------
    >>> from gradflow.problems import Quadratic
    >>> np.exp(lyapunov_exponents(Quadratic([1.0, 4.0]), [1.0, 1.0], 0.4, 200, k=2)).round(6)
    array([0.6, 0.6])
    """
    taken = as_rule(rule)
    check_linear(taken)
    w = validate.weight_vector("w0", w0, problem.num_weights)
    size = w.size * (1 if taken.init(w) is None else 2)
    if validate.count("k", k) > size:
        raise ValueError(f"`k` must be at most {size}, the size of weights and memory, got {k}")
    count = validate.count("num_steps", num_steps)
    skipped = validate.count("num_transient", num_transient, least=0)
    start = Iterate(0, w, taken.init(w))
    path = iterates(
        taken, start, lambda at: (None, problem.gradient(at.weights)) if at.step < skipped else ()
    )
    begin, _ = next(islice(path, skipped, None))
    return growth_rates(problem, taken, begin, count, k)


def growth_rates(problem: Problem, rule: UpdateRule, start: Iterate, num_steps: int, k: int = 1) -> Array:
    """Return the `k` largest exponents over `num_steps` steps from an iterate in mid run."""
    n = start.weights.size
    size = n if start.memory is None else 2 * n
    basis = np.linalg.qr(np.random.default_rng(0).standard_normal((size, k)))[0]
    total = np.zeros(k)
    path = iterates(rule, start, lambda at: problem.linearize(at.weights))
    with np.errstate(all="ignore"):
        for at, (_, _, product) in islice(path, num_steps):
            pushed = _pushed(rule, product, basis, n, at.step)
            if not (np.isfinite(pushed).all() and np.isfinite(at.weights).all()):
                raise Undefined(f"the run left the finite numbers at step {at.step:,}: it has no exponents")
            basis, lengths = _orthonormalized(pushed)
            total += np.log(lengths)
    return np.sort(total / num_steps)[::-1]


def _pushed(rule: UpdateRule, product: Any, basis: Array, n: int, step: int) -> Array:
    """Return the differences (weights, memory) one step later: the rule is linear in all it is given."""
    differences, memory = basis[:n], (basis[n:] if len(basis) > n else None)
    moved, memory = rule.update(differences, product(differences), memory, step)
    return moved if memory is None else np.vstack([moved, memory])


def _orthonormalized(block: Array) -> tuple[Array, Array]:
    """Return an orthonormal basis of the columns, and what each adds in length."""
    if block.shape[1] == 1:
        length = float(np.linalg.norm(block))
        # A difference that vanished grows at the rate -inf, whatever its direction.
        return (block / length if length > 0 else np.ones_like(block) / np.sqrt(block.size)), np.array(
            [length]
        )
    basis, upper = np.linalg.qr(block)
    return basis, np.abs(np.diag(upper))
