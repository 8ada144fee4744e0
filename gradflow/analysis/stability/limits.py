"""How large a learning rate may be, and how near to it a rule is: limits of linear stability."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from gradflow import validate
from gradflow.curvature import sharpness
from gradflow.problems.problem import Problem
from gradflow.rules import GradientDescent, LinearLimit, Preconditioned, Unlimited, UpdateRule, as_rule
from gradflow.types import Array


def largest_stable_learning_rate(problem: Problem, w: ArrayLike, rule: UpdateRule | None = None) -> float:
    """Return the learning rate up to which `rule` is stable in the steepest direction at `w`.

    Linear and local: on the quadratic with the Hessian H = H(w), the component along the top
    eigenvector shrinks below the limit and grows above it. With lambda the sharpness,

    ======================  =========================================================
    rule                    limit
    ======================  =========================================================
    descent                 2 / lambda
    heavy ball              (2 + 2 b) / lambda
    Nesterov                (2 + 2 b) / ((1 + 2 b) lambda)
    RMSProp                 2 / lambda, of the preconditioned Hessian
    Adam                    (2 + 2 b1) / ((1 - b1) lambda), of the preconditioned Hessian
    ======================  =========================================================

    For RMSProp and Adam lambda = lambda_max(P^1/2 H P^1/2) with the preconditioner frozen at what it
    tends to while the weights rest at `w`, ``P = diag(1 / (|g(w)| + epsilon))``. Where g has vanished that
    is 1 / epsilon, and the limit of the order of epsilon.

    If the rule's learning rate is a vector or a matrix M, lambda = lambda_max(M^1/2 H M^1/2) and the answer
    is the largest stable *multiple* of M: above 1 the rule is stable as it stands. A number or a
    schedule in the rule is ignored.

    Parameters
    ----------
    problem : Problem
    w : array_like, shape (n,)
    rule : UpdateRule, optional
        One of `gradflow.rules`; plain descent by default.

    Returns
    -------
    float
        A learning rate, or a multiple of the rule's own vector or matrix.

    Raises
    ------
    ValueError
        If the loss has no positive curvature at `w`; if the rule has no linear limit (sign and
        normalized descent, whose steps do not shrink with the gradient; RMSProp and Adam with a
        matrix) or is unknown.
    Undefined
        If the Hessian has no finite value at `w`.

    References
    ----------
    Cohen et al., "Gradient Descent on Neural Networks Typically Occurs at the Edge of Stability",
    ICLR 2021, appendix B (momentum); Cohen et al., "Adaptive Gradient Methods at the Edge of
    Stability", 2022 (38 / lambda for Adam with b1 = 0.9).

    Examples
    --------
    >>> from gradflow.problems import Quadratic
    >>> largest_stable_learning_rate(Quadratic([1.0, 4.0]), [0.0, 0.0])
    0.5
    >>> from gradflow.rules import HeavyBall
    >>> largest_stable_learning_rate(Quadratic([1.0, 4.0]), [0.0, 0.0], HeavyBall(0.1, momentum=0.5))
    0.75
    """
    w = validate.weight_vector("w", w, problem.num_weights)
    rule = GradientDescent(1.0) if rule is None else rule
    steepest = stable_product(rule)
    curvature = sharpness(problem, w, preconditioner=_preconditioner(problem, w, rule))
    if curvature <= 0:
        raise ValueError(
            f"`w` must be where the loss curves upwards, got a sharpness of {curvature:g}: "
            "no learning rate is too large in the linear sense"
        )
    return steepest / curvature


def effective_sharpness(
    problem: Problem, w: ArrayLike, rule: float | UpdateRule, state: Any = None, step: int = 0
) -> float:
    """Return 2 eta / (the largest stable learning rate) at `w`: a rule is linearly stable below 2.

    For plain descent that is eta lambda_max(H); for heavy ball eta lambda_max / (1 + b); for RMSProp
    eta lambda_max(P^1/2 H P^1/2) with the preconditioner P = diag(1 / (sqrt(s) + epsilon)).

    Parameters
    ----------
    problem : Problem
    w : array_like, shape (n,)
    rule : float or UpdateRule
        A learning rate, or one of `gradflow.rules`.
    state : optional
        The rule's memory, from which RMSProp and Adam have their preconditioner; by default the one it
        tends to while the weights rest at `w`.
    step : int
        The step about to be taken: the argument of a schedule, and of Adam's bias correction.

    Returns
    -------
    float
        A pure number; not positive where the loss does not curve upwards.

    Raises
    ------
    ValueError
        If the rule has no linear limit or is unknown.
    Undefined
        If the Hessian has no finite value at `w`.

    References
    ----------
    Cohen et al., "Adaptive Gradient Methods at the Edge of Stability", 2022, section 3.

    Examples
    --------
    >>> from gradflow.problems import Quadratic
    >>> effective_sharpness(Quadratic([1.0, 4.0]), [0.0, 0.0], 0.25)
    1.0
    >>> from gradflow.rules import HeavyBall
    >>> effective_sharpness(Quadratic([1.0, 4.0]), [0.0, 0.0], HeavyBall(0.75, momentum=0.5))
    2.0
    """
    w = validate.weight_vector("w", w, problem.num_weights)
    rule = as_rule(rule)
    steepest = stable_product(rule)
    rate = rule.learning_rate(step) if callable(rule.learning_rate) else rule.learning_rate
    unit = 1.0 if isinstance(rate, np.ndarray) else rate
    metric = _preconditioner(problem, w, rule, state, step)
    return 2.0 * unit * sharpness(problem, w, preconditioner=metric) / steepest


def stable_product(rule: UpdateRule) -> float:
    """Return the largest stable learning rate of a rule times the sharpness, as it says itself.

    Raises
    ------
    ValueError
        If the rule has no linear limit, or says nothing of one.
    """
    if isinstance(rule, LinearLimit):
        return rule.stable_product
    name = type(rule).__name__
    if isinstance(rule, Unlimited):
        raise ValueError(f"`rule` must have a linear limit, got {name}, {rule.no_limit}")
    raise ValueError(
        f"`rule` must say what it is stable below, by a property `stable_product`, got {name} without"
    )


def _preconditioner(
    problem: Problem, w: Array, rule: UpdateRule, state: Any = None, step: int = 0
) -> Array | None:
    """Return the matrix M (or its diagonal, or None for 1) of the frozen rule w <- w - M g.

    Without a memory, that of weights at rest.
    """
    rate = rule.learning_rate
    given = rate if isinstance(rate, np.ndarray) else None
    if given is not None and len(given) != w.size:
        raise ValueError(
            f"`rule` must have a learning rate for {w.size} weights, got one of shape {given.shape}"
        )
    if not isinstance(rule, Preconditioned):
        return given
    if given is not None and given.ndim == 2:
        raise ValueError(
            f"`rule` must have a learning rate that is a number or a vector in {type(rule).__name__}, "
            "got a matrix, whose product with the preconditioner is not symmetric"
        )
    return (1.0 if given is None else given) * rule.preconditioner(problem.gradient(w), state, step)
