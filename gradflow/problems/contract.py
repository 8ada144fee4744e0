"""Whether a problem is what it says: its loss, its gradient and its products compared with each other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from gradflow import validate
from gradflow.numerics.differences import Differences
from gradflow.numerics.rounding import resolution
from gradflow.problems.completed import as_problem
from gradflow.problems.door import ROUNDINGS, SLOPE_SHARE, slope_along
from gradflow.problems.precision import known_precision, precision_of
from gradflow.problems.problem import Problem, Sampled
from gradflow.types import Array


@dataclass(frozen=True)
class Finding:
    """One line of a contract: what was asked, whether it holds, and the figure it was judged by."""

    name: str
    holds: bool
    figure: str


@dataclass(frozen=True)
class Contract:
    """What `check_problem` found."""

    findings: tuple[Finding, ...]

    @property
    def holds(self) -> bool:
        """Whether all of it does."""
        return all(finding.holds for finding in self.findings)

    def __repr__(self) -> str:
        width = max(len(finding.name) for finding in self.findings)
        return "\n".join(
            f"{'holds' if each.holds else 'FAILS'}  {each.name:<{width}}  {each.figure}".rstrip()
            for each in self.findings
        )


def check_problem(problem: Any, w: ArrayLike) -> Contract:
    """Compare everything that a problem gives at w with everything else, and print what holds.

    Parameters
    ----------
    problem : Problem
        One with at least ``loss_and_gradient(w)``.
    w : array_like, shape (n,)
        Where to look.

    Returns
    -------
    Contract
        Its `findings`, and `holds` for all of them; its repr is what was printed.

    Raises
    ------
    ValueError
        If `problem` is none, or w does not fit it. What the problem raises is a finding.

    See Also
    --------
    from_callables, as_problem

    Examples
    --------
    >>> from gradflow.problems.callables import from_callables
    >>> check_problem(from_callables(lambda w: w @ w, lambda w: -2 * w, check=False), [3.0]).holds
    holds  finite values                 loss 9
    holds  same twice                    differs by 0
    holds  input untouched, own arrays
    holds  loss of loss_and_gradient     differs by 0
    FAILS  gradient against differences  -6 told, 6 found
    holds  products against differences  differs by 0
    holds  symmetric products            differs by 0
    holds  linearize                     differs by 0
    False
    """
    complete = as_problem(problem)
    place = validate.weight_vector("w", w, complete.num_weights)
    contract = Contract(tuple(_finding(name, check, complete, place) for name, check in _checks(complete)))
    print(contract)  # noqa: T201
    return contract


Verdict = tuple[bool, str]


def _finding(name: str, check: Callable[[Problem, Array], Verdict], problem: Problem, w: Array) -> Finding:
    try:
        return Finding(name, *check(problem, w))
    except Exception as error:  # whatever a user's function raises is what there is to say
        return Finding(name, False, f"{type(error).__name__}: {error}")


def _precision(problem: Problem, gradient: Array) -> float:
    """Return that of a gradient: as its problem says, or its digits show."""
    return max(precision_of(problem), resolution(gradient))


def _judged(one: Any, other: Any, tol: float) -> Verdict:
    """Return whether two values are the same to `tol` of their size."""
    one, other = np.asarray(one), np.asarray(other)
    apart = float(np.linalg.norm(one - other))
    size = max(float(np.linalg.norm(one)), float(np.linalg.norm(other)))
    share = apart / size if apart > 0 else apart
    return share <= tol, f"differs by {share:.2g}"


def _finite(problem: Problem, w: Array) -> Verdict:
    loss, gradient = problem.loss_and_gradient(w)
    return bool(np.isfinite(loss) and np.isfinite(gradient).all()), f"loss {loss:.6g}"


def _twice(problem: Problem, w: Array) -> Verdict:
    (loss, gradient), (again, same) = problem.loss_and_gradient(w), problem.loss_and_gradient(w)
    tol = ROUNDINGS * _precision(problem, gradient)
    return _judged(np.append(gradient, loss), np.append(same, again), tol)


def _own(problem: Problem, w: Array) -> Verdict:
    given = w.copy()
    gradient = problem.loss_and_gradient(given)[1]
    kept = gradient.copy()
    other = problem.loss_and_gradient(1.5 * w + 0.5)[1]
    if not np.array_equal(given, w):
        return False, "w was changed"
    if np.shares_memory(gradient, given) or np.shares_memory(gradient, other):
        return False, "an array is shared"
    return np.array_equal(kept, gradient, equal_nan=True), ""


def _loss(problem: Problem, w: Array) -> Verdict:
    loss, gradient = problem.loss_and_gradient(w)
    return _judged(problem.loss(w), loss, ROUNDINGS * _precision(problem, gradient))


def _gradient(problem: Problem, w: Array) -> Verdict:
    loss, gradient = problem.loss_and_gradient(w)
    slope = slope_along(problem.loss, w, loss, gradient, precision_of(problem))
    return slope.agrees, f"{slope.told:.6g} told, {0.5 * (slope.least + slope.most):.6g} found"


def _directions(w: Array) -> tuple[Array, Array]:
    one, other = np.random.default_rng(0).standard_normal((2, w.size))
    return one / np.linalg.norm(one), other / np.linalg.norm(other)


def _products(problem: Problem, w: Array) -> Verdict:
    direction = _directions(w)[0]
    product = Differences(problem.gradient, eps=known_precision(problem))(w)
    exact, found = problem.hvp(w, direction), product(direction)
    apart, size = float(np.linalg.norm(exact - found)), float(np.linalg.norm(exact))
    holds = apart <= SLOPE_SHARE * size + ROUNDINGS * product.uncertainty
    return holds, f"differs by {apart / size if apart > 0 and size > 0 else apart:.2g}"


def _symmetry(problem: Problem, w: Array) -> Verdict:
    one, other = _directions(w)
    there, back = problem.hvp(w, one), problem.hvp(w, other)
    apart = abs(float(other @ there - one @ back))
    size = max(float(np.linalg.norm(there)), float(np.linalg.norm(back)))
    share = apart / size if apart > 0 else 0.0
    return share <= SLOPE_SHARE, f"differs by {share:.2g}"


def _linearize(problem: Problem, w: Array) -> Verdict:
    direction = _directions(w)[0]
    loss, gradient = problem.loss_and_gradient(w)
    value, slope, product = problem.linearize(w)
    if value != loss or not np.array_equal(slope, gradient):
        return False, "loss and gradient are not those of loss_and_gradient to the last bit"
    return _judged(product(direction), problem.hvp(w, direction), ROUNDINGS * _precision(problem, gradient))


def _subsets(problem: Problem, w: Array) -> Verdict:
    assert isinstance(problem, Sampled)
    half = max(problem.num_samples // 2, 1)
    parts = [part for part in (np.arange(half), np.arange(half, problem.num_samples)) if part.size]
    gradient = problem.gradient(w)
    shares = [part.size / problem.num_samples if problem.averaged else 1.0 for part in parts]
    total = sum(
        (share * problem.subset(part).gradient(w) for share, part in zip(shares, parts, strict=True)),
        np.zeros(w.size),
    )
    return _judged(total, gradient, ROUNDINGS * _precision(problem, gradient))


def _checks(problem: Problem) -> list[tuple[str, Callable[[Problem, Array], Verdict]]]:
    checks: list[tuple[str, Callable[[Problem, Array], Verdict]]] = [
        ("finite values", _finite),
        ("same twice", _twice),
        ("input untouched, own arrays", _own),
        ("loss of loss_and_gradient", _loss),
        ("gradient against differences", _gradient),
        ("products against differences", _products),
        ("symmetric products", _symmetry),
        ("linearize", _linearize),
    ]
    return [*checks, ("subsets make the whole", _subsets)] if isinstance(problem, Sampled) else checks
